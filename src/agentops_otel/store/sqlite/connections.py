"""SQLite connections to one file: opened late, safe across threads and forks, failing with our own errors.

One connection writes at a time; readers each borrow one of their own for the length of a call, so nobody waits for a
reader and no reader waits for a writer (WAL). No connection lives through a fork: SQLite forbids it, because file locks
belong to the process. All of them are closed before `os.fork` and opened again when next needed, on both sides.

They are made by their class: what traces a program's queries wraps `sqlite3.connect`, and would show ours among them.
Source: sqlite.org/howtocorrupt.html, section 2.6; sqlite.org/wal.html.
"""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from agentops_otel.errors import (
    AgentOpsError,
    InvalidValueError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)
from agentops_otel.store.forks import everywhere

APPLICATION_ID = 0x41474F54
"""Marks the file as ours ("AGOT"), so that another program's database is never taken for one."""

BUSY_SECONDS = 10.0
"""How long a writer waits for the other writers before it gives up."""

CHECKPOINT_FROM, RESTART_FROM = 4 * 1024 * 1024, 16 * 1024 * 1024
"""Lengths of a write-ahead log, in bytes."""

_IDLE_AT_MOST = 4
_FORK_WAITS_SECONDS = 2.0


def migrations() -> list[tuple[int, str]]:
    """Every step with its number, in order."""
    folder = resources.files("agentops_otel.store.sqlite.migrations")
    steps = [(int(step.name[:4]), step.read_text("utf-8")) for step in folder.iterdir() if step.name.endswith(".sql")]
    return sorted(steps)


class _Opened(NamedTuple):
    """A connection and the file it was opened on."""

    db: sqlite3.Connection
    file: tuple[int, int] | None
    lasts: bool = True


