"""The seam between records and a database: the Store protocol and the types of its queries.

No SQL, row or cursor leaves this package. A backend is finished when it passes tests/store/conformance.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from agentops_otel.facts import Fact
from agentops_otel.records import EndState, Event, EventType, Session, Statistics

T = TypeVar("T")

DEFAULT_PROJECT = "default"
"""The project of the embedded store, where there are no keys."""


class Appended(NamedTuple):
    """What one append did: events that were new, and events that replaced an older revision."""

    new: int
    replaced: int


@dataclass(frozen=True, kw_only=True)
class SessionQuery:
    """Which sessions, in which order, how many. Every filter that is set must hold; a new filter is a new field.

    `since_ns` and `until_ns` bound the start of the session (inclusive, exclusive). `running` asks for sessions without
    an end whose processes still live. `cursor` is the `next_cursor` of the page before; it is opaque.
    """

    tag: str | None = None
    end_state: EndState | None = None
    running: bool | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    has_errors: bool | None = None
    model: str | None = None
    min_cost: Decimal | None = None
    max_cost: Decimal | None = None
    id_prefix: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a listing; `next_cursor` is None on the last one."""

    items: Sequence[T]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class EventQuery:
    """Which events of a session. `payloads=False` leaves the large fields at their defaults: params, returns, prompt,
    completion, logs, details, screenshot and extra."""

    types: Sequence[EventType] = ()
    event_id: str | None = None
    payloads: bool = True
    limit: int | None = None
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class TotalsRow:
    """One group of the overview. `key` is the day (YYYY-MM-DD, UTC), model or end state, by what was asked."""

    key: str
    sessions: int
    statistics: Statistics


class Totals(Protocol):
    """A store that can add up many sessions."""

    def totals(
        self, project_id: str, query: SessionQuery, by: Literal["day", "model", "end_state"]
    ) -> Sequence[TotalsRow]:
        """Sums over every session the query selects (its limit and cursor are not used), by key, ascending."""
        ...


class Store(Protocol):
    """Where records stay. Safe for many threads and, where the backend says so, many processes at once.

    Every method raises `StoreError` (or a subclass that names the remedy) when the backend fails.
    """

    def append(self, project_id: str, facts: Sequence[Fact]) -> Appended:
        """Take facts in. Idempotent; durable when it returns; all or nothing."""
        ...

    def session(self, project_id: str, session_id: str) -> Session | None:
        """One session with its statistics, None if there is none."""
        ...

    def sessions(self, project_id: str, query: SessionQuery) -> Page[Session]:
        """Sessions, newest start first, then id. `host_env` is left out."""
        ...

    def events(self, project_id: str, session_id: str, query: EventQuery = EventQuery()) -> Iterator[Event]:
        """Events by start, then id, streamed at constant memory."""
        ...

    def delete_session(self, project_id: str, session_id: str) -> bool:
        """Remove a session and everything recorded in it; False if there was none."""
        ...

    def close(self) -> None:
        """Release files and connections. Idempotent."""
        ...
