"""The seam between records and a database: the Store protocol and the types of its queries.

No SQL, row or cursor leaves this package. A backend is finished when it passes tests/store/conformance.py.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, get_args, runtime_checkable

from agentops_otel.errors import InvalidValueError
from agentops_otel.facts import Fact
from agentops_otel.records import EndState, Event, EventType, LLMCall, Session, Spent, Statistics

T = TypeVar("T")

DEFAULT_PROJECT = "default"
"""The project of the embedded store, where there are no keys."""

LARGE_FIELDS = ("params", "returns", "prompt", "completion", "logs", "details", "screenshot", "extra")
"""What an event has only where `EventQuery.payloads` asks for it."""


SessionSort = Literal["start", "end", "duration", "cost", "tokens", "errors"]
"""What sessions can be listed by."""

SESSION_SORTS: tuple[SessionSort, ...] = get_args(SessionSort)


class Appended(NamedTuple):
    """What one append did: events that were new, and events that replaced an older revision."""

    new: int
    replaced: int


@dataclass(frozen=True, kw_only=True)
class SessionQuery:
    """Which sessions, in which order, how many. Every filter that is set must hold; a new filter is a new field.

    `since_ns` and `until_ns` bound the start of the session (inclusive, exclusive). `running` asks for sessions without
    an end whose processes still live. `min_duration_ns` and `max_duration_ns` bound how long it took, or has been going
    on, both inclusive. `model` and `provider` are those of a model call, `host` is the machine of a process.
    `text` is part of the id, a tag, the reason of the end or the name of an agent, in any case; or the texts of the
    events say it (`words`).
    `reason` is that of the end, word for word, "" for none.
    `shared` asks for sessions of other projects that this one may read (`Store.share`): for them alone if it is True,
    for them and its own if None.
    `sort` says by what they are listed: the largest first, or the smallest if `ascending`; equal ones by id, which is
    descending then. What is not known counts as 0; costs are compared as floats. `cursor` is the `next_cursor` of the
    page before, in the same order; it is opaque.
    """

    tag: str | None = None
    end_state: EndState | None = None
    running: bool | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    has_errors: bool | None = None
    model: str | None = None
    provider: str | None = None
    host: str | None = None
    min_cost: Decimal | None = None
    max_cost: Decimal | None = None
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    text: str | None = None
    reason: str | None = None
    id_prefix: str | None = None
    shared: bool | None = False
    sort: SessionSort = "start"
    ascending: bool = False
    limit: int = 50
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InvalidValueError(f"limit is {self.limit}; ask for at least 1")
        if self.sort not in SESSION_SORTS:
            raise InvalidValueError(f"sort is {self.sort!r}; choose one of {', '.join(SESSION_SORTS)}")


def selects(query: SessionQuery, session: Session, *, is_told: bool) -> bool:
    """Whether a session passes every filter that can be decided from its record: all but `model` and `provider`.
    `is_told`: its events say the text that is looked for."""
    cost, start = session.statistics.cost, session.init_timestamp or 0
    return (
        (query.tag is None or query.tag in session.tags)
        and (query.end_state is None or query.end_state == session.end_state)
        and (query.running is None or query.running == session.is_running)
        and (query.since_ns is None or start >= query.since_ns)
        and (query.until_ns is None or start < query.until_ns)
        and (query.has_errors is None or query.has_errors == (session.statistics.errors > 0))
        and (query.min_cost is None or cost >= query.min_cost)
        and (query.max_cost is None or cost <= query.max_cost)
        and (query.host is None or query.host in (process.host for process in session.processes))
        and (query.id_prefix is None or session.session_id.startswith(query.id_prefix))
        and (query.reason is None or query.reason == (session.end_state_reason or ""))
        and _lasted(query, session.duration_ns)
        and (query.text is None or is_told or _mentions(session, query.text.casefold()))
    )


def _lasted(query: SessionQuery, duration_ns: int | None) -> bool:
    least, most = query.min_duration_ns, query.max_duration_ns
    if duration_ns is None:
        return least is None and most is None
    return (least is None or duration_ns >= least) and (most is None or duration_ns <= most)


def _mentions(session: Session, text: str) -> bool:
    names = (agent.name or "" for agent in session.agents)
    said = (session.session_id, *session.tags, session.end_state_reason or "", *names)
    return any(text in one.casefold() for one in said)


def without_host_env(session: Session) -> Session:
    """The session as listings have it."""
    processes = tuple(replace(process, host_env=None) for process in session.processes)
    return replace(session, host_env=None, processes=processes)


def without_large_fields(event: Event) -> Event:
    """The event as `payloads=False` has it."""
    large: dict[str, Any] = {name: {} if name == "extra" else None for name in LARGE_FIELDS if hasattr(event, name)}
    return replace(event, **large)


def model_of(event: LLMCall) -> str | None:
    """The model by which sessions are found and sums are made: the one that answered, else the one asked for."""
    return event.model or event.request_model


def sort_value(session: Session, sort: SessionSort) -> int | float:
    """What a session is listed by; 0 where that is not known."""
    statistics = session.statistics
    if sort == "cost":
        return float(statistics.cost)
    if sort == "tokens":
        return statistics.prompt_tokens + statistics.completion_tokens
    if sort == "errors":
        return statistics.errors
    times = {"start": session.init_timestamp, "end": session.end_timestamp, "duration": session.duration_ns}
    return times[sort] or 0


def listed_by(session: Session, sort: SessionSort) -> tuple[int | float, str]:
    """What puts sessions into the order of a listing; for an ascending one into its reverse."""
    return -sort_value(session, sort), session.session_id


def is_after(session: Session, query: SessionQuery, place: Place) -> bool:
    """Whether a session stands after this place in the listing that the query asks for."""
    mine = (sort_value(session, query.sort), session.session_id)
    if query.ascending:
        return mine[0] > place[0] or (mine[0] == place[0] and mine[1] < place[1])
    return mine[0] < place[0] or (mine[0] == place[0] and mine[1] > place[1])


Place = tuple["int | float", str]
"""Where a record stands in its listing: what it is listed by (an event by its start), and its id."""


def cursor_of(record: Session | Event, sort: SessionSort = "start") -> str:
    """The place of a record in its listing, opaque: what comes after it is the next page."""
    if isinstance(record, Session):
        place = [sort_value(record, sort), record.session_id, *([] if sort == "start" else [sort])]
    else:
        place = [record.init_timestamp, record.event_id]
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str, sort: SessionSort = "start") -> Place:
    """What `cursor_of` put in. Raises InvalidValueError on any other text, and on a cursor of another order."""
    try:
        value, record_id, *more = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        numbers = (int, float) if sort == "cost" else int
        if isinstance(value, numbers) and isinstance(record_id, str) and more == ([] if sort == "start" else [sort]):
            return value, record_id
    except (ValueError, TypeError):
        pass
    raise InvalidValueError(f"{cursor!r} is not a cursor of this store and order; start again without one")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a listing; `next_cursor` is None on the last one."""

    items: Sequence[T]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class EventQuery:
    """Which events of a session. `payloads=False` leaves the large fields at their defaults: params, returns, prompt,
    completion, logs, details, screenshot and extra. `cursor` is `cursor_of` the last event that was seen.
    `latest_first` turns the order around.

    Events that repeat another are left out, and the one that counts has what only they know (`dedupe.surviving`);
    `told=True` asks for all of them as they were told. Who writes an event back must ask so."""

    types: Sequence[EventType] = ()
    event_id: str | None = None
    payloads: bool = True
    told: bool = False
    latest_first: bool = False
    limit: int | None = None
    cursor: str | None = None


