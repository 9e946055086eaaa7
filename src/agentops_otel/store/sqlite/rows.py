"""Events as rows of SQLite and back, exactly. Pure; the columns are those of migrations/.

An event is stored in two places: a slim row of the `events` table, and its large fields (`base.LARGE_FIELDS`) as one
JSON body, so that lists, trees and statistics never touch prompts and results.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from decimal import Decimal
from operator import attrgetter, itemgetter
from types import ModuleType
from typing import Any

from agentops_otel.dedupe import told_by
from agentops_otel.records import (
    EVENT_CLASSES,
    USAGE_BUCKETS,
    Action,
    ApiCall,
    Event,
    Failure,
    Json,
    LLMCall,
    Price,
    ToolCall,
    Usage,
)
from agentops_otel.store.base import LARGE_FIELDS
from agentops_otel.store.sqlite.segments import damaged
from agentops_otel.values import carried

_COMMON = {
    "init_timestamp": "start_ns",
    "event_id": "event_id",
    "name": "name",
    "end_timestamp": "end_ns",
    "parent_id": "parent_id",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "agent_id": "agent_id",
    "agent_name": "agent_name",
    "truncated": "truncated",
}
_PLAIN: dict[type[Event], tuple[str, ...]] = {
    LLMCall: ("operation", "provider", "model", "request_model", "response_id", "time_to_first_token_ms", "estimated"),
    ToolCall: (),
    Action: ("action_type",),
    ApiCall: ("method", "target", "status"),
    Failure: ("error_type", "code", "trigger_event_id", "trigger_event_type"),
}
_USAGE = tuple(f"usage_{bucket}" for bucket in USAGE_BUCKETS)
"""Columns for each bucket, as older rows have them."""
_OFTEN = ("input", "output", "cache_read")
_SELDOM = tuple(bucket for bucket in USAGE_BUCKETS if bucket not in _OFTEN)
_NO_MORE = (None,) * len(_SELDOM)
_TEXTS = {LLMCall: ("cost", "price", "finish_reasons"), ToolCall: ("cost",)}
"""Fields that are neither a number nor text, stored as text."""
_JUDGED: dict[type[Event], tuple[str, ...]] = {LLMCall: ("content",), Failure: ("said",)}
"""What large fields hold that decides between twins, beside `scope` and `failed`."""


def columns_of(cls: type[Event]) -> tuple[str, ...]:
    """The columns that `row_of` fills for this kind of event; the others stay NULL."""
    usage = (*(f"usage_{bucket}" for bucket in _OFTEN), "usage_more") if cls is LLMCall else ()
    judged = ("scope", "failed", *_JUDGED.get(cls, ()))
    return (*_COMMON.values(), *_PLAIN[cls], *usage, *_TEXTS.get(cls, ()), *judged)


ALL_COLUMNS = tuple(dict.fromkeys((*(one for cls in EVENT_CLASSES.values() for one in columns_of(cls)), *_USAGE)))
"""Every column of an event, in the order in which `event_of` takes them."""

Row = tuple[Any, ...]


_FIELDS: dict[type[Event], Callable[[Any], Row]] = {
    cls: attrgetter(*_COMMON, *_PLAIN[cls]) for cls in EVENT_CLASSES.values()
}
_OFTEN_OF: Callable[[Any], Row] = attrgetter(*_OFTEN)
_SELDOM_OF: Callable[[Any], Row] = attrgetter(*_SELDOM)


def _large_of(cls: type[Event]) -> tuple[tuple[str, ...], Callable[[Any], Row]]:
    names = tuple(name for name in LARGE_FIELDS if name in cls.__dataclass_fields__)
    return names, attrgetter(*names)


_LARGE = {cls: _large_of(cls) for cls in EVENT_CLASSES.values()}


def row_of(event: Event) -> Row:
    """The slim row of an event, in the order of `columns_of(type(event))`."""
    cls = type(event)
    row, judged = _FIELDS[cls](event), told_by(event)
    if isinstance(event, LLMCall):
        texts = _cost_text(event.cost), _price_text(event.price), _reasons_text(event.finish_reasons)
        more = _SELDOM_OF(event.usage)
        usage = *_OFTEN_OF(event.usage), None if more == _NO_MORE else json.dumps(more)
        return (*row, *usage, *texts, *judged, event.completion is not None)
    if isinstance(event, ToolCall):
        return (*row, _cost_text(event.cost), *judged)
    if isinstance(event, Failure):
        return (*row, *judged, _digest(event.details))
    return (*row, *judged)


def _digest(details: Json) -> str | None:
    """Equal for equal texts, and short."""
    if not isinstance(details, str):
        return None
    return hashlib.blake2b(details.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def whole_row(cls: type[Event], row: Row) -> Row:
    """What `row_of` made, in the order that `event_of` takes."""
    known = dict(zip(columns_of(cls), row, strict=True))
    return tuple(known.get(column) for column in ALL_COLUMNS)


def event_of(session_id: str, event_type: str, values: Row, body: bytes | None) -> Event:
    """The event that `row_of` and `body_of` took apart; `values` in the order of `ALL_COLUMNS`. Without a body the
    large fields have their defaults."""
    return _event(session_id, event_type, values, {} if body is None else decoded(body))


def _event(session_id: str, event_type: str, values: Row, large: Mapping[str, Json]) -> Event:
    cls, (names, pick) = EVENT_CLASSES[event_type], _SLIM[event_type]
    known: dict[str, Any] = {**_DEFAULTS[cls], "extra": {}}
    known.update(zip(names, pick(values), strict=True))
    known["truncated"] = bool(known["truncated"])
    if cls is LLMCall:
        *buckets, more = _PICK_USAGE(values)
        usage = Usage(*buckets)
        known["usage"] = usage if more is None else replace(usage, **dict(zip(_SELDOM, json.loads(more), strict=True)))
        known["estimated"] = bool(known["estimated"])
        known["price"] = _price_of(known["price"])
        known["finish_reasons"] = _reasons_of(known["finish_reasons"])
    if known.get("cost") is not None:
        known["cost"] = Decimal(known["cost"])
    known["session_id"] = session_id
    known.update(large)
    return _made(cls, known)


def _made(cls: type[Event], values: Mapping[str, Any]) -> Event:
    """What `cls(**values)` is, from all of its fields in their order. A frozen dataclass sets its fields through
    `object.__setattr__`, which takes three times as long; one by one, instances go on sharing the table of their names.
    """
    event = object.__new__(cls)
    known = vars(event)
    for name, value in values.items():
        known[name] = value
    return event


def judged_of(session_id: str, event_type: str, values: Row) -> Event:
    """The event as far as `dedupe` and statistics need it, without its body."""
    scope, failed, content, said = _PICK_JUDGED(values)
    large: dict[str, Any] = {"extra": {"otel": {"scope": scope or "", "status": "error" if failed else "unset"}}}
    if content:
        large["completion"] = []
    if said is not None:
        large["details"] = said
    return _event(session_id, event_type, values, large)


_DEFAULTS: dict[type[Event], Mapping[str, Any]] = {
    cls: {one.name: None if one.default is MISSING else one.default for one in fields(cls)}
    for cls in EVENT_CLASSES.values()
}


def _picker(columns: Iterable[str]) -> Callable[[Row], Row]:
    return itemgetter(*(ALL_COLUMNS.index(column) for column in columns))


def _slim_of(cls: type[Event]) -> tuple[tuple[str, ...], Callable[[Row], Row]]:
    names = (*_COMMON, *_PLAIN[cls], *_TEXTS.get(cls, ()))
    return names, _picker((*_COMMON.values(), *_PLAIN[cls], *_TEXTS.get(cls, ())))


_SLIM = {event_type: _slim_of(cls) for event_type, cls in EVENT_CLASSES.items()}
_PICK_USAGE = _picker((*_USAGE, "usage_more"))
_PICK_JUDGED = _picker(("scope", "failed", "content", "said"))


def _cost_text(cost: Decimal | None) -> str | None:
    return None if cost is None else format(cost, "f")


@functools.lru_cache(maxsize=512)
def _price_text(price: Price | None) -> str | None:
    return None if price is None else json.dumps([price.source, price.table, price.version])


@functools.lru_cache(maxsize=512)
def _price_of(text: str | None) -> Price | None:
    return None if text is None else Price(*json.loads(text))


@functools.lru_cache(maxsize=512)
def _reasons_text(reasons: tuple[str, ...]) -> str | None:
    return json.dumps(reasons) if reasons else None


@functools.lru_cache(maxsize=512)
def _reasons_of(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()


# --- payloads --------------------------------------------------------------------------------------------------------


def encoder(orjson: ModuleType | None) -> Callable[[Json], bytes]:
    """Compact JSON in UTF-8, by orjson or by the standard library; what orjson refuses, the library writes.

    The library's C encoder is kept: `JSONEncoder.encode` makes it anew for every value, which doubles the time of one
    event. It writes lone surrogates as they are, so that they are read back.
    """
    plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)  # CPython has it
    chunks = make and make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, True)

    def by_json(value: Json) -> bytes:
        text = "".join(chunks(value, 0)) if chunks else plain.encode(value)
        return text.encode("utf-8", "surrogatepass")

    if orjson is None:
        return by_json
    by_orjson: Callable[[Json], bytes] = orjson.dumps

    def encode(value: Json) -> bytes:
        try:
            return by_orjson(value)
        except TypeError:
            return by_json(value)

    return encode


def _orjson() -> ModuleType | None:
    try:
        return importlib.import_module("orjson")
    except ImportError:
        return None


_encode = encoder(_orjson())


def body_of(event: Event) -> bytes:
    """The large fields of an event as one line of JSON in UTF-8."""
    names, values = _LARGE[type(event)]
    large = dict(zip(names, values(event), strict=True))
    try:
        return _encode(large)
    except (TypeError, ValueError, RecursionError):  # not the JSON that records promise
        return _encode(carried(large))


def decoded(body: bytes) -> Mapping[str, Json]:
    """The large fields that `body_of` encoded. Raises StoreCorruptError."""
    try:
        large: Mapping[str, Json] = json.loads(body.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise damaged(error) from error
    return large
