"""AgentOps' published SDKs, unmodified, each in an environment of its own, against the real server process."""

from __future__ import annotations

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.translate import session_of_trace

from .environments import node_modules_with, python_with
from .running import Running

pytestmark = pytest.mark.sdk

SCRIPTS = Path(__file__).parent / "sdks"
OTEL_1_36 = (
    "opentelemetry-sdk==1.36.0",
    "opentelemetry-exporter-otlp-proto-http==1.36.0",
    "opentelemetry-instrumentation==0.57b0",
)
COST = Decimal("0.0000045")  # 10 tokens in and 5 out of gpt-4o-mini, at $0.15 and $0.60 a million


class Sdk:
    """One published SDK and the project it writes to."""

    def __init__(self, bridge: Running, *requirements: str) -> None:
        self.python = python_with(*requirements)
        self.bridge, self.key = bridge, bridge.keys.create_key(requirements[0])

    def run(self, script: str, *arguments: str) -> list[Any]:
        """Run a script; what its last line printed. It reaches this machine only."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTOPS", "PYTHON"))}
        environ |= {
            "AGENTOPS_API_KEY": self.key,
            "AGENTOPS_API_ENDPOINT": self.bridge.url,
            "AGENTOPS_EXPORTER_ENDPOINT": f"{self.bridge.url}/v1/traces",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }
        command = [str(self.python), str(SCRIPTS / script), *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        found: list[Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def get(self, session_id: str, what: str = "") -> Any:
        return self.bridge.get(f"/v2/sessions/{session_id}{what}", key=self.key)


@pytest.mark.parametrize("version", ["0.3.26", "0.3.17"])
def test_a_session_of_the_event_generation_arrives_whole(keyed: Running, version: str) -> None:
    """Events, tags, agents, cost and end state; the client itself is told the exact cost."""
    sdk = Sdk(keyed, f"agentops=={version}")

    session_id, analytics, cost = sdk.run("generation_03.py")

    session, stats, export = (sdk.get(session_id, what) for what in ("", "/stats", "/export"))
    assert (
        session["tags"],
        session["end_state"],
        session["end_state_reason"],
        [agent["name"] for agent in session["agents"]],
    ) == (["sdk", "more"], "Success", "all done", ["Ada"])
    assert (COST, str(COST)) == (Decimal(cost), stats["cost_usd"])
    assert (
        analytics is None or {"LLM calls": 1, "Tool calls": 2, "Actions": 1, "Errors": 1}.items() <= analytics.items()
    )
    assert [len(export[table]) for table in ("actions", "llms", "tools", "errors")] == [2, 1, 2, 1]
    (step,) = (row for row in export["actions"] if row["action_type"] == "step")
    assert (export["agents"][0]["id"], "2") == (step["agent_id"], step["returns"])
    assert tuple(export["errors"][0][name] for name in ("error_type", "details")) == ("ValueError", "no good")
    assert export["llms"][0]["prompt"] == {"type": "chatml", "messages": [{"role": "user", "content": "Hi"}]}
    assert export["session"]["host_env"]["OS"]["Hostname"]


def test_an_inherited_session_is_one_session(keyed: Running) -> None:
    """A second process joins by id: its events are added, no tag is lost, and its end counts."""
    sdk = Sdk(keyed, "agentops==0.3.26")
    (session_id,) = sdk.run("generation_03_open.py")
    before = sdk.get(session_id)

    assert [session_id] == sdk.run("joining_03.py", session_id)

    after = sdk.get(session_id)
    assert (before["end_state"], before["end_timestamp"]) == ("Indeterminate", None)
    assert (
        after["tags"],
        after["end_state"],
        after["end_state_reason"],
        after["statistics"]["actions"],
    ) == (["open", "joined"], "Failure", "the joiner says so", 2)
    assert before["init_timestamp"] == after["init_timestamp"]


def test_a_trace_of_the_span_generation_is_a_session(keyed: Running) -> None:
    """0.4.21 with the OpenTelemetry it still works on: token exchange, spans, end state and the printed log."""
    sdk = Sdk(keyed, "agentops==0.4.21", *OTEL_1_36)

    (trace_id,) = sdk.run("generation_04.py")

    session_id = session_of_trace(trace_id)
    session, export = sdk.get(session_id), sdk.get(session_id, "/export")
    assert (session["end_state"], session["project_id"]) == ("Success", "agentops==0.4.21")
    rows = [row for table in ("actions", "tools") for row in export[table]]
    assert {"Ada", "look up", "step"} == {row["name"].partition(".")[0] for row in rows}
    log = keyed.ask("GET", f"/v2/sessions/{session_id}/logs", key=sdk.key).body
    assert b"hello from the program" in log


NPM = ("@opentelemetry/api@1", "@opentelemetry/sdk-trace-base@2", "@opentelemetry/exporter-trace-otlp-http@0.200")


def test_a_javascript_program_sends_json(keyed: Running, tmp_path: Path) -> None:
    """The OTLP/JSON exporter of npm: hex ids, times as text or numbers, whatever it writes is understood."""
    folder, key = node_modules_with(*NPM), keyed.keys.create_key("javascript")
    script = folder / "program.js"
    script.write_text((SCRIPTS / "javascript.js").read_text())
    environ = os.environ | {"ENDPOINT": f"{keyed.url}/v1/traces", "KEY": key}

    done = subprocess.run(["node", str(script)], env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    session_id = session_of_trace(done.stdout.strip())
    (event,) = keyed.get(f"/v2/sessions/{session_id}/events?types=llms", key=key)["events"]
    assert (
        event["model"],
        event["usage"]["input"],
        event["usage"]["output"],
        event["provider"],
    ) == ("gpt-4o-mini", 10, 5, "openai")
    assert keyed.get(f"/v2/sessions/{session_id}/stats", key=key)["events"] == 2