class Connections:
    """The connections of this process to one database file. Nothing is opened before the first use."""

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str,
        busy_seconds: float = BUSY_SECONDS,
        checkpoints: bool = True,
        steps: Callable[[], list[tuple[int, str]]] = migrations,
    ) -> None:
        self.path = path
        self._synchronous = synchronous
        self._busy_seconds = busy_seconds
        self._checkpoints = checkpoints
        self._steps = steps
        self._closed = False
        self._forget()
        everywhere.add(self)

    def _forget(self) -> None:
        """Start with nothing open, as a new process does."""
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._one_writer = threading.Lock()
        self._writer: _Opened | None = None
        self._idle: list[_Opened] = []
        self._in_use = 0
        self._forking = False

    # --- borrowing -----------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, *, at_once: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Give it back soon: no user code may run inside. `at_once`: all statements see the
        same state."""
        with self._use(), self._our_errors():
            reader = self._current(self._idle_reader(), to_write=False)
            try:
                if at_once:
                    reader.db.execute("BEGIN")
                yield reader.db
                if at_once:
                    reader.db.execute("COMMIT")
            except BaseException:
                reader.db.close()
                raise
            if self._closed or len(self._idle) >= _IDLE_AT_MOST or not reader.lasts:
                reader.db.close()
            else:
                self._idle.append(reader)

    def _idle_reader(self) -> _Opened | None:
        try:
            return self._idle.pop()  # and not a look first: another thread may take the last one in between
        except IndexError:
            return None

    @contextmanager
    def writing(self, patience_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """A connection inside a write transaction, committed at the end of the block unless it raises.

        Waits for other processes that write as long as the store does, or for `patience_seconds` if that is less.
        """
        patience = self._busy_seconds if patience_seconds is None else min(patience_seconds, self._busy_seconds)
        deadline, pause = time.monotonic() + patience, 0.001
        while True:
            with self._use(), self._our_errors(), self._one_writer:
                writer = self._begun()
                if writer is not None:
                    try:
                        yield writer
                        writer.execute("COMMIT")
                    except BaseException:
                        self._give_up(writer)
                        raise
                    if self._closed:
                        self._give_up(writer)
                    return
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{self.path} stayed locked by another process for {patience:g} s; "
                    "end the process that holds a write transaction open on it"
                )
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, 0.05)

    def _begun(self) -> sqlite3.Connection | None:
        """The writer inside a new transaction, None if another process is writing."""
        self._writer, last = None, self._writer
        self._writer = self._current(last, to_write=True)
        try:
            self._writer.db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _is_locked(error):
                return None
            raise
        return self._writer.db

    def _current(self, last: _Opened | None, *, to_write: bool) -> _Opened:
        """`last`, or a new connection if there is none or the file is no longer the one it was opened on: somebody
        deleted or replaced it, and what is written through the old connection would be lost."""
        if last is not None:
            if last.file == _identity(self.path):
                return last
            last.db.close()
        try:
            return self._open()
        except (StoreReadOnlyError, sqlite3.OperationalError) as error:
            if to_write or not self._can_only_be_read(error):
                raise
            return self._opened_to_read()

    def _give_up(self, writer: sqlite3.Connection) -> None:
        """Close it, which rolls back: after an error a connection is not trusted again."""
        self._writer = None
        with suppress(sqlite3.Error):
            writer.close()

    def checkpoint(self) -> None:
        """Write the write-ahead log back, beside writers where it can be; does nothing while the log is short.

        Writers who never pause never let the log start anew, so once it is long they wait for its last part. Left to
        SQLite, a commit now and then writes all of it back, and every other writer waits for that.
        Source: sqlite.org/wal.html, "Avoiding Excessively Large WAL Files".
        """
        log = Path(f"{self.path}-wal")
        if not log.exists() or log.stat().st_size < CHECKPOINT_FROM:
            return
        with self.reading() as db:
            _, frames, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames * db.execute("PRAGMA page_size").fetchone()[0] >= RESTART_FROM:
                db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._in_use, _FORK_WAITS_SECONDS)
            self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().db.close()
        if self._writer is not None and not self._one_writer.locked():
            self._writer.db.close()
            self._writer = None

    # --- forks ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _use(self) -> Iterator[None]:
        if self._pid != os.getpid():
            self._abandon()
        with self._changed:
            if self._closed:
                raise StoreError(f"the store at {self.path} has been closed; open another one")
            self._changed.wait_for(lambda: not self._forking)
            self._in_use += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= 1
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait until nobody is inside SQLite, and close everything."""
        with self._changed:
            self._forking = True
            if self._changed.wait_for(lambda: not self._in_use, _FORK_WAITS_SECONDS) and (self._idle or self._writer):
                self._close_quickly()

    def _close_quickly(self) -> None:
        """Close all, the last one read-only: that leaves the write-ahead log to the next that opens the file, where any
        other last connection writes it back first (1 ms against 20 ms, on the path of somebody's fork)."""
        last = None
        with suppress(sqlite3.Error):
            last = sqlite3.Connection(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            last.execute("SELECT 1 FROM sqlite_master").fetchone()
        self._close_idle()
        if last is not None:
            last.close()

    def after_fork_in_parent(self) -> None:
        """Go on; connections are opened again when needed."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Start anew; the locks may be held by threads that do not exist here."""
        self._abandon()

    def _abandon(self) -> None:
        """Keep inherited connections out of use, and alive: closing them here could block or drop a lock."""
        _inherited.extend(one.db for one in self._idle)
        if self._writer is not None:
            _inherited.append(self._writer.db)
        self._forget()

    # --- opening -------------------------------------------------------------------------------------------------

    def _open(self) -> _Opened:
        """A connection to a file of the newest schema.

        While others make the file or switch it to WAL, SQLite answers "locked" without waiting; so all is tried again.
        """
        self._prepare_file()
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                return _Opened(self._connected(), _identity(self.path))
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.001, 0.02))

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.Connection(
            self.path, timeout=min(0.1, self._busy_seconds), isolation_level=None, check_same_thread=False
        )
        try:
            steps = self._steps()
            db.execute("BEGIN")  # one view of the file, which another process may be making
            version = self._recognise(db, steps[-1][0])
            db.execute("COMMIT")
            self._configure(db, new=not version)
            if version < steps[-1][0]:
                self._migrate(db, steps)
        except BaseException:
            db.close()
            raise
        return db

    def _can_only_be_read(self, error: Exception) -> bool:
        """Whether there is a file, and the error says no more than that nothing can be written at its place."""
        said = str(error)
        return (
            self.path.is_file()
            and self.path.stat().st_size > 0
            and (isinstance(error, StoreReadOnlyError) or "readonly" in said or "unable to open" in said)
        )

    def _opened_to_read(self) -> _Opened:
        """A connection to a file, or in a folder, that cannot be written.

        To read a file that has a write-ahead log SQLite needs shared memory beside it, which it may find or make. If it
        can do neither, nobody writes to the file here, and where the log is empty it may be read as one that does not
        change; but somebody may write it elsewhere, so this connection is not kept.
        Source: sqlite.org/wal.html, "Read-Only Databases".
        """
        for option, lasts in (("mode=ro", True), ("immutable=1", False)):
            if not lasts and self._has_log():
                break
            with suppress(sqlite3.OperationalError):
                return _Opened(self._connected_to_read(option), _identity(self.path), lasts)
        raise StoreReadOnlyError(
            f"{self.path} cannot be read where nothing can be written; copy it with the files {self.path.name}-wal and "
            f"{self.path.name}-shm, if there are any, to a folder that can"
        )

    def _has_log(self) -> bool:
        log = Path(f"{self.path}-wal")
        return log.exists() and log.stat().st_size > 0

    def _connected_to_read(self, option: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{option}"
        db = sqlite3.Connection(uri, uri=True, timeout=0.1, isolation_level=None, check_same_thread=False)
        try:
            newest = self._steps()[-1][0]
            version = self._recognise(db, newest)
            if version < newest:
                raise StoreVersionError(
                    f"{self.path} has schema {version}, which this version brings to {newest} where it can write; copy "
                    "it to a folder that can be written"
                )
        except BaseException:
            db.close()
            raise
        return db

    def _prepare_file(self) -> None:
        """Folder and file, readable by their owner alone: they hold prompts."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_file(self.path)
        except IsADirectoryError as error:
            raise StoreError(f"{self.path} is a folder; name a file, or move the folder away") from error
        except OSError as error:
            raise StoreReadOnlyError(
                f"{self.path} cannot be written ({error.strerror}); make it writable, or set AGENTOPS_HOME to a folder "
                "that is"
            ) from error

    def _recognise(self, db: sqlite3.Connection, newest: int) -> int:
        """The schema version of the file, 0 if it is new; refuses what is not ours before anything is changed."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID and not self._is_empty(db):
            raise StoreCorruptError(f"{self.path} is a database of another program; name another file")
        if version > newest:
            raise StoreVersionError(
                f"{self.path} has schema {version}, and this version knows {newest}; upgrade agentops-otel-bridge, or "
                "set AGENTOPS_HOME to another folder"
            )
        return version

    def _is_empty(self, db: sqlite3.Connection) -> bool:
        return not db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]

    def _configure(self, db: sqlite3.Connection, *, new: bool) -> None:
        if new:  # these count only in a file without pages
            db.execute("PRAGMA page_size=16384")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # deleted sessions can give their room back
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            db.execute("PRAGMA journal_mode=WAL").fetchone()
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        db.execute("PRAGMA secure_delete=ON")  # what was deleted is overwritten, not only forgotten
        db.execute("PRAGMA cache_size=-8192")
        db.execute("PRAGMA journal_size_limit=67108864")
        if not self._checkpoints:
            db.execute("PRAGMA wal_autocheckpoint=0")

    def _migrate(self, db: sqlite3.Connection, steps: list[tuple[int, str]]) -> None:
        db.execute("BEGIN IMMEDIATE")
        version = self._recognise(db, steps[-1][0])  # another process may have been faster
        for number, script in steps:
            if number > version:
                for statement in _statements(script):
                    db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={steps[-1][0]}")
        db.execute("COMMIT")

    # --- errors --------------------------------------------------------------------------------------------------

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        try:
            yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise InvalidValueError(f"a fact holds text or a number that no database takes: {error}") from error
        except sqlite3.Error as error:
            raise self._ours(error) from error

    def _ours(self, error: sqlite3.Error) -> AgentOpsError:
        text = str(error)
        if "binding" in text:
            return InvalidValueError(f"a fact holds a value of a type that its field does not have: {text}")
        for needles, kind, remedy in _REMEDIES:
            if any(needle in text for needle in needles):
                return kind(f"{self.path}: {text}; {remedy}")
        return StoreError(f"{self.path}: {type(error).__name__}: {text}")


_REMEDIES: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (
        ("not a database", "malformed", "unsupported file format"),
        StoreCorruptError,
        "move the file away (a new one is made), or restore a copy of it",
    ),
    (("is full",), StoreFullError, "free some space on its disk"),
    (
        ("readonly", "unable to open"),
        StoreReadOnlyError,
        "make the file and its folder writable, or set AGENTOPS_HOME to a folder that is",
    ),
    (("locked", "busy"), StoreError, "end the process that holds it"),
    (("disk I/O",), StoreError, "check its disk"),
)
"""What SQLite says, by its texts: error codes are known to Python only from 3.11 on."""


_making = threading.Lock()


def make_file(path: Path) -> None:
    """A new file that its owner alone may read, unless there is one, which is not opened.

    Closing a file takes away all locks that its process has on it (POSIX): SQLite's own, too, and the next process that
    closes the database would take the write-ahead log for left behind and delete it under the connections of this one.
    Raises OSError, also where the file that is there cannot be written.
    """
    with _making:  # a connection of another thread that sees the file must not get its locks before this is closed
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
        except FileExistsError:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from None
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at this path."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_locked(error: sqlite3.Error) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


_inherited: list[sqlite3.Connection] = []
