"""One append: facts are grouped and encoded before the write transaction, and folded into the rows inside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agentops_otel.facts import EventFact, Fact, ProcessFacts, SessionFacts
from agentops_otel.fold import join, survivor, traces
from agentops_otel.records import EVENT_CLASSES, Event, LLMCall, Statistics, total
from agentops_otel.store.base import Appended, model_of
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, Row, body_of, columns_of, event_of, row_of
from agentops_otel.store.sqlite.sessions import UNSETTLED, UNSETTLED_AGAIN, Known, marks

SELECT_EVENT = f"SELECT e.revision, e.payload, e.type, {', '.join(f'e.{column}' for column in ALL_COLUMNS)}"
"""An event from `events e`, without its body."""


@dataclass
class Batch:
    """What one append says of one session. The three lists go together: events, their rows and their bodies."""

    facts: SessionFacts
    events: list[EventFact]
    rows: list[Row]
    bodies: list[bytes]


def prepare(facts: Iterable[Fact]) -> list[Batch]:
    """Facts by session, joined and encoded. Takes no lock."""
    told: dict[str, SessionFacts] = {}
    by_session: dict[str, list[EventFact]] = {}
    for fact in facts:
        session_id = fact.session_id
        if isinstance(fact, EventFact):
            by_session.setdefault(session_id, []).append(fact)
        else:
            told[session_id] = join(told.get(session_id, SessionFacts(session_id)), fact)
    for session_id, events in by_session.items():
        traced = traces(session_id, [fact.event for fact in events])
        told[session_id] = join(told.get(session_id, SessionFacts(session_id)), traced)
    return [_batch(one, by_session.get(session_id, ())) for session_id, one in told.items()]


def _batch(facts: SessionFacts, events: Sequence[EventFact]) -> Batch:
    survivors: dict[str, EventFact] = {}
    for fact in events:
        event_id = fact.event.event_id
        other = survivors.get(event_id)
        survivors[event_id] = fact if other is None else survivor(other, fact)
    kept = list(survivors.values())
    return Batch(facts, kept, [row_of(fact.event) for fact in kept], [body_of(fact.event) for fact in kept])


def write(db: sqlite3.Connection, project_id: str, batch: Batch) -> Appended:
    """Fold a batch into what is stored of its session. Call inside a write transaction."""
    session_id = batch.facts.session_id
    known = sessions.known_session(db, project_id, session_id)
    before = known or sessions.insert(db, project_id, session_id)
    changes = _Changes()
    done = _write_events(db, before.key, batch, changes)
    statistics, by_model = changes.sums()
    slim, environments = _apart(batch.facts)
    after = before._replace(facts=join(before.facts, slim), statistics=before.statistics + statistics)
    if changes.came and _may_have_twins(after):
        after = after._replace(twins=UNSETTLED if before.twins in (0, UNSETTLED) else UNSETTLED_AGAIN)
    sessions.update(db, after)
    sessions.put_tags(db, project_id, before, after)
    if known and before.place != after.place:
        sessions.move_models(db, after)
    sessions.put_models(db, project_id, after, by_model)
    if environments.processes:
        stored = sessions.environments(db, after.key, session_id)
        sessions.put_environments(db, after.key, join(stored, environments))
    return done


def _may_have_twins(known: Known) -> bool:
    """Whether a new event may repeat another, or change which one counts. Only calls, tools and errors repeat."""
    sums = known.statistics
    return known.twins != 0 or sums.llms > 1 or sums.tools > 1 or sums.errors > 1


def _apart(facts: SessionFacts) -> tuple[SessionFacts, SessionFacts]:
    """The same facts in two parts that `join` to the whole: all but the host environments, and these alone."""
    slim = {key: replace(process, host_env=None) for key, process in facts.processes.items()}
    environments = {
        key: ProcessFacts(host_env=process.host_env) for key, process in facts.processes.items() if process.host_env
    }
    return replace(facts, processes=slim), SessionFacts(facts.session_id, processes=environments)


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass
class _Changes:
    """What an append changes in the sums of a session: events that came, and events that had to go."""

    came: list[Event] = field(default_factory=list)
    gone: list[Event] = field(default_factory=list)

    def sums(self) -> tuple[Statistics, dict[str, Statistics]]:
        """The change of the session's statistics, and of its sums by model."""
        whole, by_model = sums_of(self.came)
        minus, minus_by_model = sums_of(self.gone)
        for model, sums in minus_by_model.items():
            by_model[model] = by_model.get(model, Statistics()) - sums
        return whole - minus, by_model


