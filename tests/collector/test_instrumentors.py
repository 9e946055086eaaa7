"""Other people's instrumentors: their spans through a real collector into our server, read back over REST."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.conventions.belonging import belonging
from agentops_otel.otlp import logs_of_json
from agentops_otel.pricing import Pricer
from agentops_otel.records import to_json
from agentops_otel.store.base import DEFAULT_PROJECT, EventQuery, SessionQuery
from agentops_otel.store.memory import MemoryStore
from agentops_otel.testing import ModelServer
from agentops_otel.translate import translate
from server.environments import python_with
from server.running import Running
from translate.corpus import Scenario, scenarios

from .test_collector import Collector, bridge, eventually, otelcol

__all__ = ["bridge", "otelcol"]

pytestmark = pytest.mark.collector

SETS = ("genai-openai", "openinference-openai", "traceloop-openai", "openai-v2-legacy-events", "vercel-ai-6")
"""Current conventions, OpenInference, OpenLLMetry, messages as log records, and another language."""

Told = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]
"""Statistics and events by session."""


def recorded(name: str) -> Iterator[Scenario]:
    return (one for one in scenarios() if one.set_name == name and one.truth["traces"])


def in_one_process(name: str) -> Told:
    """What a set becomes without any wire."""
    store, price = MemoryStore(), Pricer().priced
    for scenario in recorded(name):
        logs = defaultdict(list)
        for log in logs_of_json(scenario.truth["logs"]) if scenario.truth["logs"] else ():
            logs[log.trace_id, log.span_id].append(log)
        for span in belonging(scenario.spans):
            store.append(DEFAULT_PROJECT, translate(span, logs=logs[span.trace_id, span.span_id], price=price))
    found = store.sessions(DEFAULT_PROJECT, SessionQuery(limit=1000)).items
    query = EventQuery(payloads=True)
    return {
        one.session_id: (
            json.loads(json.dumps(to_json(one)["statistics"])),
            [json.loads(json.dumps(to_json(event))) for event in store.events(DEFAULT_PROJECT, one.session_id, query)],
        )
        for one in found
    }


def over_rest(server: Running) -> Told:
    """What the server answers."""
    return {
        one["session_id"]: (
            one["statistics"],
            server.get(f"/v2/sessions/{one['session_id']}/events?payloads=true&limit=1000")["events"],
        )
        for one in server.get("/v2/sessions?limit=500")["sessions"]
    }


def post(collector: Collector, signal: str, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{collector.http}/v1/{signal}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("name", SETS)
def test_recorded_spans_are_the_same_over_a_collector(
    otelcol: Path, bridge: Running, tmp_path: Path, name: str
) -> None:
    """Instrumentor, collector, server, REST: every event is what it is when translated here, counted and priced."""
    expected = in_one_process(name)
    with Collector(otelcol, "agent", tmp_path, AGENTOPS_SERVER=bridge.url) as collector:
        for scenario in recorded(name):
            post(collector, "traces", scenario.truth["traces"])
            if scenario.truth["logs"]:
                post(collector, "logs", scenario.truth["logs"])
        eventually(lambda: over_rest(bridge) == expected, 20)
    assert over_rest(bridge) == expected


PROGRAM = """
import sys
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
models, collector = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector)))
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = OpenAI(base_url=models, api_key="none")
with provider.get_tracer("app").start_as_current_span("agent run", attributes={"session.id": "chat-7"}):
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello."}])
    client.embeddings.create(model="text-embedding-3-small", input="hello")
provider.shutdown()
"""
INSTALLED = ("openinference-instrumentation-openai==0.1.66", "openai==3.54.0", "opentelemetry-exporter-otlp-proto-http")


def test_a_live_instrumentor_arrives_through_a_collector(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """A program that knows nothing of us: OpenInference on the real client, a collector, and our server."""
    python = python_with(*INSTALLED)
    with ModelServer() as models, Collector(otelcol, "agent", tmp_path, AGENTOPS_SERVER=bridge.url) as collector:
        command = [str(python), "-c", PROGRAM, models.base_url, f"http://{collector.http}/v1/traces"]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        subprocess.run(command, check=True, timeout=100, env=environ)
        assert eventually(lambda: "chat-7" in over_rest(bridge))
        assert eventually(lambda: over_rest(bridge)["chat-7"][0]["llms"] == 2)
    statistics, events = over_rest(bridge)["chat-7"]
    [chat] = [event for event in events if event.get("operation") == "chat"]
    assert (statistics["llms"], statistics["actions"], statistics["errors"]) == (2, 1, 0)
    assert chat["prompt"] == [{"role": "user", "parts": [{"type": "text", "content": "Say hello."}]}]
    assert (chat["provider"], chat["request_model"] or chat["model"]) == ("openai", "gpt-4o-mini")
    assert statistics["prompt_tokens"] > 0
