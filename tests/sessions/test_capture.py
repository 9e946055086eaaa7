"""Content capture switched off: a canary is in no attribute, event, link, exception, log or store."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentops_otel as agentops
from agentops_otel import runtime
from agentops_otel.testing import ModelServer
from sessions.conftest import Recorded

CANARY = "canary-4f1c"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def sing(server: ModelServer) -> None:
    """Everything a program can do, with the canary wherever content can stand."""
    agentops.record(agentops.ActionEvent(params=CANARY, returns=[CANARY], logs=CANARY, screenshot=CANARY))
    agentops.record(agentops.LLMEvent(model="m", prompt=CANARY, completion=CANARY, prompt_tokens=3))
    agentops.record(agentops.ToolEvent(name="t", params={"q": CANARY}, returns=CANARY, logs=CANARY))
    agentops.record(agentops.ErrorEvent(exception=ValueError(CANARY), details=CANARY, logs=CANARY))
    with OpenAI(base_url=server.base_url, api_key="k") as client:
        message = {"role": "user", "content": CANARY}
        client.chat.completions.create(model="gpt-4o-mini", messages=[message], tools=[TOOL], temperature=0.5)
        list(client.chat.completions.create(model="gpt-4o-mini", messages=[message], stream=True))
        client.embeddings.create(model="text-embedding-3-small", input=CANARY)
        if hasattr(client, "responses"):
            client.responses.create(model="gpt-4o-mini", input=CANARY, instructions=CANARY)

    @agentops.record_tool
    def step(text: str) -> str:
        if text.startswith("fail"):
            raise KeyError(text)
        return text

    step(CANARY)
    with pytest.raises(KeyError):
        step(f"fail {CANARY}")
    with pytest.raises(KeyError), trace.get_tracer("app").start_as_current_span("manual") as span:
        span.set_attribute("gen_ai.input.messages", CANARY)
        raise KeyError(CANARY)


def run(server: ModelServer, mode: str) -> InMemorySpanExporter:
    session = agentops.init(capture_content=mode)
    assert session is not None
    room, exporter = runtime.running(), InMemorySpanExporter()
    assert room is not None
    room.provider.add_span_processor(SimpleSpanProcessor(exporter))
    sing(server)
    session.end_session("Success")
    return exporter


def written(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_content_is_nowhere_when_it_is_not_captured(
    server: ModelServer, home: Path, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """What can be counted is recorded; what could be read is not, in our spans, our logs and our files."""
    exporter = run(server, "none")
    ours = [span.to_json() for span in exporter.get_finished_spans() if span.name != "manual"]
    assert not [span for span in ours if CANARY in span]
    assert CANARY not in caplog.text
    assert CANARY.encode() not in written(home)
    counts = recorded.session().statistics
    assert (counts.llms, counts.tools, counts.actions) == (4 + hasattr(OpenAI, "responses"), 3, 2)
    assert counts.prompt_tokens > 3


def test_content_is_recorded_by_default(server: ModelServer, home: Path, recorded: Recorded) -> None:
    """The other way round: the canary of the test above does sing."""
    exporter = run(server, "full")
    assert any(CANARY in span.to_json() for span in exporter.get_finished_spans())
    assert CANARY.encode() in written(home)
