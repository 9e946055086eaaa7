"""The filters of the list of sessions: what a URL says, as a query, and the URLs of other filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from agentops_otel.errors import InvalidValueError
from agentops_otel.server.dashboard.links import sessions_url
from agentops_otel.store.base import SessionQuery
from agentops_otel.text.values import moment_of
from agentops_otel.v2 import END_STATE_NAMES

LABELS = {
    "text": "Says",
    "state": "State",
    "since": "Since",
    "until": "Until",
    "model": "Model",
    "tag": "Tag",
    "min_cost": "Cost from",
    "max_cost": "Cost to",
    "errors": "Errors",
    "id": "Id begins with",
}
"""Every filter, by its name in the URL."""

STATES = ("running", "success", "failure", "indeterminate")
TIMES = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}


class Chip(NamedTuple):
    """A filter that is set, and the list without it."""

    label: str
    value: str
    url_without: str


@dataclass(frozen=True)
class Filters:
    """The filters that are set, by name, as text. Empty ones are not."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filters:
        """What a URL's query says; unknown names are left out."""
        return cls({name: asked[name].strip() for name in LABELS if asked.get(name, "").strip()})

    def query(self, now_ns: int, limit: int, cursor: str | None = None) -> SessionQuery:
        """The query of the store. Raises InvalidValueError, naming value and remedy."""
        state, errors = self._choice("state", STATES), self._choice("errors", ("yes", "no"))
        ended = state not in (None, "running")
        return SessionQuery(
            tag=self.values.get("tag"),
            end_state=END_STATE_NAMES[state.title()] if state and ended else None,
            running=None if state is None else not ended,
            model=self.values.get("model"),
            since_ns=self._moment("since", now_ns),
            until_ns=self._moment("until", now_ns),
            has_errors=None if errors is None else errors == "yes",
            min_cost=self._dollars("min_cost"),
            max_cost=self._dollars("max_cost"),
            id_prefix=self.values.get("id"),
            text=self.values.get("text"),
            limit=limit,
            cursor=cursor,
        )

    def url(self, **changes: str | None) -> str:
        """The list under these filters and those of `changes`; None takes one away."""
        return sessions_url(**{**self.values, **changes})

    def chips(self) -> list[Chip]:
        """The filters that are set, as a person reads them."""
        return [
            Chip(LABELS[name], TIMES.get(value, value) if name == "since" else value, self.url(**{name: None}))
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
