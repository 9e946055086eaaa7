"""Attribute values as dialects meet them: typed, lenient, and never raising.

Each reader answers None for a value it cannot use, so that the attribute is left to others and survives in
`Event.extra`. What it answers can be written as JSON and as UTF-8.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar, cast

from agentops_otel.conventions import damaged
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.usage import Place, count, disjoint, dollars
from agentops_otel.records import Json
from agentops_otel.spans import AnyValue
from agentops_otel.values import CUT_MARK, MAX_DEPTH, MAX_TEXT, carried, holds_cut

T = TypeVar("T")

BIGGEST = 2**63 - 1
"""The largest whole number a store can keep."""


def text(value: AnyValue) -> str | None:
    """A text that is not empty."""
    if type(value) is str and value:
        return value if value.isascii() and len(value) <= MAX_TEXT else str(_carried(value))
    return None


def label(value: AnyValue) -> str | None:
    """A short text, without the JSON quotes some vocabularies put around it."""
    if type(value) is str and value and value[0] != '"' and len(value) <= MAX_TEXT and value.isascii():
        return value
    found = text(value)
    if found is not None and found[0] == '"' == found[-1] and len(found) > 2:
        return found[1:-1]
    return found


def number(value: AnyValue) -> float | None:
    """A finite number from 0 on."""
    if type(value) in (int, float) and 0 <= value <= BIGGEST:
        return float(value)
    return None


def flag(value: AnyValue) -> bool | None:
    """True or False."""
    return value if type(value) is bool else None


def whole_text(value: AnyValue) -> str | None:
    """A code, as text: `200`, `OK`."""
    return str(value) if type(value) is int and abs(value) <= BIGGEST else text(value)


def cost(value: AnyValue) -> Decimal | None:
    """What a span says that it cost, in US dollars. 0 is what instrumentors write that know no price, so it is None."""
    amount = dollars(value) if type(value) in (int, float, str) else None
    return amount if amount else None


def milliseconds(seconds: AnyValue) -> float | None:
    """Seconds as milliseconds."""
    found = number(seconds)
    return None if found is None else found * 1000


def texts(value: AnyValue) -> tuple[str, ...] | None:
    """Several texts, also where they came as one, or as a JSON array."""
    if type(value) is str:
        value = parsed(value) if value[:1] == "[" else value
        if type(value) is str:
            return (str(_carried(value)),) if value else None
    if type(value) not in (list, tuple):
        return None
    found = tuple(one for one in map(text, value) if one is not None)
    return found or None


def session_id(value: AnyValue) -> str | None:
    """The id of a session, verbatim. One longer than 256 characters is nobody's."""
    found = text(value)
    return found if found is not None and len(found) <= 256 else None


