"""Any Python value as JSON: what JSON cannot carry is shown by its repr, bounded, and marked.

Marks are objects with a `$type`: `{"$type": "datetime.timedelta", "$repr": "..."}`. A text cut short ends in
`… [10485760 characters]`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from agentops_otel.records import Json

MAX_TEXT = 1_000_000
"""Longest text that is kept whole, in characters."""

MAX_REPR = 1_000
MAX_ITEMS = 10_000
MAX_DEPTH = 64
MAX_INT_BITS = 4_096


def carried(value: Any, max_text: int = MAX_TEXT) -> Json:
    """`value` as something `json.dumps` takes and every JSON reader reads back. Never raises; changes nothing."""
    return _Carrier(max_text).carry(value, 0)


def dumps(value: Any, max_text: int = MAX_TEXT) -> str:
    """`value` as JSON text. Plain values take a fast path; the others are carried first."""
    if type(value) is str and len(value) > max_text:
        value = cut(value, max_text)
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return _encode(carried(value, max_text))
    if len(text) > max_text or not (text.isascii() or _is_encodable(text)):
        return _encode(carried(value, max_text))
    return text


def _encoder() -> Callable[[Any], str]:
    """Compact JSON. The library's C encoder is kept: `JSONEncoder.encode` makes one for every value, in twice the time.

    A cycle runs into RecursionError, as too deep a nesting does.
    """
    plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)  # CPython has it
    if make is None:
        return plain.encode
    chunks = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


def loads(text: Any) -> Json:
    """JSON text as a value; text that is not JSON stays text. The inverse of `dumps` for what it wrote."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


CUT_MARK = " characters]"
"""What every text that was cut short ends with."""


def cut(text: str, max_text: int = MAX_TEXT) -> str:
    """`text`, cut to `max_text` characters with a mark that tells its full length."""
    if len(text) <= max_text or (len(text) <= max_text + 40 and is_cut(text)):
        return text
    return f"{text[:max_text]}… [{len(text)}{CUT_MARK}"


def is_cut(text: str) -> bool:
    """Whether `cut` shortened this text."""
    return text.endswith(CUT_MARK) and "… [" in text[-40:]


def holds_cut(value: Any) -> bool:
    """Whether any text in a JSON value was cut short."""
    if isinstance(value, str):
        return is_cut(value)
    if isinstance(value, dict):
        return any(map(holds_cut, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_cut, value))


class _Carrier:
    def __init__(self, max_text: int) -> None:
        self._max_text = max_text
        self._open: set[int] = set()

    def carry(self, value: Any, depth: int) -> Json:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Enum):
            return self.carry(value.value, depth + 1)
        if isinstance(value, str):
            return _encodable(cut(str(value), self._max_text))
        if isinstance(value, int):
            return int(value) if value.bit_length() <= MAX_INT_BITS else marked(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else marked(value)
        if isinstance(value, Decimal):
            return str(value) if value.is_finite() else marked(value)
        if isinstance(value, (UUID, PurePath)):
            return str(value)
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        return self._carry_container(value, depth)

    def _carry_container(self, value: Any, depth: int) -> Json:
        if depth > MAX_DEPTH or id(value) in self._open:
            return {"$type": type_name(value), "$repr": "…" if depth > MAX_DEPTH else "(cycle)"}
        self._open.add(id(value))
        try:
            return self._opened(value, depth)
        except Exception:  # noqa: BLE001 - a foreign object may do anything when it is looked at
            return marked(value)
        finally:
            self._open.discard(id(value))

    def _opened(self, value: Any, depth: int) -> Json:
        if isinstance(value, Mapping):
            return self._object(value.items(), depth)
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        if isinstance(value, (set, frozenset)):
            return self._array(sorted(value, key=repr), depth)
        if isinstance(value, type):
            return marked(value)
        dump = getattr(value, "model_dump", None)
        if callable(dump):
            return self.carry(dump(mode="json"), depth + 1)
        if dataclasses.is_dataclass(value):
            return self._object(((f.name, getattr(value, f.name)) for f in dataclasses.fields(value)), depth)
        return marked(value)

    def _object(self, items: Iterable[tuple[Any, Any]], depth: int) -> Json:
        out: dict[str, Json] = {}
        for key, item in items:
            if len(out) >= MAX_ITEMS:
                out["$cut"] = MAX_ITEMS
                break
            out[_encodable(key if isinstance(key, str) else _key(key))] = self.carry(item, depth + 1)
        return out

    def _array(self, items: list[Any] | tuple[Any, ...], depth: int) -> Json:
        kept = [self.carry(item, depth + 1) for item in items[:MAX_ITEMS]]
        return [*kept, {"$cut": len(items)}] if len(items) > MAX_ITEMS else kept


def marked(value: Any) -> Json:
    """A value that JSON cannot carry, by its bounded repr. Never raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a foreign __repr__ may raise anything
        text = f"(repr raised {type(error).__name__})"
    out: dict[str, Json] = {"$type": type_name(value), "$repr": _encodable(cut(text, MAX_REPR))}
    if isinstance(value, (bytes, bytearray)):
        out["$size"] = len(value)
    return out


def type_name(value: Any) -> str:
    """`datetime.timedelta`, `ValueError`: the qualified name, without `builtins`."""
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _key(key: Any) -> str:
    """As `json.dumps` spells keys that are not text: null, true, 1; others by their str."""
    return _encode(key) if key is None or isinstance(key, (bool, int, float)) else str(key)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str) -> str:
    """Lone surrogates cannot be written as UTF-8: they become `\\udc80` in plain characters."""
    return text if _is_encodable(text) else text.encode("utf-8", "backslashreplace").decode()
