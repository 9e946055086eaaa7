"""A server over sessions that were recorded through the front door, and one over nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan
from server.running import Running

from .browser import Open, Watched, chromium, require_chromium
from .reading import Reading

RECORDING = Path(__file__).with_name("recording.py")
PROTOBUF = "application/x-protobuf"
RECORDED = ("research", "failure", "unpriced", "canary")


class Recorded(NamedTuple):
    """A server and the ids of what it serves, by the name of the function in recording.py."""

    server: Running
    ids: dict[str, str]

    def read(self, path: str) -> Reading:
        """A page that must be there."""
        answer = self.server.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), answer
        return Reading(answer.body.decode())

    def session(self, name: str, query: str = "") -> Reading:
        """A page of a recorded session."""
        return self.read(f"/sessions/{self.ids[name]}{query}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of a recorded session, by start."""
        found: list[dict[str, Any]] = self.server.get(f"/v2/sessions/{self.ids[name]}/events?limit=1000")["events"]
        return found


def calls(session_id: str, count: int, usage: int = 0) -> bytes:
    """So many model calls of a session, as an OTLP request; `usage` are the input tokens of each, if any."""
    asked: dict[str, Any] = {"session.id": session_id, "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    asked |= {"gen_ai.usage.input_tokens": usage, "gen_ai.usage.output_tokens": 0} if usage else {}
    start_ns = 1_795_352_682_000_000_000
    return encode_traces(
        [
            FlatSpan(
                trace_id=f"{zlib.crc32(session_id.encode()) or 1:032x}",
                span_id=f"{at + 1:016x}",
                name="chat m",
                start_ns=start_ns + at,
                end_ns=start_ns + at + 1000,
                kind=3,
                attributes=asked,
            )
            for at in range(count)
        ]
    )


def at_times(session_id: str, *seconds: tuple[float, float]) -> bytes:
    """Model calls that began and ended so many seconds after midnight, as an OTLP request; each asks its own model."""
    asked: dict[str, Any] = {"session.id": session_id, "gen_ai.operation.name": "chat"}
    midnight_ns = 1_795_305_600_000_000_000
    return encode_traces(
        [
            FlatSpan(
                trace_id=f"{zlib.crc32(session_id.encode()) or 1:032x}",
                span_id=f"{at + 1:016x}",
                name="chat",
                start_ns=midnight_ns + round(begin * 1e9),
                end_ns=midnight_ns + round(end * 1e9),
                kind=3,
                attributes={**asked, "gen_ai.request.model": f"m{at}"},
            )
            for at, (begin, end) in enumerate(seconds)
        ]
    )


def environment(db: Path) -> dict[str, str]:
    """Of a program that records into a store."""
    return os.environ | {"AGENTOPS_DB": str(db), "AGENTOPS_STRICT": "true", "AGENTOPS_MAX_WAIT_TIME": "100"}


@contextmanager
def serving(folder: Path, names: Sequence[str]) -> Iterator[Recorded]:
    """A server over the sessions of these names."""
    running = Running(folder)
    command = [sys.executable, str(RECORDING), *names]
    said = subprocess.run(command, env=environment(running.db), stdout=subprocess.PIPE, text=True, check=True).stdout
    with running:
        yield Recorded(running, dict(zip(names, said.split(), strict=True)))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Four sessions: one that went well, one that failed, one with an unpriced call, one full of markup."""
    with serving(tmp_path_factory.mktemp("recorded"), RECORDED) as found:
        yield found


@pytest.fixture(scope="session")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """One session, of agents that call each other and a tool again and again."""
    with serving(tmp_path_factory.mktemp("crew"), ("crew",)) as found:
        yield found


@pytest.fixture
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """An empty store, for this test alone."""
    with Running(tmp_path_factory.mktemp("nothing")) as running:
        yield Recorded(running, {})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of a file."""
    require_chromium()
    with chromium() as running:
        yield running


@pytest.fixture
def tab(browser: Any) -> Iterator[Open]:
    """Opens tabs; when the test is over none may have complained or asked another host."""
    tabs: list[tuple[Watched, str]] = []

    def open_tab(url: str, **options: Any) -> Watched:
        watched = Watched(browser, **options)
        tabs.append((watched, url))
        watched.open(url)
        return watched

    yield open_tab
    for watched, url in tabs:
        watched.page.close()
        host = "/".join(url.split("/")[:3])
        assert watched.complaints == []
        assert [asked for asked in watched.asked if not asked.startswith(f"{host}/")] == []
