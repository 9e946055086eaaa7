"""The SQLite store as a file: its schema, its plans, its failures."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.errors import (
    InvalidValueError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)
from agentops_otel.facts import EventFact, ProcessFacts, ProcessKey, SessionFacts
from agentops_otel.records import EVENT_CLASSES, Action, LLMCall
from agentops_otel.store.base import SESSION_SORTS, EventQuery, Health, SessionQuery
from agentops_otel.store.sqlite import SqliteStore, queries, sessions, settling
from agentops_otel.store.sqlite.connections import Connections, _statements, migrations
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, columns_of
from agentops_otel.store.sqlite.segments import COMPRESS_FROM
from agentops_otel.store.sqlite.store import SETTLED_AT_ONCE
from fold.strategies import START, one_of_everything
from store.conformance import folded, stored, told_twice


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "agentops.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


@pytest.fixture
def filled(store: SqliteStore) -> SqliteStore:
    store.append("p", one_of_everything())
    return store


def step(event_id: str, session_id: str = "s", start_ns: int = START, **more: Any) -> EventFact:
    return EventFact(Action(event_id=event_id, session_id=session_id, name="step", init_timestamp=start_ns, **more))


def pages(store: SqliteStore) -> bytes:
    """Everything of the store that is on disk."""
    return b"".join(file.read_bytes() for file in store.path.parent.iterdir())


# --- the file --------------------------------------------------------------------------------------------------------


def test_nothing_is_opened_before_it_is_needed(path: Path) -> None:
    """Making and closing a store leaves no trace on disk."""
    SqliteStore(path).close()
    assert not path.parent.exists()


def test_sqlite_is_imported_when_a_store_is_opened() -> None:
    """Neither the seam, the sinks nor the memory store load sqlite3."""
    code = (
        "import sys, agentops_otel.sinks.store, agentops_otel.store\n"
        "agentops_otel.store.open_store('memory:')\n"
        "assert 'sqlite3' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_the_file_is_private(filled: SqliteStore) -> None:
    """Prompts are readable by their owner alone."""
    modes = {stat.S_IMODE(file.stat().st_mode) for file in filled.path.parent.iterdir()}
    assert ({0o600}, 0o700) == (modes, stat.S_IMODE(filled.path.parent.stat().st_mode))


@pytest.mark.parametrize(("synchronous", "expected"), [("NORMAL", 1), ("FULL", 2)])
def test_the_file_is_set_up_for_many_writers(path: Path, synchronous: str, expected: int) -> None:
    """WAL, large pages, and as durable as asked for."""
    store = SqliteStore(path, synchronous=synchronous)
    with store._connections.writing() as db:
        pragmas = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "page_size", "synchronous")]
    store.close()
    assert ["wal", 16384, expected] == pragmas


def test_a_log_is_written_back_when_told_to(path: Path) -> None:
    """Once it is worth it; until then no append does, and what is in it is there for every reader. Long enough, it
    starts anew."""
    store, plain = SqliteStore(path, checkpoints=False), SqliteStore(path)
    text = os.urandom(500_000).hex()
    for number in range(3):
        store.append("p", [step(str(number), f"s{number}", params=text)])
    before = path.stat().st_size
    store.checkpoint()
    assert (before, len(plain.sessions("p", SessionQuery()).items)) == (path.stat().st_size, 3)
    for number in range(40):
        store.append("p", [step(str(number), f"t{number}", params=text)])
    assert path.stat().st_size == before
    store.checkpoint()
    log = Path(f"{path}-wal").stat().st_size
    store.append("p", [step("last", "last", params=text)])
    assert (path.stat().st_size > 20_000_000, log) == (True, Path(f"{path}-wal").stat().st_size)
    assert len(plain.sessions("p", SessionQuery(limit=100)).items) == 44
    store.close()
    plain.close()


def test_health_tells_what_doctor_shows(filled: SqliteStore) -> None:
    """Where the store is, how large, what is in it, and which models have calls without a price."""
    call = LLMCall(event_id="u", session_id="s", name="chat", init_timestamp=START, model="unknown-1")
    filled.append("q", [EventFact(call), EventFact(dataclasses.replace(call, event_id="v"))])
    health = filled.health()
    assert health.size_bytes > 0
    assert (
        Health(
            path=str(filled.path),
            schema_version=migrations()[-1][0],
            size_bytes=health.size_bytes,
            sessions=2,
            events=7,
            journal_mode="wal",
            unpriced={"unknown-1": 2},
        )
        == health
    )


def test_a_closed_store_says_so(filled: SqliteStore) -> None:
    """Closing twice is fine; using it afterwards is an error that tells why."""
    filled.close()
    filled.close()
    with pytest.raises(StoreError, match="has been closed"):
        filled.session("p", "s")


# --- what is on disk -------------------------------------------------------------------------------------------------


def test_deleting_removes_the_text_from_the_file(filled: SqliteStore) -> None:
    """After a deletion no byte of a prompt, a name or a tag is found in any file of the store."""
    canaries = ["canary-prompt", "canary-name", "canary-tag", "canary-target"]
    event = Action(event_id="c", session_id="c", name=canaries[1], init_timestamp=START, params=canaries[0] * 3000)
    told = SessionFacts("c", tags_set=((START, "o"), (canaries[2],)))
    filled.append(
        "p", [told, EventFact(event), EventFact(dataclasses.replace(event, event_id="d", params=canaries[0]))]
    )
    assert b"canary" in pages(filled)
    filled.delete_session("p", "c")
    assert b"canary" not in pages(filled)


def indexed(store: SqliteStore) -> None:
    """Bring the index of words up to date."""
    while store.index_texts():
        pass


def words_on_disk(store: SqliteStore) -> str:
    """What the index of words holds."""
    with store._connections.reading() as db:
        return b"".join(block for (block,) in db.execute("SELECT block FROM search_data")).decode("utf-8", "replace")


def test_deleting_removes_the_words_from_the_index(store: SqliteStore) -> None:
    """No word of a deleted or revised event is left in any file, and the others are found as before."""
    for number in range(30):
        word = "walrus" if number == 1 else f"{('mango', 'zebra', 'quark')[number % 3]}{number}"
        store.append("p", [step(f"{number}", f"s{number % 3}", params=f"{word} common")])
        indexed(store)
    words = ("mango", "walrus", "zebra", "quark", "plain")
    assert [word in words_on_disk(store) for word in words] == [True, True, True, True, False]
    store.append("p", [EventFact(replace(step("1", "s1").event, params="plain"), 1)])
    store.delete_session("p", "s0")
    found = [one.session_id for one in store.sessions("p", SessionQuery(text="common")).items]
    assert (found, store.texts_waiting()) == (["s1", "s2"], 1)
    indexed(store)
    assert [word in words_on_disk(store) for word in words] == [False, False, True, True, True]
    assert [word.encode() in pages(store) for word in words] == [False, False, True, True, True]


def test_the_index_is_behind_and_nothing_is_missed(store: SqliteStore) -> None:
    """What is not in it yet is read; keys that are used again are not taken for indexed ones."""
    store.append("p", [step("1", "a", params="old word")])
    indexed(store)
    store.append("p", [step("1", "b", params="new word")])
    assert [one.session_id for one in store.sessions("p", SessionQuery(text="word")).items] == ["a", "b"]
    indexed(store)
    store.delete_session("p", "b")
    store.append("p", [step("1", "c", params="newer word")])
    indexed(store)
    assert [one.session_id for one in store.sessions("p", SessionQuery(text="newer")).items] == ["c"]
    store.drop_index()
    assert [one.session_id for one in store.sessions("p", SessionQuery(text="newer")).items] == ["c"]


def test_an_index_that_cannot_be_changed_here_is_emptied(store: SqliteStore) -> None:
    """As one of another version, or where SQLite has no FTS5: it is made anew by who can, and no word stays."""
    store.append("p", [step("1", "a", params="canary"), step("1", "b", params="other")])
    indexed(store)
    with store._connections.writing() as db:
        db.execute("UPDATE search_state SET value = 99 WHERE name = 'version'")
    store.delete_session("p", "a")
    assert b"canary" not in pages(store)
    assert [one.session_id for one in store.sessions("p", SessionQuery(text="other")).items] == ["b"]
    indexed(store)
    assert "other" in words_on_disk(store)


def test_replaced_text_leaves_the_file(filled: SqliteStore) -> None:
    """What a newer revision replaced is overwritten once the write-ahead log is."""
    old = step("c", params="canary")
    filled.append("p", [old])
    filled.append("p", [EventFact(dataclasses.replace(old.event, params="other"), revision=1)])
    filled.close()
    assert b"canary" not in pages(filled)


def test_a_revision_takes_its_text_alone(store: SqliteStore) -> None:
    """Of several events whose texts are stored together, one is replaced and the others stay as they are."""
    facts = [step(str(number), params=f"canary-{number}", start_ns=START + number) for number in range(4)]
    store.append("p", facts)
    revised = [EventFact(dataclasses.replace(facts[n].event, params="other"), revision=1) for n in (1, 2)]
    store.append("p", [facts[0], revised[0], step("4"), revised[1]])
    store.append("p", [*facts, *revised])
    params = [event.params for event in store.events("p", "s")]
    assert sorted(map(str, params)) == ["None", "canary-0", "canary-3", "other", "other"]
    store.close()
    found = pages(store)
    assert [b"canary-0" in found, b"canary-1" in found, b"canary-2" in found] == [True, False, False]


def test_a_file_from_before_segments_is_read_on(path: Path) -> None:
    """Its events have a row of texts and a column for each bucket each, and may be revised and deleted."""
    facts = one_of_everything()
    store = SqliteStore(path)
    store.append("p", facts)
    with store._connections.writing() as db:
        bodies = db.execute("SELECT body FROM payloads").fetchone()[0].split(b"\n")
        for key, body in enumerate(bodies, 10):
            db.execute("INSERT INTO payloads VALUES (?, ?)", (key, body))
            db.execute("UPDATE events SET payload = ?, line = NULL WHERE line = ?", (key, key - 10))
        db.execute("DELETE FROM payloads WHERE key < 10")
        db.execute(
            "UPDATE events SET usage_cache_write = 3, usage_cache_write_1h = 4, usage_reasoning = 6, "
            "usage_audio_out = 7, usage_more = NULL WHERE usage_more IS NOT NULL"
        )
    assert folded(facts, "s") == stored(store, "s")
    revised = EventFact(dataclasses.replace(facts[1].event, prompt="other"), revision=1)
    store.append("p", [revised])
    assert revised.event in store.events("p", "s")
    store.delete_session("p", "s")
    with store._connections.reading() as db:
        assert db.execute("SELECT count(*) FROM payloads").fetchone()[0] == 0
    store.close()


def test_texts_are_compressed_later(store: SqliteStore) -> None:
    """All of them, once; they read as before, and what is revised or deleted leaves the file as before."""
    texts = [" ".join(f"canary{number}word{n % 99}" for n in range(300)) for number in range(60)]
    facts = [step(str(number), f"s{number % 2}", params=text) for number, text in enumerate(texts)]
    store.append("p", facts)

    def room() -> int:
        with store._connections.reading() as db:
            return int(db.execute("SELECT sum(length(body)) FROM payloads").fetchone()[0])

    before = room()
    while store.compact():
        pass
    assert room() < before / 5
    store.append("p", [EventFact(replace(facts[2].event, params="other"), revision=1)])
    store.append("p", [step("new", "s1", params="y" * 5000)])
    assert (store.compact(), store.compact()) == (True, False)
    store.delete_session("p", "s1")
    read = [event.params for event in store.events("p", "s0")]
    assert sorted(read) == sorted(["other", *texts[4::2], texts[0]])
    store.delete_session("p", "s0")
    with store._connections.reading() as db:
        assert db.execute("SELECT count(*) FROM payloads").fetchone()[0] == 0


@pytest.mark.parametrize("size", [COMPRESS_FROM // 2, COMPRESS_FROM * 20])
def test_long_bodies_are_compressed(store: SqliteStore, size: int) -> None:
    """A body above the threshold takes less room than its text, and comes back whole either way."""
    fact = step("c", "c", params="lorem ipsum " * (size // 12))
    store.append("p", [fact])
    with store._connections.reading() as db:
        stored = db.execute("SELECT length(body) FROM payloads").fetchone()[0]
    assert (fact.event, size > COMPRESS_FROM) == (next(store.events("p", "c")), stored < size / 2)


def test_listings_never_read_payloads(filled: SqliteStore) -> None:
    """With the payload table out of reach everything but payloads can be read."""
    with filled._connections.writing() as db:
        db.execute("ALTER TABLE payloads RENAME TO gone")
    assert len(list(filled.events("p", "s", EventQuery(payloads=False)))) == 5
    assert (len(filled.sessions("p", SessionQuery()).items), filled.session("p", "s").statistics.events + 1) == (1, 5)
    with pytest.raises(StoreError):
        next(filled.events("p", "s"))


def test_older_sessions_are_found_by_provider_and_host(store: SqliteStore) -> None:
    """The step that brings these filters finds in older rows what an append writes into newer ones, told once."""
    here = {ProcessKey(host, pid, START): ProcessFacts() for host, pid in (("east", 3), ("east", 4), ("west", 3))}
    unnamed = LLMCall(event_id="u", session_id="s", name="chat", init_timestamp=START)
    twin = replace(unnamed, event_id="t", trace_id="t", span_id="t", provider="framework", response_id="r-9")
    inner = replace(twin, event_id="i", span_id="i", parent_id="t", provider=None)
    facts = [*one_of_everything(), *map(EventFact, (unnamed, twin, inner)), SessionFacts("t", START, processes=here)]
    store.append("p", facts)
    assert store.sessions("p", SessionQuery(id_prefix="s")).items[0].statistics.llms == 3
    tables = ("session_providers", "session_hosts")
    with store._connections.writing() as db:
        before = [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
        for table in tables:
            db.execute(f"DROP TABLE {table}")
        for statement in _statements(dict(migrations())[13]):
            db.execute(statement)
        assert before == [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
    assert [[row[1] for row in rows] for rows in before] == [["framework", "openai"], ["east", "host", "west"]]


# --- migrations ------------------------------------------------------------------------------------------------------

STEPS = [(1, "CREATE TABLE a (x);\nINSERT INTO a VALUES ('from one');"), (2, "ALTER TABLE a ADD COLUMN y DEFAULT 2;")]


def opened(path: Path, steps: list[tuple[int, str]]) -> list[tuple[object, ...]]:
    """What a version that knows these steps finds in table a."""
    connections = Connections(path, synchronous="NORMAL", steps=lambda: steps)
    try:
        with connections.reading() as db:
            return db.execute("SELECT * FROM a").fetchall()
    finally:
        connections.close()


def test_each_step_runs_once(path: Path) -> None:
    """An older file is brought up by the steps it has not seen, and keeps what is in it."""
    assert opened(path, STEPS[:1]) == [("from one",)]
    assert opened(path, STEPS) == [("from one", 2)]
    assert opened(path, STEPS) == [("from one", 2)]


def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """All steps of an upgrade happen, or none."""
    opened(path, STEPS[:1])
    with pytest.raises(StoreError, match="syntax error"):
        opened(path, [*STEPS, (3, "CREATE NONSENSE;")])
    assert opened(path, STEPS[:1]) == [("from one",)]


def test_a_newer_file_is_left_alone(path: Path) -> None:
    """A version that does not know the schema refuses, and says what to do."""
    opened(path, STEPS)
    with pytest.raises(StoreVersionError, match=f"{re.escape(str(path))} has schema 2.*upgrade agentops-otel-bridge"):
        opened(path, STEPS[:1])


def test_older_sessions_are_sorted_as_newer_ones(store: SqliteStore) -> None:
    """The step that brings the orders finds in older rows what an append writes into newer ones."""
    gone = {ProcessKey("h", pid, START): ProcessFacts(ended_ns=START + pid) for pid in (3, 4)}
    alive = {**gone, ProcessKey("h", 5, START): ProcessFacts(seen_ns=START)}
    store.append("p", [*one_of_everything(), SessionFacts("empty"), SessionFacts("gone", START, processes=gone)])
    store.append("p", [SessionFacts("alive", START, START + 9, processes=alive), SessionFacts("late", activity_ns=9)])
    select = "SELECT session_id, end_ns, duration_ns, tokens FROM sessions ORDER BY 1"
    with store._connections.writing() as db:
        before = db.execute(select).fetchall()
        db.execute("UPDATE sessions SET end_ns = 0, duration_ns = 0, tokens = 0")
        for statement in _statements(dict(migrations())[6]):
            if "UPDATE" in statement:
                db.execute(statement)
        assert before == db.execute(select).fetchall()
    assert [tuple(row[1:]) for row in before[:4]] == [(0, 9, 0), (0, 0, 0), (START + 4, 4, 0), (0, 0, 0)]


def test_older_shares_are_listed_as_newer_ones(store: SqliteStore) -> None:
    """The step that lists them finds where their sessions stand; what never came stands at 0."""
    for session_id in ("s", "never came"):
        store.share("q", session_id, "p")
    store.append("q", one_of_everything())
    select = "SELECT session_id, start_ns FROM shared_sessions ORDER BY 1 DESC"
    with store._connections.writing() as db:
        before = db.execute(select).fetchall()
        db.execute("UPDATE shared_sessions SET start_ns = 7")
        db.execute(next(one for one in _statements(dict(migrations())[14]) if "UPDATE" in one))
        assert before == db.execute(select).fetchall()
    started = store.session("q", "s")
    assert started is not None
    assert [tuple(row) for row in before] == [("s", started.init_timestamp), ("never came", 0)]


def test_the_steps_are_numbered_without_gaps() -> None:
    """0001, 0002, …: the number is the schema version."""
    assert list(range(1, len(migrations()) + 1)) == [number for number, _ in migrations()]


def test_the_schema_has_a_column_for_every_field(filled: SqliteStore) -> None:
    """A field that is added to a record and not to the schema is noticed here, not in production."""
    with filled._connections.reading() as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(events)")}
    needed = {column for cls in EVENT_CLASSES.values() for column in columns_of(cls)} | set(ALL_COLUMNS)
    assert needed | {"session", "payload", "line", "revision", "type", "twin_of"} == columns


# --- plans -----------------------------------------------------------------------------------------------------------

QUERIES = {
    "by start": (SessionQuery(), "sessions_by_start"),
    "by state": (SessionQuery(end_state="Failure"), "sessions_by_state"),
    "by tag": (SessionQuery(tag="x"), "PRIMARY KEY (project_id=? AND tag=?"),
    "by model": (SessionQuery(model="m"), "sessions_by_model"),
    "by provider": (SessionQuery(provider="openai"), "sessions_by_provider"),
    "by host": (SessionQuery(host="h"), "PRIMARY KEY (project_id=? AND host=?"),
    "running": (SessionQuery(running=True), "sessions_may_run"),
    "failed": (SessionQuery(has_errors=True), "sessions_with_errors"),
}


SORTED = {f"by {sort}": (SessionQuery(sort=sort), f"sessions_by_{sort}") for sort in SESSION_SORTS}
SORTED |= {f"{name} with a tag": (replace(query, tag="x"), index) for name, (query, index) in list(SORTED.items())[1:]}


@pytest.fixture(params=[False, True], ids=["no statistics", "analyzed"])
def skewed(request: pytest.FixtureRequest, store: SqliteStore) -> SqliteStore:
    """Many sessions of which one has nearly all events, with the planner's statistics or without."""
    facts = [
        EventFact(Action(event_id="e", session_id=f"s{n}", name="n", init_timestamp=START + n)) for n in range(300)
    ]
    store.append("p", facts)
    big = [
        EventFact(Action(event_id=f"{n}", session_id="big", name="n", init_timestamp=START + n)) for n in range(3000)
    ]
    store.append("p", big)
    if request.param:
        with store._connections.reading() as db:
            db.execute("ANALYZE")
    return store


