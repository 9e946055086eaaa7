"""Traces that belong to a session of another name: what is stored of them as sessions of their own moves there.

A span that names no session is a part of the session that its trace would be. When another span of the trace names one,
sooner or later, that is where all of them are; a trace that names several keeps what names none to itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.fold import join, moved
from agentops_otel.store.sqlite import appending, sessions
from agentops_otel.store.sqlite.appending import Batch
from agentops_otel.store.sqlite.rows import event_of
from agentops_otel.store.sqlite.segments import Bodies
from agentops_otel.store.sqlite.sessions import UNSETTLED_AGAIN, Known


def settled(db: sqlite3.Connection, project_id: str, batches: Sequence[Batch]) -> Iterator[Batch]:
    """The batches, each with the session it belongs to; what was stored of their traces has moved. In a write
    transaction."""
    for batch in batches:
        for trace in batch.facts.of_traces:
            _name(db, project_id, trace, batch.facts.session_id)
    for batch in batches:
        row = db.execute(_SELECT, (project_id, batch.facts.session_id)).fetchone()
        yield _renamed(batch, row[0]) if row and row[0] != batch.facts.session_id else batch


def forget(db: sqlite3.Connection, project_id: str, session_id: str) -> None:
    """Traces do not lead to a session that is gone."""
    db.execute("DELETE FROM trace_sessions WHERE project_id = ? AND session_id = ?", (project_id, session_id))


_SELECT = "SELECT session_id FROM trace_sessions WHERE project_id = ? AND trace = ?"
_INSERT = "INSERT INTO trace_sessions (project_id, trace, session_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


def _name(db: sqlite3.Connection, project_id: str, trace: str, session_id: str) -> None:
    """Note that a trace names a session; with two names it is, from now on, one of its own."""
    if db.execute(_INSERT, (project_id, trace, session_id)).rowcount:
        if trace != session_id:
            _move(db, project_id, trace, session_id)
    else:
        sql = "UPDATE trace_sessions SET session_id = trace WHERE project_id = ? AND trace = ? AND session_id <> ?"
        db.execute(sql, (project_id, trace, session_id))


def _renamed(batch: Batch, session_id: str) -> Batch:
    return replace(batch, facts=moved(batch.facts, session_id))


def _move(db: sqlite3.Connection, project_id: str, trace: str, session_id: str) -> None:
    """Make what is stored of a trace's own session part of the session that it named."""
    old = sessions.known_session(db, project_id, trace)
    if old is None:
        return
    new = sessions.known_session(db, project_id, session_id) or sessions.insert(db, project_id, session_id)
    told_again = list(_taken_out(db, old, new, session_id))
    db.execute("UPDATE events SET session = ? WHERE session = ?", (new.key, old.key))
    db.execute("UPDATE segments SET session = ? WHERE session = ?", (new.key, old.key))
    after = new._replace(
        facts=join(new.facts, moved(old.facts, session_id)),
        statistics=new.statistics + old.statistics,
        twins=UNSETTLED_AGAIN,
    )
    _move_row(db, project_id, old, new, after)
    if told_again:
        batch = appending.batch_of(SessionFacts(session_id), told_again)
        appending.write(db, project_id, batch)


def _taken_out(db: sqlite3.Connection, old: Known, new: Known, session_id: str) -> Iterator[EventFact]:
    """The events that both sessions have: out of the old one, to be told to the new one."""
    sql = (
        f"{appending.SELECT_EVENT} FROM events e WHERE e.session = ? AND e.event_id IN "
        "(SELECT event_id FROM events WHERE session = ?)"
    )
    for revision, key, line, event_type, *slim in db.execute(sql, (old.key, new.key)).fetchall():
        event = event_of(session_id, event_type, tuple(slim), Bodies(db).at(key, line))
        db.execute("DELETE FROM events WHERE session = ? AND event_id = ?", (old.key, event.event_id))
        appending.erase(db, old.key, key, line)
        yield EventFact(event, revision)


def _move_row(db: sqlite3.Connection, project_id: str, old: Known, new: Known, after: Known) -> None:
    """Everything but events and their bodies; other sums are made anew by whoever settles the session."""
    environments = moved(sessions.environments(db, old.key, old.facts.session_id), after.facts.session_id)
    if environments.processes:
        stored = sessions.environments(db, new.key, after.facts.session_id)
        sessions.put_environments(db, new.key, join(stored, environments))
    sessions.drop_listed(db, project_id, old)
    for table in ("session_models", "session_providers", "environments"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (old.key,))
    db.execute("DELETE FROM sessions WHERE key = ?", (old.key,))
    sessions.update(db, after)
    sessions.put_listed(db, project_id, new, after)
    sessions.move_sums(db, after)