def plain(value: AnyValue) -> Json:
    """The value itself as JSON; text stays text."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() and len(value) <= MAX_TEXT else _carried(value)
    if kind is int:
        return value if -BIGGEST <= value <= BIGGEST else _carried(value)
    if kind is bool or value is None or (kind is float and -math.inf < value < math.inf):
        return value
    return _carried(value)


def parsed(value: AnyValue) -> Json:
    """A value that may be a JSON object, array or quoted text, as what it stands for; other text stays text.

    Of JSON that was cut short what is there is read, and a Python list or dict as it stands for; `damaged.noted` tells.
    """
    if type(value) is str and value[:1] not in _JSON_STARTS:
        return plain(value)
    return loaded(value)


def loaded(value: AnyValue) -> Json:
    """A value that may be JSON text of any kind, as what it stands for; text that is not JSON stays text."""
    if type(value) is str:
        try:
            return _loads(value)
        except (ValueError, RecursionError):
            return _damaged(value)
    return plain(value)


def _damaged(source: str) -> Json:
    """What can be read of a text that begins as JSON and is none, with a note; else the text."""
    if source[:1] not in ("[", "{"):
        return _carried(source)
    whole = damaged.completed(source)
    if whole is not None:
        with suppress(ValueError, RecursionError):
            value = _loads(whole)
            if value:
                damaged.note(damaged.CUT)
                return value
    shown = damaged.python_value(source)
    if not isinstance(shown, (list, dict)) or not shown:
        return _carried(source)
    damaged.note(damaged.REPR)
    return _carried(shown)


_JSON_STARTS = frozenset('[{"')


def _loads(source: str) -> Json:
    try:
        value, end = _scan(source, 0)
    except StopIteration:
        end = -1
    if end != len(source):
        value = _DECODER.decode(source)
    if type(value) is str or source.count("[") + source.count("{") >= MAX_DEPTH:
        return _carried(value)
    if source.isascii() and "\\u" not in source:
        return value
    if "\\ud" in source or not _is_utf8(source):  # lone surrogates cannot be written again
        return _carried(value)
    if CUT_MARK in source:
        _note_cuts(value)
    return value


def _carried(value: AnyValue) -> Json:
    """A value as JSON, with a note if a text in it is cut short, be it here or by whoever sent it."""
    return _note_cuts(carried(value))


def _note_cuts(value: Json) -> Json:
    if holds_cut(value):
        damaged.note(damaged.SHORTENED)
    return value


def _is_utf8(source: str) -> bool:
    try:
        source.encode()
    except UnicodeEncodeError:
        return False
    return True


def _constant(name: str) -> Json:
    return {"$type": "float", "$repr": name}


def _float(digits: str) -> Json:
    value = float(digits)
    return value if math.isfinite(value) else {"$type": "float", "$repr": digits[:40]}


def _int(digits: str) -> Json:
    if len(digits) < 19:
        return int(digits)
    return carried(int(digits)) if len(digits) < 100 else {"$type": "int", "$repr": f"{digits[:40]}…"}


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_int)
_scan = _DECODER.scan_once  # type: ignore[attr-defined]  # raw_decode without its frames

# --- what follows from the names alone -------------------------------------------------------------------------------

_SHAPES: dict[tuple[str, ...], dict[Any, Any]] = {}
_MOST_SHAPES, _LONGEST_SHAPE = 1024, 8192


def by_shape(work_out: Callable[[tuple[str, ...]], T]) -> Callable[[Mapping[str, AnyValue]], T]:
    """What follows from the names of a span's attributes alone, worked out once for all spans of the same names.

    An instrumentor writes few sets of names and many spans. Sets that are too long are not remembered, and with too
    many of them all are forgotten.
    """

    def of(attributes: Mapping[str, AnyValue]) -> T:
        names = tuple(attributes)
        known = _SHAPES.get(names)
        if known is None:
            known = _remembered(names)
        found = known.get(of)
        if found is None:
            found = known[of] = work_out(names)
        return cast(T, found)

    return of


def _remembered(names: tuple[str, ...]) -> dict[Any, Any]:
    known: dict[Any, Any] = {}
    if sum(map(len, names)) <= _LONGEST_SHAPE:
        if len(_SHAPES) >= _MOST_SHAPES:
            _SHAPES.clear()
        _SHAPES[names] = known
    return known


# --- tables ----------------------------------------------------------------------------------------------------------

Reader = Callable[[AnyValue], Any]
Rule = tuple[str, str, Reader]
"""An attribute, the field it holds, and the reader of its value."""


class Rules:
    """Which attribute holds which field of a Reading; of several for a field, best first.

    The documentation of a vocabulary is made of them. `present` are the rules for the attributes that are there.
    """

    __slots__ = ("flat", "present")

    def __init__(self, flat: tuple[Rule, ...]) -> None:
        self.flat = flat
        self.present = by_shape(self.among)

    def among(self, names: Sequence[str]) -> tuple[Rule, ...]:
        """The rules for these attributes."""
        return tuple(rule for rule in self.flat if rule[0] in names)


def rules(*each: tuple[str, Reader, tuple[str, ...]]) -> Rules:
    """The rules as one table."""
    return Rules(tuple((name, target, read) for target, read, names in each for name in names))


def places(**each: tuple[str, ...]) -> Rules:
    """Rules for token counts: arguments of `usage.disjoint`, and the attributes that may hold them, best first."""
    return rules(*((part, count, names) for part, names in each.items()))


def found(
    attributes: Mapping[str, AnyValue], present: Sequence[Rule], consumed: dict[str, str], into: str = ""
) -> dict[str, Any]:
    """What the attributes say by the rules for them, by field; noted as consumed by it, or by what they are part of.

    A synonym that says the same as the one that was taken is consumed with it; one that differs is left.
    """
    out: dict[str, Any] = {}
    for name, target, read in present:
        raw = attributes[name]
        value = None if raw is None else read(raw)
        if value is not None and (target not in out or out[target] == value):
            out[target] = value
            consumed[name] = into or target
    return out


def take(attributes: Mapping[str, AnyValue], table: Rules, reading: Reading) -> None:
    """Fill fields of `reading` with what is found by `table`."""
    vars(reading).update(found(attributes, table.present(attributes), reading.consumed))


def take_usage(
    attributes: Mapping[str, AnyValue],
    table: Rules,
    reading: Reading,
    *,
    cache: Place = "either",
    thinking: Place = "either",
) -> None:
    """Fill `reading.usage` from the counts at these places; what contradicts is marked."""
    take_counts(found(attributes, table.present(attributes), reading.consumed, "usage"), reading, cache, thinking)


def take_counts(counts: dict[str, int], reading: Reading, cache: Place = "either", thinking: Place = "either") -> None:
    """Fill `reading.usage` from these arguments of `usage.disjoint`, if there are any."""
    if counts:
        reading.usage, doubt = disjoint(**counts, cache=cache, thinking=thinking)
        if doubt is not None:
            reading.marks.append(f"usage: {doubt}")


# --- numbered attributes ---------------------------------------------------------------------------------------------

_DEEPEST = 12


def nested(attributes: Mapping[str, AnyValue], prefix: str, consumed: dict[str, str], into: str) -> Json:
    """What stands in attributes like `prefix.0.role` as lists and objects; None if there is none.

    A gap in the numbers (evicted attributes) closes; what is left keeps its order.
    """
    tree: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith(prefix):
            consumed[name] = into
            *path, last = name[len(prefix) :].split(".", _DEEPEST)
            node = tree
            for step in path:
                below = node.get(step)
                if type(below) is not dict:
                    below = node[step] = {}
                node = below
            node.setdefault(last, plain(value))
    return _listed(tree) if tree else None


def _listed(tree: Any) -> Json:
    if type(tree) is not dict:
        return tree
    if tree and all(key.isdecimal() for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=lambda key: (len(key), key))]
    return {key: _listed(value) for key, value in tree.items()}
