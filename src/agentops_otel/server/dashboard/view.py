"""How the waterfall of a session is looked at: all of it stands in the URL."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from starlette.datastructures import QueryParams

EVERYTHING = "all"
"""The value of `open` that opens every fold, and of `shut` that closes every event with something inside."""


class View(NamedTuple):
    """What the query of a URL asks for; what it says wrongly is as if it said nothing.

    `apis` shows API calls, `calls` those of some events, by their ids, `agent` only the events of one, `failed` only
    what went wrong and what it is in. `opened` are the folds that are open, by the id of their first event; `shut`
    are the events that hide what is inside them, or, where all others do, those that do not. `event` is the one that
    is picked, `row` is where the rows begin, `path` marks the critical path, `closed` closes gaps, and `begin_ns` and
    `end_ns` are the part of the time that is shown, since the first start.
    """

    apis: bool = False
    calls: frozenset[str] = frozenset()
    agent: str | None = None
    failed: bool = False
    opened: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()
    event: str | None = None
    row: int | None = None
    path: bool = False
    closed: bool = False
    begin_ns: int | None = None
    end_ns: int | None = None

    @classmethod
    def of(cls, asked: QueryParams) -> View:
        """The view that a URL asks for."""
        return cls(
            apis=asked.get("apis") == "yes",
            calls=frozenset(asked.getlist("api")),
            agent=asked.get("agent") or None,
            failed=asked.get("errors") == "only",
            opened=frozenset(asked.getlist("open")),
            shut=frozenset(asked.getlist("shut")),
            event=asked.get("event") or None,
            row=number(asked.get("row")),
            path=asked.get("critical") == "yes",
            closed=asked.get("gaps") == "closed",
            begin_ns=_nanoseconds(asked.get("from")),
            end_ns=_nanoseconds(asked.get("to")),
        )

    @property
    def kept(self) -> Mapping[str, str | Sequence[str] | None]:
        """What goes on into every link of the waterfall."""
        return {
            "apis": "yes" if self.apis else None,
            "api": sorted(self.calls),
            "agent": self.agent,
            "errors": "only" if self.failed else None,
            "open": sorted(self.opened),
            "shut": sorted(self.shut),
            "critical": "yes" if self.path else None,
            "gaps": "closed" if self.closed else None,
            "from": seconds(self.begin_ns),
            "to": seconds(self.end_ns),
        }

    @property
    def is_part(self) -> bool:
        """Whether a part of the time is chosen."""
        return self.begin_ns is not None or self.end_ns is not None

    @property
    def shown_calls(self) -> bool | Collection[str]:
        """Whether API calls are shown, or the events of which they are."""
        return self.apis or self.calls

    def calls_of(self, event_id: str) -> bool:
        """Whether the API calls of an event are shown."""
        return event_id in self.calls and not self.hides(event_id)

    def called(self, event_id: str) -> Mapping[str, Sequence[str]]:
        """What of the URL is another once the API calls of this event are shown, or hidden."""
        if self.calls_of(event_id):
            return {"api": sorted(self.calls - {event_id})}
        return {"api": sorted(self.calls | {event_id}), "shut": sorted(self.revealing([event_id]).shut)}

    def shows(self, fold: str) -> bool:
        """Whether a fold is open."""
        return fold in self.opened or EVERYTHING in self.opened

    def toggled(self, fold: str) -> list[str]:
        """The folds that are open once this one is opened or shut."""
        return sorted(self.opened ^ {fold})

    def hides(self, event_id: str) -> bool:
        """Whether what is inside of an event is not shown."""
        return (event_id in self.shut) != (EVERYTHING in self.shut)

    def turned(self, event_id: str) -> list[str]:
        """What `shut` is once this event shows what is inside, or hides it."""
        return sorted(self.shut ^ {event_id})

    def revealing(self, around: Iterable[str]) -> View:
        """The view in which none of these events hides anything."""
        return self._replace(shut=self.shut ^ {one for one in around if self.hides(one)})


def number(said: str | None, *, at_most: int = 9_999_999) -> int | None:
    """A count in a URL; None for anything else."""
    return min(int(said), at_most) if said is not None and re.fullmatch("[0-9]{1,9}", said) else None


def seconds(time_ns: int | None) -> str | None:
    """`12.5`, as it stands in a URL and in the fields of a form."""
    return None if time_ns is None else f"{time_ns / 1e9:.9f}".rstrip("0").rstrip(".")


def _nanoseconds(said: str | None) -> int | None:
    if said is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", said):
        return None
    return round(float(said) * 1e9)