EVERY_EVENT = EventQuery()


def chosen(events: Iterable[Event], query: EventQuery) -> Iterator[Event]:
    """What a query selects of all events that count, or were told, given in their order."""
    place = place_of(query.cursor) if query.cursor else None
    wanted = (
        event
        for event in (reversed(list(events)) if query.latest_first else events)
        if (not query.types or event.event_type in query.types)
        and query.event_id in (None, event.event_id)
        and (place is None or _is_past(event, place, query.latest_first))
    )
    for event in islice(wanted, query.limit):
        yield event if query.payloads else without_large_fields(event)


def _is_past(event: Event, place: Place, latest_first: bool) -> bool:
    mine = (event.init_timestamp, event.event_id)
    return mine < place if latest_first else mine > place


@dataclass(frozen=True, kw_only=True)
class TotalsRow:
    """One group of the overview. `key` is the day (YYYY-MM-DD, UTC), model or end state, by what was asked."""

    key: str
    sessions: int
    statistics: Statistics


TotalsBy = Literal["day", "model", "end_state"]


class Totals(Protocol):
    """A store that can add up many sessions."""

    def totals(self, project_id: str, query: SessionQuery, by: TotalsBy) -> Sequence[TotalsRow]:
        """Sums over every session of the project that the query selects, by key, ascending. `limit` and `cursor` are
        not used, nor is `shared`: a session is added up where it is."""
        ...


