"""The store itself: what a caller sees. SQL is in `sessions`, `appending` and `queries`, files in `connections`."""

from __future__ import annotations

import heapq
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from agentops_otel.dedupe import LeftOut, merged, told_once
from agentops_otel.errors import InvalidValueError, StoreError
from agentops_otel.facts import Fact
from agentops_otel.fold import Liveness, has_stopped, join, session_record, unknown_liveness
from agentops_otel.records import Event, Session, Spent
from agentops_otel.store.base import (
    EVERY_EVENT,
    Appended,
    EventQuery,
    Health,
    Page,
    SessionQuery,
    TotalsBy,
    TotalsRow,
    chosen,
    cursor_of,
    listed_by,
    place_of,
    selects,
    sort_value,
)
from agentops_otel.store.overview import TOP, Overview, OverviewQuery
from agentops_otel.store.sqlite import aliases, appending, overview, queries, search, segments, sessions, settling
from agentops_otel.store.sqlite.connections import BUSY_SECONDS, Connections
from agentops_otel.store.sqlite.rows import Row, event_of
from agentops_otel.store.sqlite.segments import Bodies
from agentops_otel.store.sqlite.sessions import Known
from agentops_otel.store.words import phrases_of

SETTLING_WAITS_SECONDS = 0.2
"""How long a reader waits for writers until it answers without writing down which events are twins."""

SCRUBBING_SECONDS = 2.0
"""How long a deletion overwrites words in the index; what is left then, whoever indexes next goes on with."""

SETTLED_AT_ONCE = 50
"""How many sessions are settled in one transaction."""

ROLLED_UP_AFTER_NS = 3_600_000_000_000
"""How long after its end a quarter of a day is added up: until then its last sessions are still changing."""

_PAGES_AT_ONCE = 256
_FIRST_CHUNK, _PAYLOADS_AT_ONCE, _ROWS_AT_ONCE = 8, 64, 512