def plan(store: SqliteStore, sql: str, values: list[object]) -> str:
    with store._connections.reading() as db:
        return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))


@pytest.mark.parametrize("place", [None, (START, "a")])
@pytest.mark.parametrize("payloads", [True, False])
def test_events_are_read_in_stored_order(skewed: SqliteStore, payloads: bool, place: tuple[int, str] | None) -> None:
    """One session's events are walked by the clustered key, from the cursor on, without sorting."""
    told = plan(skewed, *queries.event_listing("p", "big", EventQuery(payloads=payloads), place, 100))
    assert "SEARCH e USING PRIMARY KEY (session=?" in told
    assert "B-TREE" not in told
    assert ("(start_ns,event_id)>" in told) == (place is not None)


def test_one_event_is_found_by_its_id(skewed: SqliteStore) -> None:
    """Not by walking its session."""
    told = plan(skewed, *queries.event_listing("p", "big", EventQuery(event_id="7"), None, 1))
    assert "events_by_id (session=? AND event_id=?)" in told


@pytest.mark.parametrize("place", [None, (START, "a")])
@pytest.mark.parametrize("name", QUERIES)
def test_sessions_are_listed_in_index_order(skewed: SqliteStore, name: str, place: tuple[int, str] | None) -> None:
    """Each listing walks the index that has its order, from the cursor on, and sorts nothing."""
    query, index = QUERIES[name]
    told = plan(skewed, *queries.listing("p", query, place, 50))
    assert index in told
    assert "B-TREE" not in told
    assert ("start_ns<?" in told) == (place is not None)


