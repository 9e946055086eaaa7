"""Finding the twins among the events of a session: what repeats another is marked, and the sums are made without it.

An append counts what it inserts and leaves the question open, because the answer depends on all events of the session.
The next reader settles it, once for any number of appends. Settling again gives the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agentops_otel.dedupe import may_repeat, told_once, twins, view_of
from agentops_otel.records import Event, Statistics
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.appending import sums_of
from agentops_otel.store.sqlite.queries import OWNERS_UNSETTLED, UNSETTLED
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, judged_of
from agentops_otel.store.sqlite.sessions import Known, Sums

LARGE = 5000
"""So many events are looked at inside a write transaction: some 50 ms. Those of a larger session are not."""

_CHUNK = 1000


class Judged(NamedTuple):
    """What the events of a session are together: the twins with the ones that count, and the statistics without them.
    `sums` is None where all sums are those that are stored."""

    twins: Mapping[str, str]
    whole: Statistics
    sums: Sums | None


_GLIMPSES = (
    "SELECT type, start_ns, end_ns, trace_id, span_id, parent_id, scope, response_id FROM events WHERE session = ?"
)


def judged(db: sqlite3.Connection, known: Known) -> Judged:
    """Look at every event of a session. Reads slim rows alone, and writes nothing."""
    answer: dict[str, str] = {}
    if may_repeat(db.execute(_GLIMPSES, (known.key,))):
        answer = twins(view_of(event) for chunk in _events(db, known) for event in chunk)
    if not answer and known.twins == sessions.UNSETTLED:
        return Judged({}, known.statistics, None)
    involved = answer.keys() | set(answer.values())
    sums, kept = Sums(), list[Event]()
    for chunk in _events(db, known):
        sums += sums_of([event for event in chunk if event.event_id not in involved])
        kept += [event for event in chunk if event.event_id in involved]
    sums += sums_of(told_once(kept, answer))
    return Judged(answer, sums.whole, sums)


def _events(db: sqlite3.Connection, known: Known) -> Iterator[list[Event]]:
    cursor = db.execute(f"SELECT type, {', '.join(ALL_COLUMNS)} FROM events WHERE session = ?", (known.key,))
    while rows := cursor.fetchmany(_CHUNK):
        yield [judged_of(known.facts.session_id, event_type, row) for event_type, *row in rows]


def settle(db: sqlite3.Connection, project_id: str, known: Known) -> Known:
    """Find out which events repeat another and write it down. Call inside a write transaction."""
    return write(db, project_id, known, judged(db, known))


def write(db: sqlite3.Connection, project_id: str, known: Known, found: Judged) -> Known:
    """Write down what was found; what is known then. Call inside a write transaction."""
    after = known._replace(statistics=found.whole, twins=len(found.twins))
    if found.sums is None:
        sessions.update_twins(db, after)
        return after
    _mark(db, known.key, found.twins)
    sessions.update(db, after)
    sessions.replace_sums(db, project_id, after, found.sums)
    return after


def size_of(known: Known) -> int:
    """How many events there are to be looked at, about."""
    return known.statistics.events + known.statistics.apis


def _mark(db: sqlite3.Connection, session: int, answer: Mapping[str, str]) -> None:
    sql = "SELECT event_id, twin_of FROM events INDEXED BY events_by_twin WHERE session = ? AND twin_of IS NOT NULL"
    before = dict(db.execute(sql, (session,)).fetchall())
    changed = [
        (answer.get(event_id), session, event_id)
        for event_id in before.keys() | answer.keys()
        if answer.get(event_id) != before.get(event_id)
    ]
    db.executemany("UPDATE events INDEXED BY events_by_id SET twin_of = ? WHERE session = ? AND event_id = ?", changed)


def settle_some(db: sqlite3.Connection, project_id: str | None, limit: int) -> int:
    """Settle some sessions of a project, or of every one for None, as far as a short write transaction goes; how many.

    Large ones are left out: `large_unsettled` tells which they are.
    """
    where, values = _of(project_id)
    sql = f"{sessions.SELECT}, s.project_id {where} AND s.events + s.apis <= {LARGE} LIMIT ?"
    done = size = 0
    for *row, project in db.execute(sql, [*values, limit]).fetchall():
        known = sessions.session_of(row)
        size += size_of(known)
        if done and size > LARGE:
            break
        settle(db, project, known)
        done += 1
    return done


def large_unsettled(db: sqlite3.Connection, project_id: str | None) -> list[tuple[str, str]]:
    """Project and id of the sessions that are too large to be settled inside a write transaction."""
    where, values = _of(project_id)
    sql = f"SELECT s.project_id, s.session_id {where} AND s.events + s.apis > {LARGE}"
    return [(project, session_id) for project, session_id in db.execute(sql, values)]


def count_unsettled(db: sqlite3.Connection, project_id: str | None) -> int:
    """How many sessions are not settled; of every project for None."""
    where, values = _of(project_id)
    return int(db.execute(f"SELECT count(*) {where}", values).fetchone()[0])


def owners_unsettled(db: sqlite3.Connection, reader_project_id: str) -> list[str]:
    """The projects of the sessions that this one may read and that are not settled."""
    return [row[0] for row in db.execute(OWNERS_UNSETTLED, (reader_project_id,))]


def _of(project_id: str | None) -> tuple[str, list[str]]:
    return (UNSETTLED, []) if project_id is None else (f"{UNSETTLED} AND s.project_id = ?", [project_id])
