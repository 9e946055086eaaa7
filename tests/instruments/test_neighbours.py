"""Beside the other instrumentors of `openai`, each in an environment of its own: one call, one event."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from agentops_otel.testing import ModelServer
from server.environments import python_with

pytestmark = pytest.mark.sdk

NEIGHBOURS = {
    "opentelemetry-instrumentation-genai-openai": "opentelemetry.instrumentation.genai.openai",
    "openinference-instrumentation-openai": "openinference.instrumentation.openai",
    "opentelemetry-instrumentation-openai": "opentelemetry.instrumentation.openai",
}
OURS = ("openai", "opentelemetry-exporter-otlp", "opentelemetry-sdk", "wrapt", "psutil")

PROGRAM = """
import importlib, json, os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
import agentops_otel as agentops
from agentops_otel.store import open_store

trace.set_tracer_provider(TracerProvider())

def theirs():
    importlib.import_module(sys.argv[1]).OpenAIInstrumentor().instrument()

if sys.argv[2] == "theirs first":
    theirs()
session = agentops.init()
if sys.argv[2] == "ours first":
    theirs()
import openai
with openai.OpenAI(base_url=sys.argv[3], api_key="k") as client:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    client.chat.completions.create(**asked)
    for _ in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        pass
session.end_session("Success")
store = open_store(os.path.join(os.environ["AGENTOPS_HOME"], "agentops.db"))
statistics = store.session("default", session.key).statistics
print(json.dumps([statistics.llms, statistics.prompt_tokens]))
"""


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
@pytest.mark.parametrize("distribution", NEIGHBOURS)
def test_one_call_is_one_event_beside_another_instrumentor(
    distribution: str, order: str, server: ModelServer, home: Path
) -> None:
    """Whoever came first; tokens are counted once."""
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [str(python_with(distribution, *OURS)), "-c", PROGRAM, NEIGHBOURS[distribution], order, server.base_url],
        env={**os.environ, "PYTHONPATH": source, "AGENTOPS_STRICT": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    calls, tokens = json.loads(done.stdout.splitlines()[-1])
    assert (len(server.requests), calls, tokens) == (2, 2, 20)