@pytest.mark.parametrize("place", [None, (7, "a")])
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("name", SORTED)
def test_every_order_has_an_index(skewed: SqliteStore, name: str, up: bool, place: tuple[int, str] | None) -> None:
    """Walked from the cursor on, both ways, without sorting."""
    query, index = SORTED[name]
    told = plan(skewed, *queries.listing("p", replace(query, ascending=up), place, 50))
    assert index in told
    assert "B-TREE" not in told
    assert (f"{queries.SORTED_BY[query.sort]}{'>' if up else '<'}?" in told) == (place is not None)


SHARED = {
    "by start": (SessionQuery(), "shared_by_start (reader_project_id=?"),
    "with a tag": (SessionQuery(tag="x", provider="openai"), "shared_by_start (reader_project_id=?"),
    "by id": (SessionQuery(id_prefix="b"), "PRIMARY KEY (reader_project_id=? AND session_id>?"),
    "by cost": (SessionQuery(sort="cost"), "shared_by_start (reader_project_id=?"),
}


@pytest.mark.parametrize("place", [None, (START, "a")])
@pytest.mark.parametrize("name", SHARED)
def test_shared_sessions_are_found_by_their_reader(
    skewed: SqliteStore, name: str, place: tuple[int, str] | None
) -> None:
    """Newest first they are walked from the cursor on and not sorted; no table is read to its end."""
    query, index = SHARED[name]
    told = plan(skewed, *queries.listing("p", replace(query, shared=True), place, 50))
    assert index in told
    assert "sqlite_autoindex_sessions_1 (project_id=? AND session_id=?)" in told
    assert "SCAN" not in told
    if name in ("by start", "with a tag"):
        assert "B-TREE" not in told
        assert ("start_ns<?" in told) == (place is not None)


