"""Attributes of a span that are made when somebody reads them, usually on an exporter's thread.

A model call has to be paid for by its caller only as far as the caller can notice: taking references. What the SDK
keeps as a span's attributes is turned into a `_Deferred`, whose dict is made at the first look and is from then on an
ordinary one. So every processor and exporter sees the same attributes, and one that nobody reads costs nothing.

This leans on three details of the SDK, the same from 1.27 to 1.45: a span keeps a `BoundedAttributes` in `_attributes`,
that keeps a dict in `_dict`, and the span that exporters get shares it. `is_possible` tries them out; where they do not
hold, attributes are set at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Span

from agentops_otel.guard import quietly

Make = Callable[[], Mapping[str, Any]]


class _Deferred(BoundedAttributes):
    """A `BoundedAttributes` that is waiting for its dict; it becomes an ordinary one when it has been made.

    Two threads that look at once both make the dict, which is the same; no lock is taken, for a lock could be held by
    another thread at a fork.
    """

    @property
    def _dict(self) -> Any:
        return self._made()["_dict"]

    @_dict.setter
    def _dict(self, value: Any) -> None:
        self._made()["_dict"] = value

    @property
    def dropped(self) -> Any:
        return self._made()["dropped"]

    @dropped.setter
    def dropped(self, value: Any) -> None:
        self._made()["dropped"] = value

    def _made(self) -> dict[str, Any]:
        state = vars(self)
        make = state.get(_MAKE)
        if make is not None:
            with quietly("making the attributes of a model call"):
                attributes = {**state["_dict"], **make()}
                clean = _cleaned(attributes)
                if clean is not None and self.max_value_len is None and len(clean) <= (self.maxlen or len(clean)):
                    state["_dict"] = type(state["_dict"])(clean)
                else:
                    whole = BoundedAttributes(self.maxlen, attributes, False, self.max_value_len)
                    state["_dict"] = whole._dict
                    state["dropped"] += whole.dropped
            state.pop(_MAKE, None)
        self.__class__ = BoundedAttributes  # type: ignore[assignment]
        return state


_MAKE = "_agentops_make"
_PLAIN = frozenset({str, int, float, bool})


def _cleaned(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes as the SDK keeps them where that is plain to see, in a tenth of its time; else None."""
    clean = {name: tuple(value) if type(value) is list else value for name, value in attributes.items()}
    if "" in clean:
        return None
    for value in clean.values():
        if type(value) not in _PLAIN and not (type(value) is tuple and all(type(one) is str for one in value)):
            return None
    return clean


def set_attributes(span: Span, make: Make) -> None:
    """Give the span the attributes that `make` returns, when they are read; at once where the SDK allows no delay.

    `make` may run on any thread and twice, so it only reads.
    """
    held = getattr(span, "_attributes", None)
    if type(held) is BoundedAttributes and is_possible():
        vars(held)[_MAKE] = make
        held.__class__ = _Deferred
    else:
        span.set_attributes(make())


@functools.lru_cache(maxsize=1)
def is_possible() -> bool:
    """Whether this version of the SDK keeps attributes in the way that is needed."""
    from opentelemetry.sdk.trace import ReadableSpan

    try:
        held = BoundedAttributes(attributes={"first": 1}, immutable=False)
        vars(held)[_MAKE] = lambda: {"second": 2}
        held.__class__ = _Deferred
        seen = dict(ReadableSpan(name="probe", attributes=held).attributes or {})
        return seen == {"first": 1, "second": 2} and held.dropped == 0 and type(held) is BoundedAttributes
    except Exception:  # noqa: BLE001 - whatever another SDK does here, attributes are then set at once
        return False
