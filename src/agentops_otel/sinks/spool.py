"""A spool on disk in front of a sink that may fail: what was taken is delivered, by this process or a later one.

`append` writes to a SQLite file and returns; a daemon thread delivers from there. So nothing is lost when the network
is down, when the process is killed, or when it ends before all is delivered, and the end of a process waits for nobody
who does not answer. Any process of the same user delivers what another left: a batch is leased while it is being sent,
and because facts (and spans, by their ids) are idempotent a batch that is sent twice does no harm. Where no folder can
be written, as in a read-only container, batches wait in memory, and the end of the process waits for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import random
import sqlite3
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from agentops_otel.errors import AgentOpsError, DeliveryError, StoreError, StoreReadOnlyError
from agentops_otel.facts import EventFact, Fact, SessionFacts, facts_from_json, facts_json
from agentops_otel.guard import quietly, warn_once
from agentops_otel.records import Json, Session, event_from_json, to_json
from agentops_otel.settings import expanded
from agentops_otel.sinks.tally import TallySink
from agentops_otel.store.sqlite.connections import make_file

MAX_BYTES = 256 * 1024 * 1024
MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024
MAX_AGE_S = 7 * 24 * 3600
LEASE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
STUCK_AFTER_S = 0.2
"""A delivery that takes longer is not waited for at the end of a process, unless the one before it went well: its batch
is safe."""

MOST_TRIES = 3
"""So often a batch is tried while others get through; after that the fault is its own."""

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    key INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    created_s REAL NOT NULL,
    leased_until_s REAL NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS lost (destination TEXT PRIMARY KEY, batches INTEGER NOT NULL);
"""


class Batch(NamedTuple):
    """One batch that waits on disk."""

    key: int
    body: bytes


class Spool:
    """The batches of one destination in a SQLite file. Every call opens the file anew, so a fork does no harm.

    Bounded: beyond `max_bytes`, and after `max_age_s`, the oldest batches are dropped and counted.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        destination: str,
        *,
        max_bytes: int = MAX_BYTES,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = os.path.expanduser(path)
        self._destination = destination
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock = clock

    def put(self, body: bytes) -> None:
        """Keep a batch; it survives the death of the process when this returns. Raises StoreError."""
        now = self._clock()
        with self._open() as db:
            row = (self._destination, now, len(body), body)
            db.execute(
                "INSERT INTO batches (destination, created_s, leased_until_s, size, body) VALUES (?, ?, 0, ?, ?)", row
            )
            self._make_room(db, now)

    def _make_room(self, db: sqlite3.Connection, now: float) -> None:
        mine = (self._destination,)
        held = db.execute("SELECT coalesce(sum(size), 0) FROM batches WHERE destination = ?", mine).fetchone()[0]
        oldest = "SELECT key, size, created_s FROM batches WHERE destination = ? ORDER BY key"
        drop = []
        for key, size, created_s in db.execute(oldest, mine):
            if held <= self._max_bytes and now - created_s <= self._max_age_s:
                break
            drop.append((key,))
            held -= size
        if drop:
            self._drop(db, drop)
            warn_once(f"the spool {self.path} is full: the oldest batches are dropped")

    def take(self) -> Batch | None:
        """The oldest batch that nobody else is sending, leased to the caller; None if there is none.

        Those that were given back come after all others, so that a batch nobody takes does not keep the rest.
        """
        now = self._clock()
        sql = "SELECT key, body FROM batches WHERE destination = ? AND leased_until_s <= ? ORDER BY"
        with self._open() as db:
            row = db.execute(f"{sql} leased_until_s, key LIMIT 1", (self._destination, now)).fetchone()
            if row is None:
                return None
            db.execute("UPDATE batches SET leased_until_s = ? WHERE key = ?", (now + LEASE_S, row[0]))
        return Batch(*row)

    def done(self, batch: Batch) -> None:
        """Forget a batch that was delivered."""
        with self._open() as db:
            db.execute("DELETE FROM batches WHERE key = ?", (batch.key,))

    def drop(self, batch: Batch) -> None:
        """Forget a batch that can never be delivered, and count it."""
        with self._open() as db:
            self._drop(db, [(batch.key,)])

    def _drop(self, db: sqlite3.Connection, keys: list[tuple[int]]) -> None:
        db.executemany("DELETE FROM batches WHERE key = ?", keys)
        more = "ON CONFLICT (destination) DO UPDATE SET batches = batches + excluded.batches"
        db.execute(f"INSERT INTO lost VALUES (?, ?) {more}", (self._destination, len(keys)))

    def give_back(self, batch: Batch) -> None:
        """Let somebody deliver it later."""
        with self._open() as db:
            db.execute("UPDATE batches SET leased_until_s = ? WHERE key = ?", (self._clock(), batch.key))

    def waiting(self) -> int:
        """How many batches wait, leased ones included."""
        with self._open() as db:
            found = db.execute("SELECT count(*) FROM batches WHERE destination = ?", (self._destination,)).fetchone()
        return int(found[0])

    def lost(self) -> int:
        """How many batches had to be dropped so far."""
        with self._open() as db:
            row = db.execute("SELECT batches FROM lost WHERE destination = ?", (self._destination,)).fetchone()
        return int(row[0]) if row else 0

    def _open(self) -> _Transaction:
        try:
            return _Transaction(Path(expanded(self.path)))
        except (sqlite3.Error, OSError) as error:
            is_read_only = isinstance(error, OSError) or "unable to open" in str(error) or "readonly" in str(error)
            raise (StoreReadOnlyError if is_read_only else StoreError)(
                f"the spool {self.path} cannot be used: {error}; set AGENTOPS_HOME to a folder that can be written"
            ) from error


class MemorySpool:
    """The same where no folder can be written: what waits dies with the process, and with a fork in the child."""

    def __init__(self, max_bytes: int = MAX_BYTES_IN_MEMORY) -> None:
        self._batches: deque[Batch] = deque()
        self._keys = itertools.count()
        self._max_bytes = max_bytes

    def put(self, body: bytes) -> None:
        """Keep a batch; the oldest are dropped beyond `max_bytes`."""
        self._batches.append(Batch(next(self._keys), body))
        while sum(len(batch.body) for batch in [*self._batches]) > self._max_bytes:
            self.drop(self._batches.popleft())

    def take(self) -> Batch | None:
        """The oldest batch, or None."""
        with contextlib.suppress(IndexError):
            return self._batches.popleft()
        return None

    def done(self, batch: Batch) -> None:
        """It was taken out before."""

    def drop(self, batch: Batch) -> None:
        """Say that it is lost."""
        warn_once("records are lost that waited in memory for their destination")

    def give_back(self, batch: Batch) -> None:
        """Try it again after the others."""
        self._batches.append(batch)

    def close(self) -> None:
        """The process ends: what waits is lost."""
        while batch := self.take():
            self.drop(batch)


def usable(spool: Spool) -> Spool | MemorySpool:
    """The spool, or one in memory where it can be written nowhere."""
    try:
        spool.waiting()
    except StoreReadOnlyError as error:
        warn_once(f"{error}. Until then what is to be delivered waits in memory")
        return MemorySpool()
    return spool


class _Transaction:
    """A write transaction on a connection of its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_file(path)
        self._db = sqlite3.Connection(path, timeout=5, isolation_level=None)  # not `connect`, as in store/sqlite
        try:
            if self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                with contextlib.suppress(sqlite3.OperationalError):  # somebody else is just doing it
                    self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'lost'").fetchone()[0] == 0:
                self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> sqlite3.Connection:
        return self._db

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self._db.close()