def test_shares_are_followed_by_their_session(skewed: SqliteStore) -> None:
    """Neither what moves nor what ends a share, nor who asks for what is not settled, reads all shares."""
    for sql in (sessions._MOVE_SHARED, sessions._DROP_SHARED, queries.OWNERS_UNSETTLED):
        told = plan(skewed, sql, ["x"] * sql.count("?"))
        assert "SCAN" not in told.replace("SCAN s USING INDEX sessions_unsettled", "")


def test_a_few_sessions_with_a_tag_are_sorted(skewed: SqliteStore) -> None:
    """Rather than that all sessions are walked to find them."""
    told = plan(skewed, *queries.listing("p", SessionQuery(sort="cost", tag="x"), None, 50, few=True))
    assert "PRIMARY KEY (project_id=? AND tag=?" in told


def test_statistics_are_one_row(skewed: SqliteStore) -> None:
    """A session of any size is found by its unique key."""
    told = plan(skewed, "SELECT * FROM sessions s WHERE project_id = ? AND session_id = ?", ["p", "big"])
    assert "USING INDEX sqlite_autoindex_sessions_1 (project_id=? AND session_id=?)" in told


def test_twins_are_found_by_what_they_repeat(skewed: SqliteStore) -> None:
    """Not by walking their session; nor are sessions walked to find those in which nobody has looked for twins."""
    told = plan(skewed, *queries.twins_of(1, ["1", "2"]))
    assert "events_by_twin (session=? AND twin_of=?)" in told
    for where in ("", " AND s.project_id = 'p'"):
        assert "USING INDEX sessions_unsettled" in plan(skewed, f"SELECT s.key {queries.UNSETTLED}{where}", [])


