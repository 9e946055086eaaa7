"""A server that was told to leave spans out takes them and stores nothing of them."""

from __future__ import annotations

from pathlib import Path

from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan

from .running import Running

SCOPE = "opentelemetry.instrumentation.asgi"


def test_infrastructure_outside_of_sessions_is_not_stored(tmp_path: Path) -> None:
    """The sender sees nothing of it; a trace with a model call keeps its requests."""
    alone = FlatSpan("a" * 32, "1" * 16, "GET /", 10**18, 2 * 10**18, scope_name=SCOPE)
    above = FlatSpan("b" * 32, "2" * 16, "POST /", 10**18, 2 * 10**18, scope_name=SCOPE)
    said = {"gen_ai.operation.name": "chat"}
    call = FlatSpan("b" * 32, "3" * 16, "chat", 10**18, 2 * 10**18, parent_span_id="2" * 16, attributes=said)
    with Running(tmp_path, ignore_spans=["opentelemetry.*"]) as server:
        body = encode_traces([alone, above, call])
        answer = server.ask("POST", "/v1/traces", body, Content_Type="application/x-protobuf")
        assert (answer.status, answer.body) == (200, b"")
        [session] = server.get("/v2/sessions")["sessions"]
    assert (session["statistics"]["llms"], session["statistics"]["actions"]) == (1, 1)
