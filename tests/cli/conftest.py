"""A store with sessions in it, and the command as a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.text.examples import EVENTS, START_NS

from agentops_otel.cli import main
from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import EndState
from agentops_otel.store import open_store

SECOND = 1_000_000_000
FAILED = "7d1c9f0e-3c4b-4d8a-9a55-0e8f7c3a2b11"
DONE = "7d1c0000-0000-4000-8000-000000000002"
OPEN = "run-42"


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $AGENTOPS_HOME, and a terminal of 80 columns."""
    monkeypatch.setenv("AGENTOPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AGENTOPS_DB", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`agentops-otel ...` in this process."""

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def db(home: Path) -> Path:
    """The store of $AGENTOPS_HOME, with three sessions: a failed one with events, a finished one, an open one."""
    home.mkdir()
    path = home / "agentops.db"
    store = open_store(path)
    store.append("default", session(FAILED, 0, ("quickstart", "demo"), "Failure", "no such model"))
    store.append("default", [EventFact(replace(event, session_id=FAILED)) for event in EVENTS])
    store.append("default", session(DONE, 60 * SECOND, ("demo",), "Success"))
    store.append("default", session(OPEN, 120 * SECOND, ()))
    store.close()
    return path


def session(
    session_id: str, after_ns: int, tags: tuple[str, ...], state: EndState | None = None, reason: str = ""
) -> list[Fact]:
    """A session that started so long after 2026-11-22 14:00 UTC, and ended 67 s later if it has a state."""
    start_ns = START_NS + after_ns
    end_ns = start_ns + 67 * SECOND
    return [
        SessionFacts(
            session_id=session_id,
            start_ns=start_ns,
            activity_ns=end_ns,
            end=End(EndRank.EXPLICIT, end_ns, "o", state, reason) if state else None,
            tags_set=(Stamp(start_ns, "o"), tags),
        )
    ]