def test_a_session_that_has_stopped_is_looked_at_once(path: Path) -> None:
    """However many processes died without a word, asking for what runs stays fast; a new fact brings a session back."""
    looked: list[int] = []
    alive = {5: True, 6: None}

    def liveness(key: ProcessKey, process: ProcessFacts) -> bool | None:
        looked.append(key.pid)
        return alive.get(key.pid, False)

    store = SqliteStore(path, liveness=liveness, clock=lambda: START)
    for pid in range(8):
        process = {ProcessKey("h", pid, START): ProcessFacts(seen_ns=START)}
        store.append("p", [SessionFacts(f"s{pid}", START + pid, START, processes=process)])

    def running() -> list[str]:
        looked.clear()
        return [one.session_id for one in store.sessions("p", SessionQuery(running=True)).items]

    assert running() == ["s6", "s5"]
    assert (running(), sorted(set(looked))) == (["s6", "s5"], [5, 6])
    store.append("p", [SessionFacts("s1", processes={ProcessKey("h", 5, START): ProcessFacts(seen_ns=START)})])
    assert running() == ["s6", "s5", "s1"]
    store.close()


# --- twins -----------------------------------------------------------------------------------------------------------


def looked_for(store: SqliteStore) -> bool:
    with store._connections.reading() as db:
        return not db.execute(f"SELECT EXISTS (SELECT 1 {queries.UNSETTLED})").fetchone()[0]


