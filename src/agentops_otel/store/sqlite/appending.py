"""One append: facts are grouped and encoded before the write transaction, and folded into the rows inside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from agentops_otel.facts import EventFact, Fact, ProcessFacts, SessionFacts
from agentops_otel.fold import join, survivor, traces
from agentops_otel.records import EVENT_CLASSES, Event, LLMCall, Statistics
from agentops_otel.store.base import Appended, model_of
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, Row, body_of, columns_of, event_of, row_of
from agentops_otel.store.sqlite.sessions import marks

SELECT_EVENT = f"SELECT e.revision, e.payload, e.type, {', '.join(f'e.{column}' for column in ALL_COLUMNS)}"
"""An event from `events e`, without its body."""


class Prepared(NamedTuple):
    """An event with its row and body."""

    fact: EventFact
    row: Row
    body: bytes


@dataclass
class Batch:
    """What one append says of one session."""

    facts: SessionFacts
    events: list[Prepared] = field(default_factory=list)


def prepare(facts: Iterable[Fact]) -> list[Batch]:
    """Facts by session, joined and encoded. Takes no lock."""
    told: dict[str, SessionFacts] = {}
    seen: dict[str, list[Event]] = {}
    survivors: dict[str, dict[str, EventFact]] = {}
    for fact in facts:
        session_id = fact.session_id
        if isinstance(fact, SessionFacts):
            told[session_id] = join(told.get(session_id, SessionFacts(session_id)), fact)
            continue
        seen.setdefault(session_id, []).append(fact.event)
        events = survivors.setdefault(session_id, {})
        event_id = fact.event.event_id
        other = events.get(event_id)
        events[event_id] = fact if other is None else survivor(other, fact)
    for session_id, all_events in seen.items():
        told[session_id] = join(told.get(session_id, SessionFacts(session_id)), traces(session_id, all_events))
    return [
        Batch(one, [_prepared(fact) for fact in survivors.get(session_id, {}).values()])
        for session_id, one in told.items()
    ]


def _prepared(fact: EventFact) -> Prepared:
    event = fact.event
    return Prepared(fact, (fact.revision, event.event_type, *row_of(event)), body_of(event))


def write(db: sqlite3.Connection, project_id: str, batch: Batch) -> Appended:
    """Fold a batch into what is stored of its session. Call inside a write transaction."""
    session_id = batch.facts.session_id
    known = sessions.known_session(db, project_id, session_id)
    before = known or sessions.insert(db, project_id, session_id)
    changes = _Changes()
    done = _write_events(db, before.key, session_id, batch.events, changes)
    slim, environments = _apart(batch.facts)
    after = before._replace(facts=join(before.facts, slim), statistics=before.statistics + changes.statistics)
    sessions.update(db, after)
    sessions.put_tags(db, project_id, before, after)
    if known and before.place != after.place:
        sessions.move_models(db, after)
    sessions.put_models(db, project_id, after, changes.models)
    if environments.processes:
        stored = sessions.environments(db, after.key, session_id)
        sessions.put_environments(db, after.key, join(stored, environments))
    return done


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
    """What an append changes in the sums of a session."""

    statistics: Statistics = field(default_factory=Statistics)
    models: dict[str, Statistics] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        self._count(event, Statistics.of(event))

    def take_back(self, event: Event) -> None:
        self._count(event, Statistics() - Statistics.of(event))

    def _count(self, event: Event, by: Statistics) -> None:
        self.statistics += by
        model = model_of(event) if isinstance(event, LLMCall) else None
        if model is not None:
            self.models[model] = self.models.get(model, Statistics()) + by


def _insert_event(cls: type[Event]) -> str:
    columns = ("session", "payload", "revision", "type", *columns_of(cls))
    return (
        f"INSERT INTO events ({', '.join(columns)}) VALUES ({marks(len(columns))}) "
        "ON CONFLICT (session, event_id) DO NOTHING"
    )


_INSERT_EVENT = {cls: _insert_event(cls) for cls in EVENT_CLASSES.values()}
_INSERT_PAYLOAD = "INSERT INTO payloads (key, body) VALUES (?, ?)"


def _write_events(
    db: sqlite3.Connection, session: int, session_id: str, events: list[Prepared], changes: _Changes
) -> Appended:
    """Insert the events that are new; let the others replace what is stored where the fold says so.

    Every event gets the next payload key. One whose stored row has another key was there before.
    """
    if not events:
        return Appended(0, 0)
    first = (db.execute("SELECT max(key) FROM payloads").fetchone()[0] or 0) + 1
    inserted = list(enumerate(events, first))
    by_kind: dict[type[Event], list[Row]] = {}
    for key, one in inserted:
        by_kind.setdefault(type(one.fact.event), []).append((session, key, *one.row))
    new = sum(db.executemany(_INSERT_EVENT[cls], rows).rowcount for cls, rows in by_kind.items())
    replaced = 0
    if new < len(events):
        keys = set(_stored_keys(db, session, events))
        seen = [(key, one) for key, one in inserted if key not in keys]
        inserted = [(key, one) for key, one in inserted if key in keys]
        replaced = sum(_revise(db, session, session_id, key, one, changes) for key, one in seen)
    db.executemany(_INSERT_PAYLOAD, [(key, one.body) for key, one in inserted])
    for _, one in inserted:
        changes.add(one.fact.event)
    return Appended(new, replaced)


def _stored_keys(db: sqlite3.Connection, session: int, events: list[Prepared]) -> Iterator[int]:
    for one in events:
        event_id = one.fact.event.event_id
        sql = "SELECT payload FROM events INDEXED BY events_by_id WHERE session = ? AND event_id = ?"
        yield db.execute(sql, (session, event_id)).fetchone()[0]


def _revise(db: sqlite3.Connection, session: int, session_id: str, key: int, new: Prepared, changes: _Changes) -> bool:
    """Put `new` in the place of the stored event with its id, if it is the one that stays."""
    where = (session, new.fact.event.event_id)
    sql = (
        f"{SELECT_EVENT}, p.body FROM events e INDEXED BY events_by_id CROSS JOIN payloads p ON p.key = e.payload "
        "WHERE e.session = ? AND e.event_id = ?"
    )
    revision, payload, event_type, *slim, body = db.execute(sql, where).fetchone()
    old = EventFact(event_of(session_id, event_type, slim, body), revision)
    if survivor(old, new.fact) is old:
        return False
    db.execute("DELETE FROM events WHERE session = ? AND event_id = ?", where)
    db.execute("DELETE FROM payloads WHERE key = ?", (payload,))
    db.execute(_INSERT_EVENT[type(new.fact.event)], (session, key, *new.row))
    db.execute(_INSERT_PAYLOAD, (key, new.body))
    changes.take_back(old.event)
    changes.add(new.fact.event)
    return True
