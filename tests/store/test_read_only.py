"""A store that cannot be written is read, or says why not."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentops_otel.errors import StoreReadOnlyError, StoreVersionError
from agentops_otel.store.base import EventQuery, SessionQuery
from agentops_otel.store.sqlite import SqliteStore
from fold.strategies import one_of_everything
from store.conformance import told_twice

NOBODY = 65534


@pytest.fixture
def path() -> Iterator[Path]:
    """A store in a folder that everybody may enter, as a file system for tests may not be."""
    folder = Path(tempfile.mkdtemp(prefix="agentops-read-only-"))
    folder.chmod(0o755)
    store = SqliteStore(folder / "agentops.db")
    store.append("p", [*one_of_everything(), *told_twice()])
    store.close()
    yield store.path
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def locked(path: Path) -> Iterator[Path]:
    """The same, where neither file nor folder may be written by who runs the test: not by root, who may write all."""
    for file in path.parent.iterdir():
        file.chmod(0o444)
    path.parent.chmod(0o555)
    if os.geteuid() != 0:
        yield path
        return
    os.seteuid(NOBODY)
    try:
        yield path
    finally:
        os.seteuid(0)


def test_a_store_that_cannot_be_written_is_read(locked: Path) -> None:
    """All of it, as it is; writing is refused by name of the file and remedy."""
    store = SqliteStore(locked, busy_seconds=0.1)
    session = store.session("p", "s")
    assert session is not None
    assert [one.session_id for one in store.sessions("p", SessionQuery(text="guten")).items] == ["s"]
    assert len(list(store.events("p", "s"))) == session.statistics.events + session.statistics.apis == 6
    assert store.health().sessions == 1
    for refused in (lambda: store.append("p", one_of_everything("t")), lambda: store.delete_session("p", "s")):
        with pytest.raises(StoreReadOnlyError, match=rf"{re.escape(str(locked))}.* set AGENTOPS_HOME"):
            refused()
    store.close()
    assert [file.name for file in locked.parent.iterdir()] == ["agentops.db"]


def test_a_file_that_cannot_be_written_in_a_folder_that_can(path: Path) -> None:
    """As a copy that somebody made."""
    path.chmod(0o444)
    store = SqliteStore(path)
    assert len(list(store.events("p", "s", EventQuery(told=True)))) == 7
    store.close()


def test_a_log_that_cannot_be_read_is_told(path: Path, request: pytest.FixtureRequest) -> None:
    """What is in the write-ahead log must not be missed without a word."""
    writer = SqliteStore(path)
    writer.append("p", one_of_everything("late"))
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{path.parent}/copy{suffix}")
    writer.close()
    (path.parent / "copy").rename(path)
    (path.parent / "copy-wal").rename(f"{path}-wal")
    request.getfixturevalue("locked")
    store = SqliteStore(path)
    with pytest.raises(StoreReadOnlyError, match="cannot be read where nothing can be written; copy it with"):
        store.session("p", "late")
    store.close()


def test_an_older_file_is_told(path: Path, request: pytest.FixtureRequest) -> None:
    """It cannot be brought up where it is."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 1")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.close()
    request.getfixturevalue("locked")
    store = SqliteStore(path)
    with pytest.raises(StoreVersionError, match=r"has schema 1, .*copy it to a folder that can be written"):
        store.session("p", "s")
    store.close()