def test_twins_are_looked_for_when_somebody_reads(store: SqliteStore) -> None:
    """Once for any number of appends, and not at all where there is nothing that could repeat."""
    store.append("p", one_of_everything())
    assert looked_for(store)
    for number in range(3):
        call = LLMCall(event_id=f"c{number}", session_id="s", name="chat", init_timestamp=START + number)
        store.append("p", [EventFact(call)])
        assert not looked_for(store)
    store.session("p", "s")
    assert looked_for(store)


def test_many_sessions_are_settled_by_one_listing(store: SqliteStore) -> None:
    """However many there are."""
    for number in range(SETTLED_AT_ONCE * 2 + 1):
        facts = [EventFact(dataclasses.replace(fact.event, session_id=f"s{number}")) for fact in told_twice()]
        store.append("p", facts)
    assert {session.statistics.llms for session in store.sessions("p", SessionQuery(limit=1000)).items} == {1}
    assert looked_for(store)


def test_a_reader_does_not_wait_for_a_writer_to_leave_twins_out(store: SqliteStore) -> None:
    """Its answer is right although it can write nothing down."""
    facts = told_twice()
    store.append("p", facts)
    patient = SqliteStore(store.path)
    with store._connections.writing():
        session, events = patient.session("p", "s"), list(patient.events("p", "s", EventQuery(limit=1)))
        assert not looked_for(store)
    assert session is not None
    assert (session.statistics.llms, events) == (1, list(store.events("p", "s")))
    patient.close()


