"""A runtime of the test's own, in this process or in others."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry import context as otel_context

from agentops_otel import runtime
from agentops_otel.host import liveness
from agentops_otel.records import Event, Session
from agentops_otel.store import open_store
from agentops_otel.store.base import SessionQuery, Store


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """No runtime, session or span is left behind."""
    before = otel_context.get_current()
    yield
    runtime.stop()
    otel_context.attach(before)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """The embedded store of this test, as a reader on the same host sees it."""
    opened = open_store(home / "agentops.db", liveness=liveness)
    yield opened
    opened.close()


class Recorded:
    """What the store holds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def session(self) -> Session:
        """The one session."""
        (found,) = self._store.sessions("default", SessionQuery()).items
        whole = self._store.session("default", found.session_id)
        assert whole is not None
        return whole

    def sessions(self) -> list[Session]:
        """All sessions, oldest first."""
        return list(reversed(self._store.sessions("default", SessionQuery()).items))

    def events(self, session_id: object = None) -> list[Event]:
        """The events of a session, by default of the one there is."""
        return list(self._store.events("default", str(session_id or self.session().session_id)))


@pytest.fixture
def recorded(store: Store) -> Recorded:
    """What the store holds."""
    return Recorded(store)


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run() -> Run:
    """Run a program in a process of its own, with the store of this test."""

    def run_program(source: str, *args: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", textwrap.dedent(source), *args]
        done = subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)
        if expect is not None:
            assert expect == done.returncode, done.stderr
        return done

    return run_program
