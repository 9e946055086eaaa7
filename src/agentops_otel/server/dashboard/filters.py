"""The filters of the list of sessions: what a URL says, as a query, and the URLs of other filters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from starlette.datastructures import QueryParams

from agentops_otel.errors import InvalidValueError
from agentops_otel.server.dashboard.links import sessions_url
from agentops_otel.store.base import SESSION_SORTS, SessionQuery, SessionSort
from agentops_otel.text.values import UNITS_S, moment_of
from agentops_otel.v2 import END_STATE_NAMES

LABELS = {
    "text": "Says",
    "state": "State",
    "reason": "Reason",
    "since": "Since",
    "until": "Until",
    "model": "Model",
    "provider": "Provider",
    "host": "Host",
    "tag": "Tag",
    "min_cost": "Cost from",
    "max_cost": "Cost to",
    "min_duration": "Duration from",
    "max_duration": "Duration to",
    "errors": "Errors",
    "id": "Id begins with",
    "shared": "Of other projects",
}
"""Every filter, by its name in the URL."""

STATES = {
    "running": "Running",
    "success": "Success",
    "failure": "Failure",
    "indeterminate": "Indeterminate",
    "undecided": "Running or indeterminate",
}
"""What can be asked for as `state=`, in words."""

RARE = {"model", "provider", "host", "min_cost", "max_cost", "min_duration", "max_duration", "id"}
"""The filters whose fields are unfolded only where one of them is set, or on demand."""

NO_REASON = "none"
"""The value of `reason` that asks for sessions without one."""

TIMES = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}


WORDS = {("since", value): words for value, words in TIMES.items()} | {("state", "undecided"): STATES["undecided"]}
"""Values of filters that a person reads in other words."""

COLUMNS = {
    "start": "Started",
    "duration": "Duration",
    "cost": "Cost",
    "tokens": "Tokens in / cached / out",
    "events": "Events",
    "errors": "Errors",
    "who": "Agents and models",
    "said": "First prompt, last answer",
    "host": "Host",
    "end": "Ended",
}
"""The columns of the list beside state and session, by their name in the URL (`column=`)."""

SHOWN = ("start", "duration", "cost", "tokens", "events", "errors", "who", "said")
"""The columns that are shown unless others are asked for."""


class Chip(NamedTuple):
    """A filter that is set, and the list without it."""

    label: str
    value: str
    url_without: str


@dataclass(frozen=True)
class Filters:
    """The filters that are set, by name, as text. Empty ones are not. `sort` and `columns` say how the list looks."""

    values: Mapping[str, str]
    sort: SessionSort = "start"
    ascending: bool = False
    columns: tuple[str, ...] = SHOWN

    @classmethod
    def of(cls, asked: QueryParams) -> Filters:
        """What a URL's query says; unknown names are left out."""
        columns = tuple(name for name in COLUMNS if name in asked.getlist("column"))
        sort: SessionSort = next((one for one in SESSION_SORTS if one == asked.get("sort")), "start")
        values = {name: asked[name].strip() for name in LABELS if asked.get(name, "").strip()}
        return cls(values, sort, asked.get("order") == "up", columns or SHOWN)

    def query(self, now_ns: int, limit: int, cursor: str | None = None) -> SessionQuery:
        """The query of the store. Raises InvalidValueError, naming value and remedy."""
        state, errors = self._choice("state", tuple(STATES)), self._choice("errors", ("yes", "no"))
        shared = self._choice("shared", ("yes", "no"))
        reason = self.values.get("reason")
        return SessionQuery(
            tag=self.values.get("tag"),
            end_state=END_STATE_NAMES.get("Indeterminate" if state == "undecided" else (state or "").title()),
            running=None if state in (None, "undecided") else state == "running",
            reason="" if reason == NO_REASON else reason,
            model=self.values.get("model"),
            provider=self.values.get("provider"),
            host=self.values.get("host"),
            since_ns=self._moment("since", now_ns),
            until_ns=self._moment("until", now_ns),
            has_errors=None if errors is None else errors == "yes",
            min_cost=self._dollars("min_cost"),
            max_cost=self._dollars("max_cost"),
            id_prefix=self.values.get("id"),
            shared=None if shared is None else shared == "yes",
            text=self.values.get("text"),
            min_duration_ns=self._duration("min_duration"),
            max_duration_ns=self._duration("max_duration"),
            sort=self.sort,
            ascending=self.ascending,
            limit=limit,
            cursor=cursor,
        )

    @property
    def look(self) -> dict[str, str | Sequence[str] | None]:
        """How the list looks, as a URL says it."""
        return {
            "sort": None if self.sort == "start" else self.sort,
            "order": "up" if self.ascending else None,
            "column": None if self.columns == SHOWN else self.columns,
        }

    def kept(self, with_columns: bool) -> list[tuple[str, str]]:
        """The look as hidden fields of a form, with or without the columns."""
        look = {name: [value] if isinstance(value, str) else value or [] for name, value in self.look.items()}
        return [(name, one) for name, values in look.items() if with_columns or name != "column" for one in values]

    def url(self, **changes: str | None) -> str:
        """The list under these filters and those of `changes`; None takes one away."""
        return sessions_url(**{**self.values, **self.look, **changes})

    def sorted_url(self, sort: str) -> str | None:
        """The list by a column, the largest first; the smallest if that is how it is. None where it is no order."""
        if sort not in SESSION_SORTS:
            return None
        turned = sort == self.sort and not self.ascending
        return self.url(sort=None if sort == "start" else sort, order="up" if turned else None)

    def direction(self, sort: str) -> str | None:
        """How a column is sorted, in the words of ARIA; None where the list is sorted by another."""
        return ("ascending" if self.ascending else "descending") if sort == self.sort else None

    def chips(self) -> list[Chip]:
        """The filters that are set, as a person reads them."""
        return [
            Chip(LABELS[name], WORDS.get((name, value), value), self.url(**{name: None}))
            for name, value in self.values.items()
        ]

    def _choice(self, name: str, known: tuple[str, ...]) -> str | None:
        value = self.values.get(name)
        if value is None or value.lower() in known:
            return value and value.lower()
        raise InvalidValueError(f"{LABELS[name]} is {value!r}; it is one of {', '.join(known)}")

    def _moment(self, name: str, now_ns: int) -> int | None:
        try:
            return moment_of(self.values[name], now_ns) if name in self.values else None
        except ValueError as error:
            raise InvalidValueError(f"{LABELS[name]}: {error}") from None

    def _duration(self, name: str) -> int | None:
        said = self.values.get(name)
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(ms|s|m|h|d)?", said or "")
        if said is None or found is None:
            if said is not None:
                raise InvalidValueError(f"{LABELS[name]} is {said!r}; give a time, as 500ms, 30s, 5m or 2h")
            return None
        return int(float(found[1]) * (1e6 if found[2] == "ms" else UNITS_S[found[2] or "s"] * 1e9))

    def _dollars(self, name: str) -> Decimal | None:
        said = self.values.get(name)
        if said is None:
            return None
        try:
            amount = Decimal(said.removeprefix("$"))
        except InvalidOperation:
            amount = Decimal("nan")
        if not amount.is_finite():
            raise InvalidValueError(f"{LABELS[name]} is {said!r}; give an amount in US dollars, as 0.25")
        return amount
