"""What the two encodings of OTLP share: ids, limits, groups, and what to do with values that OTLP cannot carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from agentops_otel.errors import DecodeError
from agentops_otel.spans import AnyValue, FlatLog, FlatSpan

T = TypeVar("T")

MAX_DEPTH = 24
"""How deep arrays and maps may nest in an attribute. Protobuf itself allows 100 messages in each other."""

INT64 = range(-(2**63), 2**63)
UINT64 = range(2**64)
UINT32 = range(2**32)

Scope = tuple[str, "str | None"]
"""Name and version of an instrumentation scope."""

Group = tuple[Mapping[str, AnyValue], Scope, "list[Any]"]
"""Resource, scope, and the neighbouring records that share them."""


def each(items: Iterable[Any], where: str, rejected: list[str] | None, read: Callable[[Any], T]) -> Iterator[T]:
    """Every item read; the first bad one raises DecodeError, or each bad one leaves a sentence in `rejected`."""
    for number, item in enumerate(items):
        try:
            one = read(item)
        except DecodeError as error:
            sentence = f"{where}[{number}]: {error}"
            if rejected is None:
                raise DecodeError(sentence) from None
            rejected.append(sentence)
        else:
            yield one


def known(number: int, last: int, default: int) -> int:
    """Enums are open: a number from the future is read as the default."""
    return number if 0 < number <= last else default


def groups(records: Iterable[FlatSpan] | Iterable[FlatLog]) -> Iterator[Group]:
    """Neighbours with the same resource and scope share a holder; the order of the records is kept."""
    for (resource, scope), group in groupby(
        records, key=lambda one: (one.resource, (one.scope_name, one.scope_version))
    ):
        yield resource, scope, list(group)


def plain(value: AnyValue, depth: int) -> AnyValue:
    """The value if OTLP can carry it, else its text."""
    if isinstance(value, str):
        return utf8(value)
    if value is None or isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, int):
        return value if value in INT64 else str(value)
    if isinstance(value, (Mapping, Sequence)) and depth < MAX_DEPTH:
        return value
    return utf8(str(value))


def utf8(text: object) -> str:
    """The text with lone surrogates, which UTF-8 cannot carry, replaced by question marks."""
    known = text if isinstance(text, str) else str(text)
    return known if known.isascii() else known.encode("utf-8", "replace").decode()


def check_depth(depth: int) -> None:
    """Raise DecodeError where an attribute nests too deeply."""
    if depth >= MAX_DEPTH:
        raise DecodeError(f"an attribute is nested more than {MAX_DEPTH} levels deep")


def sized_id(name: str, digits: str, length: int) -> str:
    """An id of that many hex digits. (The SDK keeps links whose ids are all zeros.)"""
    if len(digits) != length:
        raise DecodeError(f"{name} has {len(digits)} hex digits, expected {length}")
    return digits


def full_id(name: str, digits: str, length: int) -> str:
    """An id of that many hex digits, not all of them zero."""
    if not sized_id(name, digits, length).strip("0"):
        raise DecodeError(f"{name} is all zeros")
    return digits


def optional_id(name: str, digits: str, length: int) -> str | None:
    """An id where nothing, or zeros, say that there is none."""
    return sized_id(name, digits, length) if digits.strip("0") else None