def sums_of(events: Iterable[Event]) -> tuple[Statistics, dict[str, Statistics]]:
    """What events add up to, all of them and by model."""
    groups = {model: Statistics.of(*group) for model, group in _by_model(events).items()}
    return total(groups.values()), {model: sums for model, sums in groups.items() if model is not None}


def _by_model(events: Iterable[Event]) -> dict[str | None, list[Event]]:
    groups: dict[str | None, list[Event]] = {}
    for event in events:
        groups.setdefault(model_of(event) if isinstance(event, LLMCall) else None, []).append(event)
    return groups


def _insert_event(cls: type[Event]) -> str:
    columns = columns_of(cls)
    return (
        f"INSERT INTO events (type, session, payload, revision, {', '.join(columns)}) "
        f"VALUES ('{cls.event_type}', {marks(len(columns) + 3)}) ON CONFLICT (session, event_id) DO NOTHING"
    )


_INSERT_EVENT = {cls: _insert_event(cls) for cls in EVENT_CLASSES.values()}
_INSERT_PAYLOAD = "INSERT INTO payloads (key, body) VALUES (?, ?)"


def _write_events(db: sqlite3.Connection, session: int, batch: Batch, changes: _Changes) -> Appended:
    """Insert the events that are new; let the others replace what is stored where the fold says so.

    Every event gets the next payload key. One whose stored row has another key was there before.
    """
    if not batch.events:
        return Appended(0, 0)
    first = (db.execute("SELECT max(key) FROM payloads").fetchone()[0] or 0) + 1
    by_kind: dict[type[Event], list[Row]] = {}
    for key, (fact, row) in enumerate(zip(batch.events, batch.rows, strict=True), first):
        by_kind.setdefault(type(fact.event), []).append((session, key, fact.revision, *row))
    new = sum(db.executemany(_INSERT_EVENT[cls], rows).rowcount for cls, rows in by_kind.items())
    if new == len(batch.events):
        db.executemany(_INSERT_PAYLOAD, enumerate(batch.bodies, first))
        changes.came = [fact.event for fact in batch.events]
        return Appended(new, 0)
    return Appended(new, _write_mixed(db, session, batch, first, changes))


def _write_mixed(db: sqlite3.Connection, session: int, batch: Batch, first: int, changes: _Changes) -> int:
    """The rest of `_write_events` where some were there before; how many of these were replaced."""
    replaced = 0
    everything = zip(batch.events, batch.rows, batch.bodies, strict=True)
    for key, (fact, row, body) in enumerate(everything, first):
        where = (session, fact.event.event_id)
        sql = "SELECT payload FROM events INDEXED BY events_by_id WHERE session = ? AND event_id = ?"
        if db.execute(sql, where).fetchone()[0] == key:
            db.execute(_INSERT_PAYLOAD, (key, body))
            changes.came.append(fact.event)
        else:
            replaced += _revise(db, where, fact, (session, key, fact.revision, *row), body, changes)
    return replaced


def _revise(
    db: sqlite3.Connection, where: tuple[int, str], fact: EventFact, row: Row, body: bytes, changes: _Changes
) -> bool:
    """Put `fact` in the place of the stored event with its id, if it is the one that stays."""
    sql = (
        f"{SELECT_EVENT}, p.body FROM events e INDEXED BY events_by_id CROSS JOIN payloads p ON p.key = e.payload "
        "WHERE e.session = ? AND e.event_id = ?"
    )
    revision, payload, event_type, *slim, old_body = db.execute(sql, where).fetchone()
    old = EventFact(event_of(fact.session_id, event_type, tuple(slim), old_body), revision)
    if survivor(old, fact) is old:
        return False
    db.execute("DELETE FROM events WHERE session = ? AND event_id = ?", where)
    db.execute("DELETE FROM payloads WHERE key = ?", (payload,))
    db.execute(_INSERT_EVENT[type(fact.event)], row)
    db.execute(_INSERT_PAYLOAD, (row[1], body))
    changes.gone.append(old.event)
    changes.came.append(fact.event)
    return True
