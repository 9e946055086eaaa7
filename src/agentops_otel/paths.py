"""What is deep in the values of others: nested mappings, lists, and objects of clients, read alike.

Nothing here raises or changes anything; what is not there is None.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

_STEP = re.compile(r"([^.\[]+)(?:\[(\w+)=(\w+)\])?\.?")


@functools.lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(_STEP.findall(path))


def at(raw: object, path: str) -> Any:
    """What is at `path` in nested mappings and objects, or None: `a.b`, `items.0.n`, or `items[kind=X].n` by a member.

    A literal key with dots, as flattened attributes have, is found too.
    """
    value: Any = raw
    if _kind(type(raw)) == "mapping" and path in value:
        return value[path]
    steps = _steps(path)
    if len(steps) == 1 and not steps[0][1]:
        return member(value, path)
    for name, key, wanted in steps:
        value = member(value, name)
        if key:
            value = _item(value, key, wanted)
        if value is None:
            return None
    return value


def member(value: Any, name: str) -> Any:
    """A key of a mapping, a place in a list, or an attribute of an object; None if it has none of that name."""
    kind = _kind(type(value))
    if kind == "mapping":
        return value.get(name)
    if kind == "model":
        return _field(value, name)
    if kind == "array":
        return value[int(name)] if name.isdigit() and int(name) < len(value) else None
    if kind == "scalar":
        return None
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign object may raise anything; what cannot be read is unknown
        return None


def members(value: Any) -> Callable[[str], Any]:
    """`member` of one value, to be asked for several names: what it is made of is looked at once."""
    kind = _kind(type(value))
    if kind == "mapping":
        return value.get  # type: ignore[no-any-return]
    if kind == "model":
        return _fields(value).get
    return functools.partial(member, value)


def names(value: Any) -> tuple[str, ...] | None:
    """The names of the members of a mapping or a model that are not None; None where they cannot be listed."""
    kind = _kind(type(value))
    if kind not in ("mapping", "model"):
        return None
    held = value if kind == "mapping" else _fields(value)
    return tuple([name for name, one in held.items() if one is not None])


Kind = Literal["mapping", "model", "array", "scalar", "object"]


def _kind_of(cls: type) -> Kind:
    if issubclass(cls, Mapping):
        return "mapping"
    if hasattr(cls, "__pydantic_fields__"):
        return "model"
    if issubclass(cls, (list, tuple)):
        return "array"
    if issubclass(cls, (str, bytes, int, float, type(None))):
        return "scalar"
    return "object"


_kind: Callable[[Any], Kind] = functools.lru_cache(maxsize=1024)(_kind_of)

_MISSING: Any = object()


def _field(model: Any, name: str) -> Any:
    """A field of a pydantic model, declared or extra. `getattr` would spend microseconds on one that is not there."""
    found = model.__dict__.get(name, _MISSING)
    if found is not _MISSING:
        return found
    extra = getattr(model, "__pydantic_extra__", None)
    return extra.get(name) if extra else None


def _fields(model: Any) -> dict[str, Any]:
    """The fields of a pydantic model, declared and extra."""
    extra, declared = getattr(model, "__pydantic_extra__", None), model.__dict__
    return {**extra, **declared} if extra else declared


def _item(values: object, key: str, wanted: str) -> Any:
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        return None
    for item in values:
        found = member(item, key)
        if str(getattr(found, "value", found)).upper() == wanted.upper():
            return item
    return None
