"""belonging: spans that name no session belong where their trace belongs."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops_otel.conventions.belonging import belonging
from agentops_otel.conventions.dialects import session_named_by
from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.facts import EventFact
from agentops_otel.spans import FlatSpan


def span(name: str, parent: str | None = None, trace: str = "t", **attributes: str) -> FlatSpan:
    said = {key.replace("__", "."): value for key, value in attributes.items()}
    return FlatSpan(trace, name, name, 1, 2, parent_span_id=parent, attributes=said)


def sessions(*spans: FlatSpan) -> list[str | None]:
    return [one.session_id or session_named_by(one.attributes) for one in belonging(spans)]


def test_every_span_of_a_trace_belongs_to_the_session_it_names() -> None:
    """Above, below and beside the one that says so, in any order; another trace is left alone."""
    spans = [
        span("http", "llm"),
        span("llm", "agent", session__id="chat-7"),
        span("agent"),
        span("elsewhere", trace="u"),
    ]
    assert sessions(*spans) == ["chat-7", "chat-7", "chat-7", None]
    assert sessions(*reversed(spans)) == [None, "chat-7", "chat-7", "chat-7"]


def test_of_several_sessions_the_nearest_ancestor_counts() -> None:
    """A server that answers two chats in one trace; what stands above both belongs to neither."""
    spans = [
        span("request"),
        *(span("a", "request", session__id="one"), span("b", "request", session__id="two")),
        *(span("below a", "a"), span("below b", "b")),
    ]
    assert sessions(*spans) == [None, "one", "two", "one", "two"]


@pytest.mark.parametrize(
    "name",
    [
        *("agentops.session.id", "session.id", "gen_ai.conversation.id", "langfuse.session.id"),
        *("traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId"),
        *("langsmith.metadata.thread_id", "gcp.vertex.agent.session_id", "mlflow.trace.session"),
    ],
)
def test_any_vocabulary_may_name_the_session(name: str) -> None:
    """The names are those of the dialects' own tables."""
    named = FlatSpan("t", "a", "a", 1, 2, attributes={name: "chat-7"})
    assert sessions(named, span("b", "a")) == ["chat-7", "chat-7"]


def test_a_span_that_is_its_own_ancestor_belongs_somewhere() -> None:
    """A cycle of parents is no reason to hang."""
    assert sessions(span("a", "b"), span("b", "a"), span("c", session__id="s")) == ["s", "s", "s"]


def test_spans_of_no_session_are_as_they_were() -> None:
    """The same objects, so that nothing is copied for nothing."""
    spans = [span("a"), span("b", "a")]
    assert all(one is other for one, other in zip(spans, belonging(spans), strict=True))


def test_the_exporter_asks_before_it_translates() -> None:
    """Spans of any SDK tracer, with a session on one of them: all their events are in it."""
    exporter, seen = AgentOpsSpanExporter(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen))
    tracer = provider.get_tracer("any")
    with (
        tracer.start_as_current_span("agent", attributes={"session.id": "chat-7"}),
        tracer.start_as_current_span("GET", attributes={"http.request.method": "GET"}),
    ):
        pass
    events = [fact.event for fact in exporter.facts(seen.get_finished_spans()) if isinstance(fact, EventFact)]
    assert [(event.name, event.session_id) for event in events] == [("GET", "chat-7"), ("agent", "chat-7")]
