"""One append: facts are grouped and encoded before the write transaction, and folded into the rows inside it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agentops_otel.facts import EventFact, Fact, ProcessFacts, SessionFacts
from agentops_otel.fold import join, join_all, survivor, traces
from agentops_otel.records import EVENT_CLASSES, Event, EventType, LLMCall, Statistics, total
from agentops_otel.store.base import Appended, model_of
from agentops_otel.store.sqlite import search, segments, sessions
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, Row, body_of, columns_of, event_of, row_of, whole_row
from agentops_otel.store.sqlite.segments import Bodies, Packed, lines_of, packed
from agentops_otel.store.sqlite.sessions import UNSETTLED, UNSETTLED_AGAIN, Known, Sums, marks

SELECT_EVENT = f"SELECT e.revision, e.payload, e.line, e.type, {', '.join(f'e.{column}' for column in ALL_COLUMNS)}"
"""An event from `events e`, and where its body is."""


@dataclass
class Batch:
    """What one append says of one session, encoded: nothing in it is an event any more, so that another process may
    make it. `kinds`, `revisions`, `rows` and the places of `bodies` go together, one for each event; `sums` is what
    they add up to."""

    facts: SessionFacts
    kinds: Sequence[EventType]
    revisions: Sequence[int]
    rows: Sequence[Row]
    bodies: Packed
    sums: Sums

    def event(self, number: int) -> EventFact:
        """One of the events, decoded again."""
        segment, line = self.bodies.places[number]
        body = lines_of(self.bodies.segments[segment])[line]
        kind = self.kinds[number]
        values = whole_row(EVENT_CLASSES[kind], self.rows[number])
        return EventFact(event_of(self.facts.session_id, kind, values, body), self.revisions[number])


def prepare(facts: Iterable[Fact]) -> list[Batch]:
    """Facts by session, joined and encoded. Takes no lock."""
    told: dict[str, list[SessionFacts]] = {}
    by_session: dict[str, list[EventFact]] = {}
    for fact in facts:
        if isinstance(fact, EventFact):
            by_session.setdefault(fact.event.session_id, []).append(fact)
        else:
            told.setdefault(fact.session_id, []).append(fact)
    for session_id, events in by_session.items():
        told.setdefault(session_id, []).append(traces(session_id, [fact.event for fact in events]))
    return [batch_of(join_all(session_id, said), by_session.get(session_id, ())) for session_id, said in told.items()]


def batch_of(facts: SessionFacts, events: Sequence[EventFact]) -> Batch:
    """What is said of one session, encoded; of several facts about an event the one that stays."""
    survivors: dict[str, EventFact] = {}
    for fact in events:
        event_id = fact.event.event_id
        other = survivors.get(event_id)
        survivors[event_id] = fact if other is None else survivor(other, fact)
    kept = [fact.event for fact in survivors.values()]
    return Batch(
        facts,
        kinds=[event.event_type for event in kept],
        revisions=[fact.revision for fact in survivors.values()],
        rows=list(map(row_of, kept)),
        bodies=packed(map(body_of, kept)),
        sums=sums_of(kept),
    )


def write(db: sqlite3.Connection, project_id: str, batch: Batch) -> Appended:
    """Fold a batch into what is stored of its session. Call inside a write transaction."""
    session_id = batch.facts.session_id
    known = sessions.known_session(db, project_id, session_id)
    before = known or sessions.insert(db, project_id, session_id)
    done, sums = _write_events(db, before.key, batch)
    slim, environments = _apart(batch.facts)
    after = before._replace(facts=join(before.facts, slim), statistics=before.statistics + sums.whole)
    if (done.new or done.replaced) and _may_have_twins(after):
        after = after._replace(twins=UNSETTLED if before.twins in (0, UNSETTLED) else UNSETTLED_AGAIN)
    sessions.update(db, after)
    sessions.put_listed(db, project_id, before, after)
    if known and before.place != after.place:
        sessions.move_sums(db, after)
    sessions.put_models(db, project_id, after, sums.by_model)
    sessions.put_providers(db, project_id, after, sums.providers)
    if environments.processes:
        stored = sessions.environments(db, after.key, session_id)
        sessions.put_environments(db, after.key, join(stored, environments))
    return done


def _may_have_twins(known: Known) -> bool:
    """Whether a new event may repeat another, or change which one counts. Only calls, tools and errors repeat."""
    sums = known.statistics
    return known.twins != 0 or sums.llms > 1 or sums.tools > 1 or sums.errors > 1


def _apart(facts: SessionFacts) -> tuple[SessionFacts, SessionFacts]:
    """The same facts in two parts that `join` to the whole: all but the host environments, and these alone.

    Which traces name the session is in a table of its own (`aliases`).
    """
    slim = {key: replace(process, host_env=None) for key, process in facts.processes.items()}
    environments = {
        key: ProcessFacts(host_env=process.host_env) for key, process in facts.processes.items() if process.host_env
    }
    return replace(facts, processes=slim, of_traces=frozenset()), SessionFacts(facts.session_id, processes=environments)


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass
class _Changes:
    """What an append changes in the sums of a session: events that came, and events that had to go."""

    came: list[Event] = field(default_factory=list)
    gone: list[Event] = field(default_factory=list)

    def sums(self) -> Sums:
        """The change of the session's sums."""
        return sums_of(self.came) + -sums_of(self.gone)


