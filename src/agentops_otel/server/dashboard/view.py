"""How the waterfall of a session is looked at: all of it stands in the URL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.datastructures import QueryParams

EVERYTHING = "all"
"""The value of `open` that opens every fold."""


class View(NamedTuple):
    """What the query of a URL asks for; what it says wrongly is as if it said nothing.

    `apis` shows API calls, `agent` only the events of one, `opened` are the folds that are open, by the id of their
    first event, `event` the one that is picked, `row` is where the rows begin, `path` marks the critical path.
    """

    apis: bool = False
    agent: str | None = None
    opened: frozenset[str] = frozenset()
    event: str | None = None
    row: int | None = None
    path: bool = False

    @classmethod
    def of(cls, asked: QueryParams) -> View:
        """The view that a URL asks for."""
        return cls(
            apis=asked.get("apis") == "yes",
            agent=asked.get("agent") or None,
            opened=frozenset(asked.getlist("open")),
            event=asked.get("event") or None,
            row=number(asked.get("row")),
            path=asked.get("critical") == "yes",
        )

    @property
    def kept(self) -> Mapping[str, str | Sequence[str] | None]:
        """What goes on into every link of the waterfall."""
        return {
            "apis": "yes" if self.apis else None,
            "agent": self.agent,
            "open": sorted(self.opened),
            "critical": "yes" if self.path else None,
        }

    def shows(self, fold: str) -> bool:
        """Whether a fold is open."""
        return fold in self.opened or EVERYTHING in self.opened

    def toggled(self, fold: str) -> list[str]:
        """The folds that are open once this one is opened or shut."""
        return sorted(self.opened ^ {fold})


def number(said: str | None, *, at_most: int = 9_999_999) -> int | None:
    """A count in a URL; None for anything else."""
    return min(int(said), at_most) if said is not None and re.fullmatch("[0-9]{1,9}", said) else None