class FindsIds(Protocol):
    """A store that can complete shortened ids."""

    def find_session_ids(self, project_id: str, prefix: str, limit: int = 10) -> list[str]:
        """Ids of sessions that start so, ascending, `limit` at most; two are enough to call a prefix ambiguous."""
        ...


class ListsModels(Protocol):
    """A store that knows the models of its sessions without reading their events."""

    def models(self, project_id: str, session_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The models that each session called, by name; a session without any is left out."""
        ...


class TellsChanges(Protocol):
    """A store that knows whether something was added to its sessions."""

    def changes(self, project_id: str, session_ids: Sequence[str]) -> Mapping[str, int]:
        """A number for each session that is another one after each append to it; unknown sessions are left out."""
        ...


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a store is. `unpriced` counts the calls without a known price, by model."""

    path: str
    schema_version: int
    size_bytes: int
    sessions: int
    events: int
    journal_mode: str
    unpriced: Mapping[str, int]


class TellsHealth(Protocol):
    """A store that can be examined."""

    def health(self) -> Health:
        """Over all projects. Counts rows, so it is not for a hot path."""
        ...


class TellsSpent(Protocol):
    """A store that can be asked before each model call."""

    def spent(self, project_id: str, session_id: str) -> Spent:
        """What the events of a session cost as they were appended: never less than its statistics say, more while
        events that repeat others have not been told apart. Reads one row; nothing for an unknown session."""
        ...


@runtime_checkable
class FindsSpans(Protocol):
    """A store that knows where a span is whose trace nobody names."""

    def find_span(self, project_id: str, span_id: str) -> tuple[str, str] | None:
        """The session and the event of a span, or of an event with that id; of several the newest. Reads every event
        of the project."""
        ...


class Store(Protocol):
    """Where records stay. Safe for many threads and, where the backend says so, many processes at once.

    Every method raises `StoreError` (or a subclass that names the remedy) when the backend fails, and
    `InvalidValueError` when a value cannot be taken.
    """

    def append(self, project_id: str, facts: Sequence[Fact]) -> Appended:
        """Take facts in. Idempotent; durable when it returns; all or nothing."""
        ...

    def session(self, project_id: str, session_id: str) -> Session | None:
        """One session with its statistics, None if there is none."""
        ...

    def sessions(self, project_id: str, query: SessionQuery) -> Page[Session]:
        """Sessions in the order the query asks for, newest start first by default. `host_env` is left out."""
        ...

    def events(self, project_id: str, session_id: str, query: EventQuery = EVERY_EVENT) -> Iterator[Event]:
        """Events by start, then id, or the other way round, streamed at constant memory."""
        ...

    def delete_session(self, project_id: str, session_id: str) -> bool:
        """Remove a session and everything recorded in it; False if there was none."""
        ...

    def delete_sessions(self, project_id: str, session_ids: Sequence[str]) -> int:
        """Remove sessions, each as `delete_session` does and on its own; how many of them there were."""
        ...

    def share(self, project_id: str, session_id: str, reader_project_id: str) -> None:
        """Let a second project read a session, which may come later; until it is deleted. Idempotent. Of several
        owners of one id the first stays, and a session of the reader's own goes before it."""
        ...

    def owner_of_shared(self, reader_project_id: str, session_id: str) -> str | None:
        """The project of a session that this second project may read."""
        ...

    def projects(self) -> Sequence[str]:
        """Every project that has a session, by name."""
        ...

    def size_bytes(self) -> int:
        """The room that all that is stored takes, without what is free already."""
        ...

    def index_texts(self) -> bool:
        """Prepare searches in what came since, a few milliseconds of it; whether there is more. Searches find the same
        without. A store that has no index has nothing to do."""
        ...

    def compact(self) -> bool:
        """Compress what came since, a few milliseconds of it; whether there is more. A store that has no need to does
        nothing."""
        ...

    def roll_up(self) -> bool:
        """Add up some of what is over, a few milliseconds of it, so that sums of many sessions are quick; whether there
        is more. The sums are the same without. A store that keeps none has nothing to do."""
        ...

    def checkpoint(self) -> None:
        """Move what was appended to where it stays, beside appends. A store that has no need to does nothing."""
        ...

    def close(self) -> None:
        """Release files and connections. Idempotent."""
        ...