def sums_of(events: Iterable[Event]) -> Sums:
    """What events add up to."""
    events = list(events)
    groups = {model: Statistics.of(*group) for model, group in _by_model(events).items()}
    return Sums(
        total(groups.values()),
        {model: sums for model, sums in groups.items() if model is not None},
        Counter(event.provider for event in events if isinstance(event, LLMCall) and event.provider is not None),
    )


def _by_model(events: Iterable[Event]) -> dict[str | None, list[Event]]:
    groups: dict[str | None, list[Event]] = {}
    for event in events:
        groups.setdefault(model_of(event) if isinstance(event, LLMCall) else None, []).append(event)
    return groups


def _insert_event(cls: type[Event]) -> str:
    columns = columns_of(cls)
    return (
        f"INSERT INTO events (type, session, payload, line, revision, {', '.join(columns)}) "
        f"VALUES ('{cls.event_type}', {marks(len(columns) + 4)}) ON CONFLICT (session, event_id) DO NOTHING"
    )


_INSERT_EVENT = {event_type: _insert_event(cls) for event_type, cls in EVENT_CLASSES.items()}


def _write_events(db: sqlite3.Connection, session: int, batch: Batch) -> tuple[Appended, Sums]:
    """Insert the events that are new; let the others replace what is stored where the fold says so.

    All bodies get the next keys. An event whose stored row has an older key was there before.
    """
    if not batch.rows:
        return Appended(0, 0), Sums()
    first = segments.next_key(db)
    rows = [
        (session, first + segment, line, revision, *row)
        for (segment, line), revision, row in zip(batch.bodies.places, batch.revisions, batch.rows, strict=True)
    ]
    by_kind: dict[EventType, list[Row]] = {}
    for kind, row in zip(batch.kinds, rows, strict=True):
        by_kind.setdefault(kind, []).append(row)
    new = sum(db.executemany(_INSERT_EVENT[kind], some).rowcount for kind, some in by_kind.items())
    if new == len(rows):
        segments.insert(db, session, first, batch.bodies)
        return Appended(new, 0), batch.sums
    changes = _Changes()
    came = _write_mixed(db, rows, batch, first, changes)
    segments.insert_some(db, session, first, batch.bodies, came)
    return Appended(new, len(came) - new), changes.sums()


def _write_mixed(db: sqlite3.Connection, rows: Sequence[Row], batch: Batch, first: int, changes: _Changes) -> list[int]:
    """The rest of `_write_events` where some were there before; the numbers of those that came, new or revised."""
    came: list[int] = []
    for number, row in enumerate(rows):
        fact = batch.event(number)
        where = (row[0], fact.event.event_id)
        sql = "SELECT payload FROM events INDEXED BY events_by_id WHERE session = ? AND event_id = ?"
        if db.execute(sql, where).fetchone()[0] >= first:
            changes.came.append(fact.event)
            came.append(number)
        elif _revise(db, where, fact, row, changes):
            came.append(number)
    return came


def _revise(db: sqlite3.Connection, where: tuple[int, str], fact: EventFact, row: Row, changes: _Changes) -> bool:
    """Put `fact` in the place of the stored event with its id, if it is the one that stays."""
    sql = f"{SELECT_EVENT} FROM events e INDEXED BY events_by_id WHERE e.session = ? AND e.event_id = ?"
    revision, key, line, event_type, *slim = db.execute(sql, where).fetchone()
    body = Bodies(db).at(key, line)
    old = EventFact(event_of(fact.session_id, event_type, tuple(slim), body), revision)
    if survivor(old, fact) is old:
        return False
    db.execute("DELETE FROM events WHERE session = ? AND event_id = ?", where)
    erase(db, where[0], key, line)
    db.execute(_INSERT_EVENT[fact.event.event_type], row)
    changes.gone.append(old.event)
    changes.came.append(fact.event)
    return True


def erase(db: sqlite3.Connection, session: int, key: int, line: int | None) -> None:
    """Remove the body of one event for good, from its segment and from the index of words."""
    before = segments.body_of_segment(db, key)
    after = segments.without(before, line)
    search.before_change(db, key, before)
    segments.replace(db, key, after)
    if after:
        search.after_change(db, key, after)
