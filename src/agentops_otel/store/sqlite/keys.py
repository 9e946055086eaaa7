"""Projects, their keys and the secrets that sign tokens, in the SQLite file that may also hold the sessions.

A key is a UUID with 122 random bits, so one round of SHA-256 is enough to keep it by: it cannot be guessed from its
hash, and looking a hash up compares nothing that an attacker could time.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from agentops_otel.errors import InvalidValueError
from agentops_otel.store.base import DEFAULT_PROJECT
from agentops_otel.store.keys import Key
from agentops_otel.store.sqlite.connections import Connections

PREFIX = 8
"""How much of a key is shown to people once it has been made."""

MAX_OBJECTS = 256 * 1024 * 1024
"""So many bytes of uploaded objects are kept of a project; the oldest go first."""

MAX_LOG = 64 * 1024 * 1024
"""So many characters are kept of what was printed in a session; the first ones go first."""

_SECRETS_KEPT = 2


class SqliteKeys:
    """The `Keys` of one SQLite file. Safe for many threads and processes; a change is seen by all of them at once."""

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], int] = time.time_ns) -> None:
        self.path = Path(path).expanduser()
        self._connections = Connections(self.path, synchronous="FULL")
        self._clock = clock

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._connections.close()

    # --- projects ------------------------------------------------------------------------------------------------

    def create_project(self, project_id: str) -> None:
        """Make a project; one that exists is no error. Raises InvalidValueError on an empty or overlong name."""
        if not project_id.strip() or len(project_id) > 256:
            raise InvalidValueError(f"{project_id!r} is no project name; use 1 to 256 characters")
        with self._connections.writing() as db:
            db.execute("INSERT OR IGNORE INTO projects VALUES (?, ?)", (project_id, self._clock()))

    def projects(self) -> Sequence[str]:
        """Every project that was made here, and the default one; by name."""
        with self._connections.reading() as db:
            made = {row[0] for row in db.execute("SELECT project_id FROM projects")}
        return sorted(made | {DEFAULT_PROJECT})

    # --- keys ----------------------------------------------------------------------------------------------------

    def create_key(self, project_id: str, name: str = "") -> str:
        """A new key of a project, which is made if need be. The text is returned here and never again."""
        self.create_project(project_id)
        key = str(uuid.uuid4())
        row = (_hash(key), key[:PREFIX], project_id, name, self._clock())
        with self._connections.writing() as db:
            db.execute("INSERT INTO keys (hash, prefix, project_id, name, created_ns) VALUES (?, ?, ?, ?, ?)", row)
        return key

    def keys(self, project_id: str | None = None) -> Sequence[Key]:
        """Every key, of one project or of all, oldest first; revoked ones too."""
        sql = "SELECT prefix, project_id, name, created_ns, revoked_ns FROM keys ORDER BY created_ns, prefix"
        with self._connections.reading() as db:
            found = [_key(row) for row in db.execute(sql)]
        return [key for key in found if project_id in (None, key.project_id)]

    def revoke_key(self, prefix: str) -> Key:
        """Refuse a key from now on. `prefix` is the shown part, or the key itself.

        Raises InvalidValueError where it names no active key, or several.
        """
        active = [key for key in self.keys() if key.revoked_ns is None and key.prefix == prefix[:PREFIX]]
        if len(active) != 1:
            raise InvalidValueError(f"{prefix[:PREFIX]!r} names {len(active)} active keys; see `keys list`")
        with self._connections.writing() as db:
            sql = "UPDATE keys SET revoked_ns = ? WHERE prefix = ? AND revoked_ns IS NULL"
            db.execute(sql, (self._clock(), prefix[:PREFIX]))
        return active[0]

    def find_key(self, key: str) -> Key | None:
        """The active key with this text."""
        sql = "SELECT prefix, project_id, name, created_ns, revoked_ns FROM keys WHERE hash = ? AND revoked_ns IS NULL"
        with self._connections.reading() as db:
            row = db.execute(sql, (_hash(key),)).fetchone()
        return _key(row) if row else None

    def any_key(self) -> bool:
        """Whether there is an active key; without one a server serves this machine only."""
        with self._connections.reading() as db:
            return db.execute("SELECT 1 FROM keys WHERE revoked_ns IS NULL LIMIT 1").fetchone() is not None

    # --- secrets -------------------------------------------------------------------------------------------------

    def secrets(self) -> Sequence[bytes]:
        """The secrets of tokens, newest first: the first one signs, all are believed. The first call makes one."""
        if not self._secrets():
            self.rotate_secret()
        return self._secrets()

    def rotate_secret(self) -> None:
        """Sign with a new secret; tokens of the one before stay valid until the next rotation, older ones do not."""
        with self._connections.writing() as db:
            db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (self._clock(), secrets.token_bytes(32)))
            keep = "SELECT created_ns FROM secrets ORDER BY created_ns DESC LIMIT ?"
            db.execute(f"DELETE FROM secrets WHERE created_ns NOT IN ({keep})", (_SECRETS_KEPT,))

    def _secrets(self) -> list[bytes]:
        with self._connections.reading() as db:
            return [row[0] for row in db.execute("SELECT secret FROM secrets ORDER BY created_ns DESC")]

    # --- logs ----------------------------------------------------------------------------------------------------

    def append_log(self, project_id: str, session_id: str, text: str) -> None:
        """Keep what a client printed in a session."""
        with self._connections.writing() as db:
            sql = "INSERT INTO session_logs (project_id, session_id, body) VALUES (?, ?, ?)"
            db.execute(sql, (project_id, session_id, text))
            self._shorten_log(db, project_id, session_id)

    def _shorten_log(self, db: sqlite3.Connection, project_id: str, session_id: str) -> None:
        kept = "SELECT key, length(body) FROM session_logs WHERE project_id = ? AND session_id = ? ORDER BY key DESC"
        sizes = itertools.accumulate(db.execute(kept, (project_id, session_id)), lambda a, b: (b[0], a[1] + b[1]))
        too_old = [(key,) for key, size in sizes if size > MAX_LOG]
        db.executemany("DELETE FROM session_logs WHERE key = ?", too_old)

    def log(self, project_id: str, session_id: str) -> str | None:
        """All that was printed in a session, None if nothing was."""
        sql = "SELECT body FROM session_logs WHERE project_id = ? AND session_id = ? ORDER BY key"
        with self._connections.reading() as db:
            pieces = [row[0] for row in db.execute(sql, (project_id, session_id))]
        return "".join(pieces) if pieces else None

    # --- objects -------------------------------------------------------------------------------------------------

    def put_object(self, project_id: str, body: bytes) -> str:
        """Keep what a client uploaded; its id. The same bytes are one object. The oldest beyond MAX_OBJECTS go."""
        object_id = hashlib.sha256(body).hexdigest()
        row = (project_id, object_id, self._clock(), len(body), body)
        newest = "SELECT object_id, size FROM objects WHERE project_id = ? ORDER BY received_ns DESC, object_id"
        with self._connections.writing() as db:
            db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", row)
            sizes = itertools.accumulate(db.execute(newest, (project_id,)), lambda a, b: (b[0], a[1] + b[1]))
            too_old = [(project_id, one) for one, size in sizes if size > MAX_OBJECTS]
            db.executemany("DELETE FROM objects WHERE project_id = ? AND object_id = ?", too_old)
        return object_id

    def object(self, project_id: str, object_id: str) -> bytes | None:
        """An object of this project."""
        sql = "SELECT body FROM objects WHERE project_id = ? AND object_id = ?"
        with self._connections.reading() as db:
            row = db.execute(sql, (project_id, object_id)).fetchone()
        return row[0] if row else None

    # --- the end of a session ------------------------------------------------------------------------------------

    def forget_session(self, project_id: str, session_id: str) -> None:
        """Remove what is kept here of a session: its log."""
        with self._connections.writing() as db:
            db.execute("DELETE FROM session_logs WHERE project_id = ? AND session_id = ?", (project_id, session_id))


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.strip().lower().encode("utf-8", "replace")).digest()


def _key(row: tuple[str, str, str, int, int | None]) -> Key:
    prefix, project_id, name, created_ns, revoked_ns = row
    return Key(prefix=prefix, project_id=project_id, name=name, created_ns=created_ns, revoked_ns=revoked_ns)
