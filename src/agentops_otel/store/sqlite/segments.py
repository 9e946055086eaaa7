"""Bodies of events in segments: JSON lines, several bodies of one session to a row of `payloads`.

One row an event would waste pages, and what is compressed alone stays twice as long. A segment belongs to one session,
so that deleting the session is deleting its rows, and it is short, so that reading one body is cheap. The segments of
older files hold one body each.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from agentops_otel.errors import StoreCorruptError

SEGMENT = 64 * 1024
"""A segment is not continued beyond so many bytes."""

COMPRESS_FROM = 16 * 1024
"""A body of so many bytes has a segment of its own, compressed at once. zlib takes 5 to 10 µs for a KB of text, which
is more than writing it takes: worth it for a long history of messages, not while many short calls come in. Those are
compressed later, if somebody calls `SqliteStore.compact`."""

COMPACTED_AT_ONCE = 16
"""Segments that are compressed in one step."""

_LEVEL = 4

INSERT = "INSERT INTO payloads (key, body) VALUES (?, ?)"


class Packed(NamedTuple):
    """Bodies in segments. `places` tells of each body in which segment it is, and in which line there."""

    places: Sequence[tuple[int, int]]
    segments: Sequence[bytes]


def packed(bodies: Iterable[bytes]) -> Packed:
    """Bodies in segments, in their order. An empty body takes a line without text."""
    places: list[tuple[int, int]] = []
    segments: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    for body in bodies:
        if lines and (size + len(body) > SEGMENT or len(body) >= COMPRESS_FROM):
            segments.append(joined(lines))
            lines, size = [], 0
        places.append((len(segments), len(lines)))
        lines.append(body)
        size += len(body) + 1
    if lines:
        segments.append(joined(lines))
    return Packed(places, segments)


def joined(lines: Sequence[bytes]) -> bytes:
    """A segment of these bodies."""
    raw = b"\n".join(lines)
    return zlib.compress(raw, 1) if len(lines[0]) >= COMPRESS_FROM else raw


def lines_of(segment: bytes) -> list[bytes]:
    """The bodies in a segment. Raises StoreCorruptError."""
    try:
        raw = zlib.decompress(segment) if segment[:1] == b"x" else segment
    except zlib.error as error:
        raise damaged(error) from error
    return raw.split(b"\n")


def damaged(error: object) -> StoreCorruptError:
    """What to raise for a body that cannot be read."""
    return StoreCorruptError(
        f"the content of an event is damaged ({error}); restore a copy of the database, or delete the session"
    )


class Bodies:
    """Bodies by the key of their segment and their line, for one short read: each segment is read once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._lines: dict[int, list[bytes]] = {}

    def at(self, key: int, line: int | None) -> bytes:
        """One body. Files from before segments have no lines. Raises StoreCorruptError where there is none."""
        if key not in self._lines:
            row = self._db.execute("SELECT body FROM payloads WHERE key = ?", (key,)).fetchone()
            self._lines[key] = lines_of(row[0]) if row else []
        lines = self._lines[key]
        if (line or 0) >= len(lines):
            raise damaged("it is missing")
        return lines[line or 0]


def next_key(db: sqlite3.Connection) -> int:
    """The key of the next segment."""
    return int(db.execute("SELECT max(key) FROM payloads").fetchone()[0] or 0) + 1


def insert(db: sqlite3.Connection, session: int, first: int, bodies: Packed) -> None:
    """Write every segment, from this key on."""
    db.executemany(INSERT, enumerate(bodies.segments, first))
    db.executemany(_OF_SESSION, ((key, session) for key in range(first, first + len(bodies.segments))))


def insert_some(db: sqlite3.Connection, session: int, first: int, bodies: Packed, wanted: Collection[int]) -> None:
    """Write some of these bodies, given by their numbers, to the places of all; the others leave a line empty."""
    kept: dict[int, set[int]] = {}
    for number in wanted:
        segment, line = bodies.places[number]
        kept.setdefault(segment, set()).add(line)
    for segment, lines in kept.items():
        told = [body if line in lines else b"" for line, body in enumerate(lines_of(bodies.segments[segment]))]
        db.execute(INSERT, (first + segment, joined(told)))
        db.execute(_OF_SESSION, (first + segment, session))


_OF_SESSION = "INSERT INTO segments (key, session) VALUES (?, ?)"


def body_of_segment(db: sqlite3.Connection, key: int) -> bytes:
    """A segment as it is stored, empty if it is missing."""
    row: Any = db.execute("SELECT body FROM payloads WHERE key = ?", (key,)).fetchone()
    return row[0] if row else b""


def without(segment: bytes, line: int | None) -> bytes:
    """The segment with one body less; empty if that was the last."""
    lines = lines_of(segment)
    lines[line or 0 : (line or 0) + 1] = [b""]
    return joined(lines) if any(lines) else b""


def plain_segments(db: sqlite3.Connection, after: int) -> list[tuple[int, bytes]]:
    """The next segments after a key, with their keys: those that are compressed already are empty."""
    sql = (
        "SELECT key, CASE WHEN substr(body, 1, 1) = x'78' THEN x'' ELSE body END FROM payloads "
        f"WHERE key > ? ORDER BY key LIMIT {COMPACTED_AT_ONCE}"
    )
    return db.execute(sql, (after,)).fetchall()


def compressed(segment: bytes) -> bytes:
    """The segment with less room, or as it is where it would not be worth it."""
    small = zlib.compress(segment, _LEVEL)
    return small if len(small) < len(segment) * 0.9 else segment


def replace(db: sqlite3.Connection, key: int, segment: bytes) -> None:
    """Write a segment anew; remove it if it is empty."""
    db.execute("DELETE FROM payloads WHERE key = ?", (key,))
    if segment:
        db.execute(INSERT, (key, segment))
    else:
        db.execute("DELETE FROM segments WHERE key = ?", (key,))