def destination_of(endpoint: str, api_key: str | None) -> str:
    """A name for an address and a key, in which the key cannot be read."""
    digest = hashlib.sha256((api_key or "").encode()).hexdigest()[:16]
    return f"{endpoint.rstrip('/')} {digest}"


# --- delivering from it ----------------------------------------------------------------------------------------------


class Destination(Protocol[T_contra]):
    """Where batches go in the end."""

    def append(self, batch: Sequence[T_contra], /) -> None:
        """Deliver a batch. DeliveryError where it may be given again later; any other `AgentOpsError` where it never
        will be taken."""
        ...


class Spooled(Generic[T]):
    """Keeps batches in a spool until `inner` has taken them. `append` never waits for `inner`."""

    def __init__(
        self,
        inner: Destination[T],
        spool: Spool,
        pack: Callable[[Sequence[T]], bytes],
        unpack: Callable[[bytes], Sequence[T]],
    ) -> None:
        self._inner = inner
        self._spool = usable(spool)
        self._pack, self._unpack = pack, unpack
        self._wake = threading.Event()
        self._idle = threading.Condition()
        self._pending = True
        self._sending: Batch | None = None
        self._since = 0.0
        self._failing = False
        self._delivered = 0
        self._last_went_well = False
        self._failures: dict[int, tuple[int, int]] = {}
        self._closed = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._start()

    def append(self, batch: Sequence[T]) -> None:
        """Keep a batch on disk and go on. Raises StoreError where the disk refuses."""
        if self._pid != os.getpid():  # after a fork the delivering thread is the parent's
            self._pid = os.getpid()
            self._idle = threading.Condition()
            self._sending = None
            if isinstance(self._spool, MemorySpool):
                self._spool = MemorySpool()
            self._start()
        self._spool.put(self._pack(batch))
        with self._idle:
            self._pending = True
        self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is delivered. True at once where that cannot be soon: it is on disk then."""
        deadline = time.monotonic() + timeout_s
        on_disk = isinstance(self._spool, Spool)
        with self._idle:
            while self._pending and not (on_disk and (self._failing or self._is_stuck())):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(min(left, 0.05))
        return True

    def close(self) -> None:
        """End the delivering; what is left waits for the next process."""
        with self._idle:  # the thread takes a batch under this lock, so none is leased after this
            self._closed = True
            sending = self._sending
        self._wake.set()
        if sending is not None:
            with contextlib.suppress(StoreError, sqlite3.Error):  # its lease ends by itself
                self._spool.give_back(sending)
        if isinstance(self._spool, MemorySpool):
            self._spool.close()

    def _is_stuck(self) -> bool:
        """Whether the destination does not answer. One that just did may take its time."""
        is_slow = self._since > 0 and time.monotonic() - self._since > STUCK_AFTER_S
        return is_slow and not self._last_went_well

    def _start(self) -> None:
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agentops-spool", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._closed:
            with quietly("delivering from the spool"):
                pause_s = self._drain(pause_s)
            with self._idle:
                self._failing = pause_s > 0
                self._idle.notify_all()
            if pause_s:
                time.sleep(0 if self._closed else pause_s)
            else:
                self._wake.wait(LONGEST_PAUSE_S)
                self._wake.clear()

    def _drain(self, pause_s: float) -> float:
        """Deliver until nothing is left; the seconds to wait before the next try, 0 if all went well."""
        while not self._closed:
            with self._idle:
                if self._closed:
                    return 0.0
                batch = self._sending = self._spool.take()
                if batch is None:
                    self._pending = False
                    return 0.0
            error = self._delivery(batch)
            if error is not None:
                self._last_went_well = False
                return self._put_back(batch, error, pause_s)
            self._last_went_well = True
        return 0.0

    def _delivery(self, batch: Batch) -> DeliveryError | None:
        """Deliver a batch, or leave it out for good; what speaks for trying it again."""
        self._since = time.monotonic()
        try:
            self._inner.append(self._unpack(batch.body))
        except DeliveryError as error:
            return error
        except AgentOpsError as error:
            warn_once(f"a batch cannot be delivered and is left out: {error}")
            self._spool.drop(batch)
        else:
            self._spool.done(batch)
            self._delivered += 1
            self._failures.pop(batch.key, None)
        finally:
            self._sending, self._since = None, 0.0
        return None

    def _put_back(self, batch: Batch, error: DeliveryError, pause_s: float) -> float:
        tries, delivered = self._failures.get(batch.key, (0, self._delivered))
        self._failures[batch.key] = tries + 1, delivered
        if tries + 1 >= MOST_TRIES and self._delivered > delivered:
            warn_once(f"a batch is refused while others are taken, and is left out: {error}")
            self._spool.drop(batch)
        else:
            place = "on disk" if isinstance(self._spool, Spool) else "in memory"
            warn_once(f"records wait {place} and are delivered later: {error}")
            self._spool.give_back(batch)
        grown = min(max(pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S) * random.uniform(0.8, 1.2)
        return max(grown, error.retry_after_s or 0.0)


class SpoolSink(Spooled[Fact]):
    """A `Sink` that keeps facts in a spool until `inner` has taken them."""

    def __init__(self, inner: Destination[Fact], spool: Spool) -> None:
        super().__init__(inner, spool, packed, unpacked)
        self._tally = TallySink()

    def append(self, batch: Sequence[Fact]) -> None:
        """Keep a batch on disk and go on. Raises StoreError where the disk refuses."""
        super().append(batch)
        self._tally.append(batch)

    def session(self, session_id: str) -> Session | None:
        """The session as the destination knows it; while it does not answer, what this process has made of it."""
        ask: Any = getattr(self._inner, "session", None)
        found: Session | None = None if ask is None or self._failing or self._is_stuck() else ask(session_id)
        return found or self._tally.session(session_id)


# --- facts on disk ---------------------------------------------------------------------------------------------------


def packed(facts: Sequence[Fact]) -> bytes:
    """Facts as compressed JSON, exact to the nanosecond."""
    return zlib.compress(json.dumps([_fact_json(fact) for fact in facts], default=repr).encode(), 1)


def unpacked(body: bytes) -> list[Fact]:
    """The inverse of `packed`."""
    return [_fact_of(one) for one in json.loads(zlib.decompress(body))]


def _fact_json(fact: Fact) -> Json:
    if isinstance(fact, SessionFacts):
        return {"session": fact.session_id, "facts": facts_json(fact)}
    event = fact.event
    return {"event": to_json(event), "times": [event.init_timestamp, event.end_timestamp], "revision": fact.revision}


def _fact_of(data: Json) -> Fact:
    if "session" in data:
        return facts_from_json(data["session"], data["facts"])
    init_ns, end_ns = data["times"]
    event = replace(event_from_json(data["event"]), init_timestamp=init_ns, end_timestamp=end_ns)
    return EventFact(event, data["revision"])
