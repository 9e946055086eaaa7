"""Programs of agent frameworks, unchanged under `opentelemetry-instrument`, each leave the session that they are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.host import liveness
from agentops_otel.records import LLMCall, Usage
from agentops_otel.store import open_store
from agentops_otel.store.base import DEFAULT_PROJECT, EventQuery, SessionQuery
from agentops_otel.testing import ModelServer, Reply, Tokens, ToolRequest
from server.environments import python_with

from .conftest import as_installed, environment

pytestmark = pytest.mark.sdk

PROGRAMS = Path(__file__).with_name("programs")
FRAMEWORKS = (
    "openai-agents==0.24.0",
    "langgraph==1.2.22",
    "langchain-openai==1.7.3",
    "pydantic-ai-slim[openai]==2.68.0",
)
OURS = ("opentelemetry-distro", "opentelemetry-exporter-otlp", "opentelemetry-sdk", "wrapt", "psutil", "genai-prices")

ASKED = Reply(text="", tools=[ToolRequest("get_weather", {"city": "Tokyo"})], tokens=Tokens(1000, 20, cached=600))
ANSWERED = Reply(text="It is sunny.", tokens=Tokens(1100, 10))
REPLIES = (ASKED, ANSWERED, ASKED, ANSWERED)
"""A run whole, and a run streamed: each asks for the tool, and then answers."""

USAGE = [Usage(input=400, cache_read=600, output=20), Usage(input=1100, output=10)] * 2
COST = Decimal("0.000576")
"""3000 tokens at 0.15, 1200 cached ones at 0.075 and 60 of output at 0.60 US dollars a million."""

Told = tuple[str, str | None, list[tuple[str, str | None, str, Any]], Decimal | None]
"""A session: end state, reason, the calls by operation, model, what was said or asked for and tokens, and its cost."""


@pytest.fixture(params=["openai_agents_weather", "langgraph_weather", "pydantic_ai_weather"])
def program(request: pytest.FixtureRequest) -> Path:
    """One of the programs."""
    return PROGRAMS / f"{request.param}.py"


def run(program: Path, installed: list[str], server: ModelServer, *tool: str, **environ: str) -> str:
    """What the program prints, by itself or under a tool of its environment."""
    python = python_with(*FRAMEWORKS, *OURS)
    server.script(*REPLIES)
    quiet = {"OPENAI_AGENTS_DISABLE_TRACING": "1", "AGENTOPS_STRICT": "", "AGENTOPS_EXIT_TIMEOUT": "30000"}
    done = subprocess.run(
        [*(str(python.with_name(name)) for name in tool), str(python), str(program)],
        env={**os.environ, **environment(installed, server), **quiet, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(db: Path) -> Iterator[str]:
    """Our server over a file of its own; its address."""
    options = ["--db", str(db), "--port", "0", "--no-grpc", "--log-level", "error"]
    arguments = [sys.executable, "-m", "agentops_otel.cli", "serve", *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)


def told(db: Path) -> list[Told]:
    """Every session of a store."""
    with closing(open_store(db, liveness=liveness)) as store:
        sessions = [
            store.session(DEFAULT_PROJECT, one.session_id)
            for one in store.sessions(DEFAULT_PROJECT, SessionQuery()).items
        ]
        return [
            (
                one.end_state,
                one.end_state_reason,
                [_call(event) for event in store.events(DEFAULT_PROJECT, one.session_id, EventQuery())],
                one.statistics.cost,
            )
            for one in sessions
            if one is not None
        ]


def _call(event: Any) -> tuple[str, str | None, str, Any]:
    assert isinstance(event, LLMCall), event
    (message,) = event.completion
    said = "".join(part.get("name") or part.get("content") or "" for part in message["parts"])
    return event.operation or "", event.request_model, said, event.usage


def test_an_unchanged_program_is_one_session(program: Path, tmp_path: Path, server: ModelServer, home: Path) -> None:
    """Its output is its own; every request is one call with its tokens, in the store and through OTLP alike."""
    installed = as_installed(tmp_path)  # the programs' environment has not our package
    bare = run(program, installed, server)
    assert bare.count("It is sunny.") == 2
    assert run(program, installed, server, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="agentops") == bare
    with serving(home / "served.db") as address:
        otlp = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        sent = run(program, installed, server, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="otlp", **otlp)
    assert sent == bare
    assert len(server.requests) == 3 * len(REPLIES)
    ((state, reason, calls, cost),) = told(home / "agentops.db")
    said = ["get_weather", "It is sunny."] * 2
    assert calls == [("chat", "gpt-4o-mini", text, usage) for text, usage in zip(said, USAGE, strict=True)]
    assert (state, cost) == ("Indeterminate", COST)
    assert reason is not None
    assert reason.endswith("exited without ending the session")
    assert [(one[0], *one[2:]) for one in told(home / "served.db")] == [(state, calls, cost)]