class SqliteStore:
    """A `Store` in one SQLite file, made at the first use with its folder; nothing is opened before.

    Safe for many threads and many processes. What `append` returned for survives the death of the process; with
    `synchronous="FULL"` also a power cut. `liveness` and `clock` decide which unfinished sessions are running.
    `checkpoints=False` leaves it to calls of `checkpoint` to write the write-ahead log back.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        liveness: Liveness = unknown_liveness,
        clock: Callable[[], int] = time.time_ns,
        busy_seconds: float = BUSY_SECONDS,
        checkpoints: bool = True,
    ) -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise InvalidValueError(f"synchronous is {synchronous!r}; choose NORMAL or FULL")
        self.path = Path(path).expanduser()
        self._connections = Connections(
            self.path, synchronous=synchronous, busy_seconds=busy_seconds, checkpoints=checkpoints
        )
        self._liveness = liveness
        self._clock = clock

    # --- writing -------------------------------------------------------------------------------------------------

    def append(self, project_id: str, facts: Sequence[Fact]) -> Appended:
        """Take facts in, in one transaction; see `Store.append`."""
        return self.append_encoded(project_id, appending.prepare(facts))

    def append_encoded(self, project_id: str, batches: Sequence[appending.Batch]) -> Appended:
        """`append` of what `appending.prepare` made of facts, by another process perhaps."""
        if not batches:
            return Appended(0, 0)
        with self._connections.writing() as db:
            settled = list(aliases.settled(db, project_id, batches))
            done = [appending.write(db, project_id, batch) for batch in settled]
        return Appended(sum(one.new for one in done), sum(one.replaced for one in done))

    def delete_session(self, project_id: str, session_id: str) -> bool:
        """Remove a session with everything recorded in it, its text from the file and its room from the disk.

        Text that is still in the write-ahead log goes with the next checkpoint; that is now, unless somebody reads.
        A fact that arrives later makes the session anew.
        """
        return self.delete_sessions(project_id, [session_id]) == 1

    def delete_sessions(self, project_id: str, session_ids: Sequence[str]) -> int:
        """Remove sessions, each in a transaction of its own; see `delete_session`. How many of them there were."""
        deleted = sum(self._delete(project_id, session_id) for session_id in dict.fromkeys(session_ids))
        if deleted:
            with suppress(StoreError):  # the sessions are gone, whatever becomes of the room they took
                self.give_back_room()
        return deleted

    def _delete(self, project_id: str, session_id: str) -> bool:
        while True:
            with self._connections.writing() as db:
                known = sessions.known_session(db, project_id, session_id)
                if known is None:
                    return False
                if search.take_out(db, known.key):
                    continue
                sessions.delete(db, project_id, known)
                aliases.forget(db, project_id, session_id)
                search.keep_behind(db)
                return True

    def give_back_room(self) -> None:
        """Overwrite what is left in the index, and shorten the file by its free pages; a little at a time so that other
        writers get in between."""
        until = time.monotonic() + SCRUBBING_SECONDS
        while self._scrub() and time.monotonic() < until:
            pass
        before = 0
        while True:
            with self._connections.writing() as db:
                free = db.execute("PRAGMA freelist_count").fetchone()[0]
                if free in (0, before):
                    break
                db.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
            before = free
        with self._connections.reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _scrub(self) -> bool:
        with self._connections.writing() as db:
            return search.scrub_some(db)

    def index_texts(self) -> bool:
        """Take some of what came since into the index of words, and overwrite some of what was taken out; whether there
        is more. False also where SQLite has no FTS5: then every search reads the texts."""
        with self._connections.reading(at_once=True) as db:
            if not search.has_fts5(db):
                return False
            found, stale = search.next_segments(db), search.state(db, "stale") != 0
        if found:
            documents = [search.document(segment) for segment in found]
            with self._connections.writing() as db:
                search.put(db, found, documents)
        return (stale and self._scrub()) or bool(found)

    def compact(self) -> bool:
        """Compress some of the texts that came since; whether there are more. Takes the lock of writers for the time of
        a small append. Their room is used by what comes next; `give_back_room` shortens the file."""
        with self._connections.reading(at_once=True) as db:
            found = segments.plain_segments(db, search.state(db, "compacted"))
        if not found:
            return False
        smaller = [(segments.compressed(body), key, body) for key, body in found if body]
        with self._connections.writing() as db:
            db.executemany("UPDATE payloads SET body = ? WHERE key = ? AND body = ?", smaller)
            search.put_state(db, "compacted", found[-1][0])
        return True

    def roll_up(self) -> bool:
        """Add up a quarter of a day that is over, for the overview; whether there may be more. Takes the lock of
        writers for some 10 µs a session."""
        until_ns = self._clock() - ROLLED_UP_AFTER_NS
        with self._connections.reading(at_once=True) as db:
            if overview.stale_quarter(db, until_ns) is None:
                return False
        with self._connections.writing() as db:
            found = overview.stale_quarter(db, until_ns)
            if found is not None:
                overview.roll_up(db, *found)
        return found is not None

    def stamp(self) -> Hashable:
        """Another value after something was stored, by whichever process; sometimes without. Costs as little as asking
        for the age of two files, which it does."""
        return tuple(_age(f"{self.path}{suffix}") for suffix in ("", "-wal"))

    def checkpoint(self) -> None:
        """Move what was appended to where it stays, beside appends; cheap where there is not much of it."""
        self._connections.checkpoint()

    def drop_index(self) -> None:
        """Remove the index of words."""
        with self._connections.writing() as db:
            search.drop(db)
        self.give_back_room()

    def texts_waiting(self) -> int:
        """How many segments are not in the index of words; all if there is none."""
        with self._connections.reading() as db:
            return search.waiting(db)

    def close(self) -> None:
        """Close every connection. Idempotent; any other call afterwards raises StoreError."""
        self._connections.close()

    def share(self, project_id: str, session_id: str, reader_project_id: str) -> None:
        """Let a second project read a session; see `Store.share`."""
        with self._connections.writing() as db:
            db.execute(sessions.SHARE, (project_id, session_id, reader_project_id, project_id, session_id))

    # --- reading -------------------------------------------------------------------------------------------------

    def owner_of_shared(self, reader_project_id: str, session_id: str) -> str | None:
        """The project of a session that this second project may read."""
        with self._connections.reading() as db:
            row = db.execute(sessions.OWNER_OF_SHARED, (reader_project_id, session_id)).fetchone()
        return row[0] if row else None

    def session(self, project_id: str, session_id: str) -> Session | None:
        """One session with its statistics and host environments, None if there is none."""
        known = self._known(project_id, session_id)
        if known is None:
            return None
        with self._connections.reading() as db:
            environments = sessions.environments(db, known.key, session_id)
        return self._record(project_id, known._replace(facts=join(known.facts, environments)), self._clock())

    def sessions(self, project_id: str, query: SessionQuery) -> Page[Session]:
        """Sessions in the order of the query; `host_env` is left out."""
        found: list[Session] = []
        for _, session in self._listed(project_id, query):
            if len(found) == query.limit:
                return Page(found, cursor_of(found[-1], query.sort))
            found.append(session)
        return Page(found)

    def _known(self, project_id: str, session_id: str) -> Known | None:
        """The session with its twins settled; where that cannot be written down now, it is so for this answer."""
        with self._connections.reading() as db:
            known = sessions.known_session(db, project_id, session_id)
        if known is None or known.twins >= 0:
            return known
        if settling.size_of(known) <= settling.LARGE:
            with suppress(StoreError), self._connections.writing(SETTLING_WAITS_SECONDS) as db:
                known = sessions.known_session(db, project_id, session_id)
                return known and settling.settle(db, project_id, known)
        return self._settled_outside(project_id, session_id)

    def _settled_outside(self, project_id: str, session_id: str) -> Known | None:
        """The same, looking at the events while others may write. It is written down unless they have written to this
        session meanwhile."""
        with self._connections.reading(at_once=True) as db:
            known = sessions.known_session(db, project_id, session_id)
            found = settling.judged(db, known) if known else None
        if known is None or found is None:
            return None
        with suppress(StoreError), self._connections.writing(SETTLING_WAITS_SECONDS) as db:
            now = sessions.known_session(db, project_id, session_id)
            if now is not None and (now.key, now.changes) == (known.key, known.changes):
                return settling.write(db, project_id, now, found)
        return known._replace(statistics=found.whole)

    def _settle_shared(self, project_id: str) -> None:
        """Settle the projects whose sessions this one may read."""
        with self._connections.reading() as db:
            owners = settling.owners_unsettled(db, project_id)
        for owner in owners:
            self._settle(owner)

    def _settle(self, project_id: str | None) -> None:
        """Settle every session of a project, or of all, a few in each transaction so that writers can go on.

        As many as there are now: those that writers add meanwhile are left to the next reader, and so is what cannot be
        written down now; listings have these as they were the last time.
        """
        with self._connections.reading() as db:
            waiting = settling.count_unsettled(db, project_id)
            large = settling.large_unsettled(db, project_id) if waiting else []
        waiting -= len(large)
        while waiting > 0:
            try:
                with self._connections.writing(SETTLING_WAITS_SECONDS) as db:
                    done = settling.settle_some(db, project_id, SETTLED_AT_ONCE)
            except StoreError:
                return
            waiting -= done or waiting
        for project, session_id in large:
            self._settled_outside(project, session_id)

    def _record(self, project_id: str, known: Known, now_ns: int) -> Session:
        return session_record(project_id, known.facts, known.statistics, now_ns, self._liveness)

    def _listed(self, project_id: str, query: SessionQuery) -> Iterator[tuple[Known, Session]]:
        """Every session after the query's cursor that passes its filters: of the project, of others, or both as one."""
        if not query.shared:
            self._settle(project_id)
        if query.shared is not False:
            self._settle_shared(project_id)
        if query.shared is not None:
            return self._walked(project_id, query)
        own, shared = (self._walked(project_id, replace(query, shared=one)) for one in (False, True))
        return heapq.merge(own, shared, key=lambda one: listed_by(one[1], query.sort), reverse=query.ascending)

    def _walked(self, project_id: str, query: SessionQuery) -> Iterator[tuple[Known, Session]]:
        """The same of one of both, read in growing pages."""
        place = place_of(query.cursor, query.sort) if query.cursor else None
        size, now_ns = query.limit + 1, self._clock()
        few, telling = self._has_few(project_id, query), self._telling(query.text)
        keys = None if query.text is None else json.dumps(list(telling))
        while True:
            with self._connections.reading() as db:
                rows = db.execute(*queries.listing(project_id, query, place, size, few=few, telling=keys)).fetchall()
            found = [sessions.session_of(row[:-1]) for row in rows]
            if query.running:
                self._put_stopped(found, now_ns)
            for known, row in zip(found, rows, strict=True):
                session = self._record(row[-1], known, now_ns)
                if selects(query, session, is_told=known.key in telling):
                    yield known, session
            if len(rows) < size:
                return
            place, size = (sort_value(session, query.sort), session.session_id), max(size, 1000)

    def _put_stopped(self, found: Sequence[Known], now_ns: int) -> None:
        """Write down which sessions run no more, so that the next who asks for those that run need not look at them."""
        stopped = [known for known in found if has_stopped(known.facts, now_ns, self._liveness)]
        if stopped:
            with suppress(StoreError), self._connections.writing(SETTLING_WAITS_SECONDS) as db:
                sessions.put_stopped(db, stopped)

    def _telling(self, text: str | None) -> set[int]:
        """The keys of the sessions whose events say a text."""
        if text is None:
            return set()
        with self._connections.reading(at_once=True) as db:
            return search.sessions_that_say(db, phrases_of(text))

    def _has_few(self, project_id: str, query: SessionQuery) -> bool:
        """Whether few sessions have the first value that the query asks for, where that decides how to sort."""
        counting = None if query.sort == "start" or query.shared else queries.count_of_group(project_id, query)
        if counting is None:
            return False
        with self._connections.reading() as db:
            return int(db.execute(*counting).fetchone()[0]) <= queries.FEW

    def events(self, project_id: str, session_id: str, query: EventQuery = EVERY_EVENT) -> Iterator[Event]:
        """Events by start, then id, in chunks of one short read each: a slow consumer holds nothing open."""
        known = None if query.told else self._known(project_id, session_id)
        if known is not None and known.twins < 0:
            yield from self._judged_events(project_id, known, query)
            return
        place = place_of(query.cursor) if query.cursor else None
        left_out: LeftOut | None = None
        left, size = query.limit, _FIRST_CHUNK
        while left is None or left > 0:
            size = min(size * 2, _PAYLOADS_AT_ONCE if query.payloads else _ROWS_AT_ONCE, left or sys.maxsize)
            with self._connections.reading(at_once=True) as db:
                rows = db.execute(*queries.event_listing(project_id, session_id, query, place, size)).fetchall()
                events = _events(db, session_id, rows, query.payloads)
                if known is not None and known.twins and events:
                    left_out = left_out or LeftOut(db.execute(queries.LEFT_OUT, (known.key,)))
                    events = [*map(left_out.placed, _filled(db, known, events, query.payloads))]
            yield from events
            if len(rows) < size:
                return
            place = (events[-1].init_timestamp, events[-1].event_id)
            left = None if left is None else left - size

    def _judged_events(self, project_id: str, known: Known, query: EventQuery) -> Iterator[Event]:
        """`events` of a session whose twins cannot be written down now. Holds all of them."""
        with self._connections.reading() as db:
            answer = settling.judged(db, known).twins
        everything = list(self.events(project_id, known.facts.session_id, EventQuery(told=True)))
        yield from chosen(told_once(everything, answer), query)

    # --- further abilities ---------------------------------------------------------------------------------------

    def find_session_ids(self, project_id: str, prefix: str, limit: int = 10) -> list[str]:
        """Ids of sessions that start so, ascending; see `FindsIds`."""
        with self._connections.reading() as db:
            return [row[0] for row in db.execute(*queries.ids(project_id, prefix, limit))]

    def find_span(self, project_id: str, span_id: str) -> tuple[str, str] | None:
        """The session and the event of a span; see `FindsSpans`."""
        with self._connections.reading() as db:
            row = db.execute(queries.SPAN, (project_id, span_id)).fetchone()
        return tuple(row) if row else None

    def projects(self) -> list[str]:
        """Every project that has a session, by name; see `Forgets`."""
        with self._connections.reading() as db:
            return [row[0] for row in db.execute(queries.PROJECTS)]

    def size_bytes(self) -> int:
        """What the file holds, without the room that is free in it."""
        with self._connections.reading() as db:
            return int(db.execute(queries.USED_BYTES).fetchone()[0])

    def models(self, project_id: str, session_ids: Sequence[str]) -> dict[str, list[str]]:
        """The models that each session called; see `ListsModels`."""
        self._settle(project_id)
        found: dict[str, list[str]] = {}
        with self._connections.reading() as db:
            for session_id, model in db.execute(*queries.models(project_id, session_ids)):
                found.setdefault(session_id, []).append(model)
        return found

    def changes(self, project_id: str, session_ids: Sequence[str]) -> dict[str, int]:
        """Numbers that are others after each append; see `TellsChanges`."""
        with self._connections.reading() as db:
            return dict(db.execute(*queries.changes(project_id, session_ids)).fetchall())

    def totals(self, project_id: str, query: SessionQuery, by: TotalsBy) -> Sequence[TotalsRow]:
        """Sums over many sessions, from their rollups; see `Totals`."""
        self._settle(project_id)
        keys = None
        if any(getattr(query, name) is not None for name in queries.DECIDED_BY_RECORD):
            everything = replace(query, cursor=None, shared=False)
            keys = json.dumps([known.key for known, _ in self._listed(project_id, everything)])
        with self._connections.reading() as db:
            db.create_aggregate("exact_sum", 1, queries.ExactSum)  # type: ignore[arg-type]  # finalize may not be None
            rows = db.execute(*queries.totals(project_id, query, by, keys)).fetchall()
        return [queries.totals_row(by, row) for row in rows]

    def overview(self, project_id: str, query: OverviewQuery) -> Overview:
        """What the sessions of a span of time are together; see `GivesOverview`."""
        self._settle(project_id)
        now_ns = self._clock()
        with self._connections.reading() as db:
            dearest = overview.dearest(db, project_id, query)
            return Overview(
                groups=overview.groups(db, project_id, query),
                by_model=overview.by_model(db, project_id, query),
                by_tag=overview.by_tag(db, project_id, query),
                dearest=[self._record(project_id, known, now_ns) for known in dearest[:TOP]],
                dearest_calls=overview.dearest_calls(db, dearest),
                reasons=overview.reasons(db, project_id, query),
            )

    def spent(self, project_id: str, session_id: str) -> Spent:
        """What a session has cost, as appended; see `TellsSpent`."""
        with self._connections.reading() as db:
            row = db.execute(sessions.SPENT, (project_id, session_id)).fetchone()
        return Spent(Decimal(row[0]), row[1]) if row else Spent()

    def health(self) -> Health:
        """The state of the file; see `TellsHealth`."""
        self._settle(None)
        with self._connections.reading() as db:

            def one(sql: str) -> Any:
                return db.execute(sql).fetchone()[0]

            return Health(
                path=str(self.path),
                schema_version=one("PRAGMA user_version"),
                size_bytes=one("PRAGMA page_count") * one("PRAGMA page_size"),
                sessions=one("SELECT count(*) FROM sessions"),
                events=one("SELECT count(*) FROM events INDEXED BY events_by_id"),
                journal_mode=one("PRAGMA journal_mode"),
                unpriced=dict(db.execute(queries.UNPRICED).fetchall()),
            )

    def damage(self) -> list[str]:
        """What SQLite finds wrong in the file, in its words, the first few; none if it is sound. Reads all of it."""
        with self._connections.reading() as db:
            said = [str(row[0]) for row in db.execute("PRAGMA quick_check(5)")]
        return [] if said == ["ok"] else said


def _age(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _events(db: sqlite3.Connection, session_id: str, rows: Sequence[Row], payloads: bool) -> list[Event]:
    """The events of these rows of `SELECT_EVENT`."""
    bodies = Bodies(db)
    return [
        event_of(session_id, event_type, tuple(slim), bodies.at(key, line) if payloads else None)
        for _, key, line, event_type, *slim in rows
    ]


def _filled(db: sqlite3.Connection, known: Known, events: Sequence[Event], payloads: bool) -> list[Event]:
    """The events, each with what only its twins know."""
    rows = db.execute(*queries.twins_of(known.key, [event.event_id for event in events])).fetchall()
    twins: dict[str, list[Event]] = {}
    for event, row in zip(_events(db, known.facts.session_id, [row[:-1] for row in rows], payloads), rows, strict=True):
        twins.setdefault(row[-1], []).append(event)
    return [merged(event, twins.get(event.event_id, ())) for event in events]
