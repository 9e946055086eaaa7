"""Events as rows of SQLite and back, exactly. Pure; the columns are those of migrations/.

An event is stored in two places: a slim row of the `events` table, and its large fields (`base.LARGE_FIELDS`) as one
JSON body, so that lists, trees and statistics never touch prompts and results.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any

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
    decimal_text,
)
from agentops_otel.store.base import LARGE_FIELDS
from agentops_otel.values import carried

COMPRESS_FROM = 16 * 1024
"""Bodies of this many bytes and more are compressed: below, zlib costs more time than the page it saves."""

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
_USAGE = {f"usage.{bucket}": f"usage_{bucket}" for bucket in USAGE_BUCKETS}
_TEXTS = {LLMCall: ("cost", "price", "finish_reasons"), ToolCall: ("cost",)}
"""Fields that are neither a number nor text, stored as text."""


def columns_of(cls: type[Event]) -> tuple[str, ...]:
    """The columns that `row_of` fills for this kind of event; the others stay NULL."""
    usage = tuple(_USAGE.values()) if cls is LLMCall else ()
    return (*_COMMON.values(), *_PLAIN[cls], *usage, *_TEXTS.get(cls, ()))


ALL_COLUMNS = tuple(dict.fromkeys(column for cls in EVENT_CLASSES.values() for column in columns_of(cls)))
"""Every column of an event, in the order in which `event_of` takes them."""

Row = tuple[Any, ...]


def _reader(cls: type[Event]) -> Callable[[Any], Row]:
    return attrgetter(*_COMMON, *_PLAIN[cls], *(_USAGE if cls is LLMCall else ()))


_FIELDS = {cls: _reader(cls) for cls in EVENT_CLASSES.values()}
_PAYLOAD_FIELDS = {
    cls: tuple(name for name in LARGE_FIELDS if name != "extra" and name in cls.__dataclass_fields__)
    for cls in EVENT_CLASSES.values()
}
_PAYLOADS = {cls: attrgetter(*names) for cls, names in _PAYLOAD_FIELDS.items()}


def row_of(event: Event) -> Row:
    """The slim row of an event, in the order of `columns_of(type(event))`."""
    cls = type(event)
    row = _FIELDS[cls](event)
    if isinstance(event, LLMCall):
        return (*row, decimal_text(event.cost), _price_text(event.price), _reasons_text(event.finish_reasons))
    if isinstance(event, ToolCall):
        return (*row, decimal_text(event.cost))
    return row


def event_of(session_id: str, event_type: str, values: Row, body: bytes | None) -> Event:
    """The event that `row_of` and `body_of` took apart; `values` in the order of `ALL_COLUMNS`. Without a body the
    large fields have their defaults."""
    cls, (names, pick) = EVENT_CLASSES[event_type], _SLIM[event_type]
    fields: dict[str, Any] = dict(zip(names, pick(values), strict=True))
    fields["truncated"] = bool(fields["truncated"])
    if cls is LLMCall:
        fields["usage"] = Usage(*_PICK_USAGE(values))
        fields["estimated"] = bool(fields["estimated"])
        fields["price"] = _price_of(fields["price"])
        fields["finish_reasons"] = _reasons_of(fields["finish_reasons"])
    if fields.get("cost") is not None:
        fields["cost"] = Decimal(fields["cost"])
    if body is not None:
        fields.update(_decoded(body))
    return cls(session_id=session_id, **fields)


def _picker(columns: Iterable[str]) -> Callable[[Row], Row]:
    return itemgetter(*(ALL_COLUMNS.index(column) for column in columns))


def _slim_of(cls: type[Event]) -> tuple[tuple[str, ...], Callable[[Row], Row]]:
    names = (*_COMMON, *_PLAIN[cls], *_TEXTS.get(cls, ()))
    return names, _picker((*_COMMON.values(), *_PLAIN[cls], *_TEXTS.get(cls, ())))


_SLIM = {event_type: _slim_of(cls) for event_type, cls in EVENT_CLASSES.items()}
_PICK_USAGE = _picker(_USAGE.values())


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

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def body_of(event: Event) -> bytes:
    """The large fields of an event that have a value, as JSON in UTF-8; compressed if that is long."""
    cls = type(event)
    values = zip(_PAYLOAD_FIELDS[cls], _PAYLOADS[cls](event), strict=True)
    large = {name: value for name, value in values if value is not None}
    if event.extra:
        large["extra"] = dict(event.extra)
    try:
        text = _encode(large)
    except (TypeError, ValueError, RecursionError):  # not the JSON that records promise
        text = _encode(carried(large))
    raw = text.encode("utf-8", "surrogatepass")
    return raw if len(raw) < COMPRESS_FROM else zlib.compress(raw, 1)


def _decoded(body: bytes) -> Mapping[str, Json]:
    raw = body if body[:1] == b"{" else zlib.decompress(body)
    decoded: Mapping[str, Json] = json.loads(raw.decode("utf-8", "surrogatepass"))
    return decoded
