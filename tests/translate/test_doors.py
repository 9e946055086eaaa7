"""Every door leads to the same house: a span that was sent over the wire becomes what it becomes in its process."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from agentops_otel.conventions.genai import CALL, EVERYWHERE, TOOL, USAGE
from agentops_otel.facts import Fact
from agentops_otel.otlp import decode_traces, encode_traces, encode_traces_json, traces_of_json
from agentops_otel.spans import from_sdk
from agentops_otel.translate import translate

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
VALUES = SCALARS | st.lists(TEXT, max_size=3) | st.lists(st.integers(0, 9), max_size=3) | st.binary(max_size=4)
NAMES = sorted(
    {name for table in (CALL, EVERYWHERE, TOOL, USAGE) for name, _, _ in table.flat} | {"colour", "session.id"}
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
OPERATIONS = st.sampled_from(["chat", "execute_tool", "invoke_agent", "retrieval", ""])
LINK = Link(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), {"why": "retry"})


def recorded(attributes: dict[str, Any], operation: str, failed: bool) -> Any:
    """A span of the real SDK, ended."""
    seen = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "app", "host.name": "h"}))
    provider.add_span_processor(SimpleSpanProcessor(seen))
    tracer = provider.get_tracer("scope", "1")
    span = tracer.start_span("chat m", kind=SpanKind.CLIENT, attributes=attributes, links=[LINK])
    span.set_attribute("gen_ai.operation.name", operation)
    span.add_event("note", {"a": 1})
    if failed:
        span.record_exception(ValueError("no"))
        span.set_status(Status(StatusCode.ERROR, "no"))
    span.end()
    provider.shutdown()
    [finished] = seen.get_finished_spans()
    return finished


@settings(max_examples=60, deadline=None)
@given(ATTRIBUTES, OPERATIONS, st.booleans())
def test_the_wire_changes_nothing(attributes: dict[str, Any], operation: str, failed: bool) -> None:
    """In process; by OpenTelemetry's own encoder; by ours, as protobuf and as JSON."""
    span = recorded(attributes, operation, failed)
    flat = from_sdk(span)
    here: list[Fact] = translate(flat)
    wires = (
        decode_traces(encode_spans([span]).SerializeToString(), "application/x-protobuf"),
        decode_traces(encode_traces([flat]), "application/x-protobuf"),
        traces_of_json(encode_traces_json([flat])),
    )
    for [there] in wires:
        assert here == translate(there)
