"""Programs with Sentry, Datadog or Logfire run as without us, are seen as without us, and leave their session."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.host import liveness
from agentops_otel.records import LLMCall
from agentops_otel.store import open_store
from agentops_otel.store.base import DEFAULT_PROJECT, EventQuery, SessionQuery
from agentops_otel.testing import Failure, ModelServer, Reply, Tokens
from server.environments import python_with

pytestmark = pytest.mark.sdk

PROGRAM = Path(__file__).with_name("program.py")
MONITORS = ("sentry-sdk==2.75.0", "ddtrace==4.16.0", "logfire==5.2.0", "openai==3.54.0")
OURS = ("opentelemetry-exporter-otlp", "opentelemetry-sdk", "wrapt", "psutil", "genai-prices")
ANSWERED = Reply(text="It is sunny.", tokens=Tokens(1000, 100))
REPLIES = (ANSWERED, ANSWERED, Failure(status=404), ANSWERED, ANSWERED)
QUIET = {
    "AGENTOPS_STRICT": "",
    "AGENTOPS_EXIT_TIMEOUT": "30000",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
}


def run(server: ModelServer, monitor: str, when: str) -> tuple[dict[str, Any], str]:
    """What the program says and its monitor saw; and what it wrote to stderr."""
    server.script(*REPLIES)
    done = subprocess.run(
        [str(python_with(*MONITORS, *OURS)), str(PROGRAM), monitor, when],
        env={
            **os.environ,
            **QUIET,
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "offline",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told, done.stderr


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("monitor", ["sentry", "ddtrace", "logfire"])
def test_a_monitored_program_is_left_alone_and_recorded(
    monitor: str, when: str, server: ModelServer, home: Path
) -> None:
    """Whoever is started first, the program hears and its monitor sees what they did before, and the session has every
    call once."""
    alone, said_alone = run(server, monitor, "none")
    both, said = run(server, monitor, when)
    assert (both, said) == (alone, said_alone)

    with closing(open_store(home / "agentops.db", liveness=liveness)) as store:
        (row,) = store.sessions(DEFAULT_PROJECT, SessionQuery()).items
        session = store.session(DEFAULT_PROJECT, row.session_id)
        calls = [one for one in store.events(DEFAULT_PROJECT, row.session_id, EventQuery()) if isinstance(one, LLMCall)]
    assert session is not None
    assert (session.end_state, session.tags) == ("Success", (monitor,))
    assert (
        sorted((call.model or "", call.usage.output or 0) for call in calls)
        == [("gpt-4o-mini", 0)] + [("gpt-4o-mini-2024-07-18", 100)] * 4
    )
