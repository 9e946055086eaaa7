"""Two sessions side by side, as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentops_otel.comparison import Comparison, Pair
from agentops_otel.server.dashboard.links import url

ROWS_AT_ONCE = 300


class Row(NamedTuple):
    """A pair of steps, or, without one, how many that are the same stand here."""

    pair: Pair | None
    alike: int = 0


class ComparePage:
    """A comparison from a row on; `everything` says that steps which are the same are rows as well."""

    def __init__(self, comparison: Comparison, first: str, *, everything: bool) -> None:
        self.comparison = comparison
        self.everything = everything
        self._first = int(first) if re.fullmatch("[0-9]{1,7}", first) else 0
        self._rows = list(_rows(comparison.pairs, everything=everything))

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of this page."""
        return self._rows[self._first : self._first + ROWS_AT_ONCE]

    @property
    def before(self) -> str | None:
        """Where the rows before these are."""
        return self._at(max(0, self._first - ROWS_AT_ONCE)) if self._first else None

    @property
    def after(self) -> str | None:
        """Where the rows after these are."""
        more = self._first + ROWS_AT_ONCE
        return self._at(more) if more < len(self._rows) else None

    @property
    def other(self) -> str:
        """The same comparison with the steps that are the same, or without them."""
        return compare_url(self.comparison.a.session_id, self.comparison.b.session_id, everything=not self.everything)

    @property
    def turned(self) -> str:
        """The second session against the first."""
        return compare_url(self.comparison.b.session_id, self.comparison.a.session_id, everything=self.everything)

    @property
    def alike(self) -> int:
        """How many steps are the same."""
        return sum(pair.is_same for pair in self.comparison.pairs)

    def _at(self, first: int) -> str:
        a, b = self.comparison.a.session_id, self.comparison.b.session_id
        return compare_url(a, b, everything=self.everything, first=first)


def compare_url(a: str, b: str, *, everything: bool = False, first: int = 0) -> str:
    """The page that compares two sessions."""
    return url("/compare", a=a, b=b, steps="all" if everything else None, **{"from": str(first) if first else None})


def _rows(pairs: Sequence[Pair], *, everything: bool) -> Iterator[Row]:
    alike = 0
    for pair in pairs:
        if pair.is_same and not everything:
            alike += 1
            continue
        if alike:
            yield Row(None, alike)
        alike = 0
        yield Row(pair)
    if alike:
        yield Row(None, alike)
