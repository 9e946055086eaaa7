"""Many processes, killed processes and forked processes at one file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentops_otel.fold import Fold
from agentops_otel.store.base import EventQuery, SessionQuery
from agentops_otel.store.sqlite import SqliteStore, connections
from fold.test_laws import NOW, records, text_of

from . import writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "agentops.db"


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts a writer process; all of them are gone after the test."""
    with ExitStack() as cleanup:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, writer.__file__, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            cleanup.enter_context(process)
            cleanup.callback(process.kill)
            return process

        yield start


def checked(store: SqliteStore) -> str:
    """What SQLite itself finds wrong with the file: "ok" if nothing."""
    with store._connections.reading() as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def test_the_log_of_an_open_store_is_not_deleted_by_another_process(path: Path, started: Start) -> None:
    """A store with several connections keeps its locks on the file: a process that opens, writes and closes it leaves
    the write-ahead log, which is in use. (Before, any second connection gave the locks of the first one away.)"""
    store = SqliteStore(path)
    store.append("p", writer.batch("a", 1))
    assert store.session("p", "sa") is not None  # a second connection, which reads
    process = started("once", str(path), "1")
    process.communicate("go\n", timeout=60)

    assert Path(f"{path}-wal").exists()
    assert {one.session_id for one in store.sessions("p", SessionQuery()).items} == {"sa", "shared"}
    assert checked(store) == "ok"
    store.close()


def test_four_processes_write_what_one_would(path: Path, started: Start) -> None:
    """Four processes that open a new file at once and tell the same session, each in its own order, leave the records
    that one process leaves."""
    writers = [started("once", str(path), str(seed)) for seed in range(4)]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(60) for process in writers] == [0] * 4
    fold, store = Fold(), SqliteStore(path, clock=lambda: NOW)
    fold.add(writer.shared_facts())
    session = store.session("default", "shared") or store.session("p", "shared")
    assert session is not None
    expected = [line.replace('"project_id": "default"', '"project_id": "p"') for line in records(fold)]
    assert expected == [text_of(session), *map(text_of, store.events("p", "shared"))]
    assert checked(store) == "ok"
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_nothing_that_was_stored(path: Path, started: Start, seed: int) -> None:
    """Two writers are killed in the middle of their work: every batch they were told is stored is there, every batch is
    whole or absent, and the file opens as ever."""
    chance = random.Random(seed)
    writers = {name: started("forever", str(path), name) for name in ("a", "b")}
    acknowledged = {}
    for name, process in writers.items():
        assert process.stdout is not None
        for _ in range(chance.randint(1, 60)):
            acknowledged[name] = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    for name, process in writers.items():
        rest, _ = process.communicate()
        acknowledged[name] = max([acknowledged[name], *map(int, rest.split())])
    store = SqliteStore(path)
    assert checked(store) == "ok"
    shared = {event.event_id for event in store.events("p", "shared", EventQuery(payloads=False))}
    for name, last in acknowledged.items():
        own = {event.event_id: event for event in store.events("p", f"s{name}")}
        session = store.session("p", f"s{name}")
        assert session is not None
        assert session.statistics.actions == len(own)
        for number in range(len(own) // 2):
            first, *others = (fact.event for fact in writer.batch(name, number))
            assert (True, others) == (first.event_id in shared, [own[other.event_id] for other in others])
        assert len(own) // 2 > last
    assert store.append("p", writer.batch("c", 0)[:1]).new == 1
    store.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forks_share_no_connection(path: Path) -> None:
    """A process that forks while one of its threads writes, and its children, all go on writing; nothing is lost."""
    store, stop, written = SqliteStore(path), threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            written.append(store.append("p", writer.batch("parent", len(written))))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        children = [_forked(store, number) for number in range(12)]
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 12
    finally:
        stop.set()
        thread.join()
    assert checked(store) == "ok"
    for number in range(12):
        assert [len(list(store.events("p", f"s{number}-{half}"))) for half in "ab"] == [2, 2]
    assert 2 * len(written) == len(list(store.events("p", "sparent", EventQuery(payloads=False))))
    store.close()


def _forked(store: SqliteStore, number: int) -> int:
    """A child that uses the parent's store, closes it, and opens one of its own."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        inherited = len(connections._inherited)
        store.append("p", writer.batch(f"{number}-a", 0))
        store.close()
        own = SqliteStore(store.path)
        own.append("p", writer.batch(f"{number}-b", 0))
        own.close()
        status = inherited
    finally:
        os._exit(status)


def test_threads_share_a_store(path: Path) -> None:
    """Threads that write and read one store at the same time see whole batches, and every fact arrives."""
    store = SqliteStore(path)
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                store.append("p", writer.batch(name, number))
                assert sum(1 for _ in store.events("p", f"s{name}", EventQuery(payloads=False))) % 2 == 0
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, sum(1 for _ in store.events("p", "shared"))) == ([], 150)
    store.close()