def test_a_large_session_is_looked_at_beside_writers(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its events are looked at others write; what was found is written down unless they wrote to it."""
    monkeypatch.setattr(settling, "LARGE", 1)
    judged, writer = settling.judged, SqliteStore(store.path, busy_seconds=0.1)

    def slowly(db: sqlite3.Connection, known: Any) -> Any:
        writer.append("p", meanwhile.pop(0))
        return judged(db, known)

    monkeypatch.setattr(settling, "judged", slowly)
    store.append("p", told_twice())
    meanwhile = [[step("1", "s")], [step("1", "t")]]
    session = store.session("p", "s")
    assert session is not None
    assert (session.statistics.llms, session.statistics.actions, looked_for(store)) == (1, 0, False)
    assert [one.statistics.events for one in store.sessions("p", SessionQuery()).items] == [2, 1]
    assert (looked_for(store), meanwhile) == (True, [])
    writer.close()


def test_sessions_of_an_older_file_are_as_they_were(store: SqliteStore) -> None:
    """What was stored before anybody looked for twins is read as it is, until something is added."""
    store.append("p", told_twice())
    with store._connections.writing() as db:
        db.execute("UPDATE events SET scope = NULL, failed = NULL, content = NULL, said = NULL")
        db.execute("UPDATE sessions SET twins = 0")
    assert len(list(store.events("p", "s"))) == 2
    store.append("p", [step("later", start_ns=START + 10)])
    assert [event.event_id for event in store.events("p", "s")] == ["inner", "later"]


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database(path: Path) -> None:
    """Named, with what to do, and left as it was."""
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 1000)
    store = SqliteStore(path)
    with pytest.raises(StoreCorruptError, match=f"{re.escape(str(path))}: file is not a database; move the file away"):
        store.append("p", [SessionFacts("s")])
    store.close()
    assert path.read_bytes().startswith(b"Dear diary")


def test_a_database_of_another_program(path: Path) -> None:
    """Never written into: neither tables nor a journal mode."""
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE invoices (total)")
    other.close()
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(StoreCorruptError, match="is a database of another program; name another file"):
        store.append("p", [SessionFacts("s")])
    store.close()
    assert before == path.read_bytes()


def test_a_damaged_file(filled: SqliteStore) -> None:
    """Overwritten pages are found when they are read, and named as damage."""
    filled.append(
        "p", [EventFact(Action(event_id=str(n), session_id="s", name="n", init_timestamp=n)) for n in range(999)]
    )
    filled.close()
    size = filled.path.stat().st_size
    with filled.path.open("r+b") as file:
        file.seek(16384)
        file.write(random.Random(0).randbytes(size - 16384))
    store = SqliteStore(filled.path)
    with pytest.raises(StoreCorruptError, match=re.escape(str(filled.path))):
        store.session("p", "s")
    store.close()


def test_a_full_disk(filled: SqliteStore) -> None:
    """The batch that does not fit is refused as a whole, what was there stays, and room makes it work again."""
    with filled._connections.writing() as db:
        limit = db.execute("PRAGMA max_page_count=1").fetchone()[0]
        assert limit > 1
    large = [
        EventFact(Action(event_id="l", session_id="l", name="n", init_timestamp=1, params=os.urandom(200_000).hex()))
    ]
    with pytest.raises(StoreFullError, match="is full; free some space"):
        filled.append("p", large)
    assert (filled.session("p", "l"), len(list(filled.events("p", "s")))) == (None, 5)
    filled.append("p", large)
    assert large[0].event == next(filled.events("p", "l"))


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """Named as what it is."""
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError, match=f"{re.escape(str(tmp_path))} is a folder"):
        store.session("p", "s")
    store.close()


@pytest.mark.parametrize("home", ["/dev/null/home", "/proc/home"])
def test_a_home_that_cannot_be_made(home: str) -> None:
    """The error names the file and the variable that moves it."""
    store = SqliteStore(Path(home) / "agentops.db")
    with pytest.raises(StoreReadOnlyError, match=f"{home}/agentops.db cannot be written .*AGENTOPS_HOME"):
        store.append("p", [SessionFacts("s")])
    store.close()


def test_a_writer_that_never_ends(filled: SqliteStore) -> None:
    """Waiting for another process is bounded, the error says how long, and readers do not notice."""
    patient = SqliteStore(filled.path, busy_seconds=0.2)
    with filled._connections.writing():
        assert patient.session("p", "s") is not None
        with pytest.raises(StoreError, match=r"stayed locked by another process for 0.2 s; end the process"):
            patient.append("p", [SessionFacts("t")])
    patient.append("p", [SessionFacts("t")])
    patient.close()


def test_a_failed_append_leaves_nothing(filled: SqliteStore) -> None:
    """An append is all or nothing: a fact that cannot be stored takes its batch back."""
    good, bad = step("g", "g"), step("b", "g", 2**70)
    with pytest.raises(InvalidValueError, match="no database takes"):
        filled.append("p", [good, bad])
    assert filled.session("p", "g") is None
    filled.append("p", [good])
    assert Decimal("0.50012345") == filled.session("p", "s").statistics.cost


def test_values_outside_the_contract(store: SqliteStore) -> None:
    """Contents are marked like everywhere else; a field of the wrong type is refused by name of the type."""
    cycle: list[Any] = []
    cycle.append(cycle)
    store.append("p", [step("e", params={"cycle": cycle, "bytes": b"x"})])
    assert "x" in str(next(store.events("p", "s")).params["bytes"])
    with pytest.raises(InvalidValueError, match="type that its field does not have"):
        store.append("p", [step("f", parent_id=["list"])])


def test_a_file_that_is_deleted_meanwhile(filled: SqliteStore) -> None:
    """What is stored afterwards is in a new file at the same place, not in the one that is gone."""
    list(filled.events("p", "s"))
    for file in filled.path.parent.iterdir():
        file.unlink()
    filled.append("p", [step("new", "t")])
    other = SqliteStore(filled.path)
    assert (filled.session("p", "s"), other.session("p", "t") is not None) == (None, True)
    other.close()


def test_an_unknown_durability_is_refused(path: Path) -> None:
    """At the call, by name."""
    with pytest.raises(InvalidValueError, match="synchronous is 'OFF'; choose NORMAL or FULL"):
        SqliteStore(path, synchronous="OFF")  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"{", b"x\x9c", b'{"params": "\xff"}'])
def test_a_damaged_content(filled: SqliteStore, body: bytes) -> None:
    """Named as damage, and everything but the contents can still be read."""
    with filled._connections.writing() as db:
        db.execute("UPDATE payloads SET body = ?", (body,))
    with pytest.raises(StoreCorruptError, match="content of an event is damaged"):
        next(filled.events("p", "s"))
    assert len(list(filled.events("p", "s", EventQuery(payloads=False)))) == 5


def test_deleting_gives_room_back(filled: SqliteStore) -> None:
    """The file is as small as it was before the session came."""
    filled.delete_session("p", "nobody")
    filled.append("p", [step("a", "t")])
    filled.delete_session("p", "t")
    before = filled.path.stat().st_size
    filled.append("p", [step(str(number), "large", params=os.urandom(4000).hex()) for number in range(1500)])
    filled.delete_session("p", "large")
    assert (before, 5) == (filled.path.stat().st_size, len(list(filled.events("p", "s"))))
