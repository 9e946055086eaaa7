"""Searching the texts of events: an index of words (FTS5) for what it knows, and reading for what it does not.

The index holds the different words of each segment, no order and no text, so it is a twentieth of the texts. It is made
apart from appends, in small steps, by whoever wants it (a server, `agentops-otel store index`); the bodies that came
after it are read. So what is found depends neither on the index nor on whether SQLite has FTS5.
Source: sqlite.org/fts5.html, "Contentless Tables" and "The detail Option".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from agentops_otel.store.sqlite.rows import decoded
from agentops_otel.store.sqlite.segments import body_of_segment, lines_of
from agentops_otel.store.words import Phrase, says, texts_of, vocabulary

VERSION = 2
"""Of what words are, as the index has them. One of another version is made anew."""

AT_ONCE = 8
"""Segments that are indexed in one transaction: some milliseconds."""

_CREATE = "CREATE VIRTUAL TABLE search USING fts5(texts, content='', columnsize=0, detail=none, tokenize='ascii')"
_MERGED_PAGES = 200


def has_fts5(db: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with FTS5."""
    return bool(db.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


def state(db: sqlite3.Connection, name: str) -> int:
    """A number of `search_state`, 0 before it is set."""
    row = db.execute("SELECT value FROM search_state WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def put_state(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("INSERT OR REPLACE INTO search_state VALUES (?, ?)", (name, value))


# --- finding ---------------------------------------------------------------------------------------------------------


def sessions_that_say(db: sqlite3.Connection, phrases: Sequence[Phrase]) -> set[int]:
    """The keys of the sessions, of every project, whose events have all of these. Call inside a read transaction."""
    if not phrases:
        return set()
    known = state(db, "done") if has_fts5(db) and state(db, "version") == VERSION else 0
    found: list[set[int]] = [set() for _ in phrases]
    for number, phrase in enumerate(phrases):
        for session, key in _indexed(db, phrase) if known else ():
            if session not in found[number] and (len(phrase.words) == 1 or says(_texts(_body(db, key)), phrase)):
                found[number].add(session)
    for session, body in _unindexed(db, known):
        texts: list[str] | None = None
        plain = body.decode("utf-8", "replace").casefold()
        for number, phrase in enumerate(phrases):
            if session not in found[number] and all(word in plain for word in phrase.words):
                texts = list(_texts(body)) if texts is None else texts
                if says(texts, phrase):
                    found[number].add(session)
    return set.intersection(*found)


def _indexed(db: sqlite3.Connection, phrase: Phrase) -> list[tuple[int, int]]:
    """Session and key of each segment that has the words, in any order."""
    words = [f'"{word}"' for word in phrase.words]
    if phrase.open:
        words[-1] += "*"
    sql = "SELECT s.session, s.key FROM search CROSS JOIN segments s ON s.key = search.rowid WHERE search MATCH ?"
    return db.execute(sql, (" AND ".join(words),)).fetchall()


def _body(db: sqlite3.Connection, key: int) -> bytes:
    return b"\n".join(lines_of(body_of_segment(db, key)))


def _unindexed(db: sqlite3.Connection, known: int) -> Iterator[tuple[int, bytes]]:
    """Session and bodies of each segment after the last that is in the index."""
    sql = "SELECT s.session, p.body FROM payloads p CROSS JOIN segments s ON s.key = p.key WHERE p.key > ?"
    for session, segment in db.execute(sql, (known,)):
        yield session, b"\n".join(lines_of(segment))


def _texts(bodies: bytes) -> Iterator[str]:
    for line in bodies.split(b"\n"):
        if line:
            yield from texts_of(decoded(line))


# --- the index -------------------------------------------------------------------------------------------------------


def waiting(db: sqlite3.Connection) -> int:
    """How many segments are not in the index."""
    known = state(db, "done") if state(db, "version") == VERSION else 0
    return int(db.execute("SELECT count(*) FROM segments WHERE key > ?", (known,)).fetchone()[0])


def next_segments(db: sqlite3.Connection) -> list[tuple[int, int, bytes]]:
    """Key, session and bodies of the segments that come next."""
    known = state(db, "done") if state(db, "version") == VERSION else 0
    sql = (
        "SELECT p.key, s.session, p.body FROM payloads p CROSS JOIN segments s ON s.key = p.key "
        f"WHERE p.key > ? ORDER BY p.key LIMIT {AT_ONCE}"
    )
    return db.execute(sql, (known,)).fetchall()


def document(segment: tuple[int, int, bytes]) -> tuple[int, str]:
    """The row of the index for a segment: most of the work, and it takes no lock."""
    key, _, bodies = segment
    return key, _words(bodies)


def _words(segment: bytes) -> str:
    """The different words of a segment, in an order that depends on nothing else."""
    return " ".join(sorted(vocabulary(_texts(b"\n".join(lines_of(segment))))))


def put(
    db: sqlite3.Connection, segments: Sequence[tuple[int, int, bytes]], documents: Sequence[tuple[int, str]]
) -> None:
    """Take segments into the index, unless something has happened to them meanwhile. In a write transaction."""
    if state(db, "version") != VERSION:
        drop(db)
        db.execute(_CREATE)
        put_state(db, "version", VERSION)
    if segments and next_segments(db) == segments:
        db.executemany("INSERT INTO search (rowid, texts) VALUES (?, ?)", documents)
        put_state(db, "done", segments[-1][0])


def drop(db: sqlite3.Connection) -> None:
    """Remove the index. In a write transaction."""
    db.execute("DROP TABLE IF EXISTS search")
    db.execute("DELETE FROM search_state WHERE name != 'compacted'")


# --- what is removed -------------------------------------------------------------------------------------------------


def before_change(db: sqlite3.Connection, key: int, segment: bytes) -> None:
    """Take the words of a segment that will be changed or removed out of the index. In a write transaction."""
    if state(db, "version") and key <= state(db, "done"):
        if state(db, "version") == VERSION and has_fts5(db):
            values = (key, _words(segment))
            db.execute("INSERT INTO search (search, rowid, texts) VALUES ('delete', ?, ?)", values)
            put_state(db, "stale", 1)
        else:
            _forget_everything(db)


def after_change(db: sqlite3.Connection, key: int, segment: bytes) -> None:
    """Put the words of a changed segment into the index, if it was there. In a write transaction."""
    if state(db, "version") and key <= state(db, "done"):
        db.execute("INSERT INTO search (rowid, texts) VALUES (?, ?)", (key, _words(segment)))


def _forget_everything(db: sqlite3.Connection) -> None:
    """Empty an index that cannot be changed here, by the tables that it is made of; it is made anew by who can."""
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'search\\_%' ESCAPE '\\'").fetchall():
        if table != "search_state":
            db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM search_state WHERE name != 'compacted'")
    put_state(db, "version", -1)


def take_out(db: sqlite3.Connection, session: int) -> int:
    """Take some segments of a session out of the index and out of all searches, before it is deleted; how many were
    there to be taken. In a write transaction: one for all of them would keep other writers waiting."""
    sql = "SELECT key FROM segments WHERE key IN (SELECT DISTINCT payload FROM events WHERE session = ?) LIMIT ?"
    keys = [key for (key,) in db.execute(sql, (session, AT_ONCE)).fetchall()] if state(db, "version") else []
    for key in keys:
        before_change(db, key, body_of_segment(db, key))
        db.execute("DELETE FROM segments WHERE key = ?", (key,))
    return len(keys)


def keep_behind(db: sqlite3.Connection) -> None:
    """After segments were removed: keys that are used again are not in the index. In a write transaction."""
    highest = db.execute("SELECT max(key) FROM payloads").fetchone()[0] or 0
    db.execute("UPDATE search_state SET value = min(value, ?) WHERE name IN ('done', 'compacted')", (highest,))


def scrub_some(db: sqlite3.Connection) -> bool:
    """Overwrite a part of what was taken out of the index; whether there is more. In a write transaction.

    Until then FTS5 marks it as gone and keeps its words. Two commands together are an `optimize` in small steps.
    """
    stale = state(db, "stale")
    if not stale or not has_fts5(db):
        return False
    pages = -_MERGED_PAGES if stale > 0 else _MERGED_PAGES
    before = db.total_changes
    db.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (pages,))
    more = stale > 0 or db.total_changes - before >= 2
    put_state(db, "stale", -1 if more else 0)
    return more
