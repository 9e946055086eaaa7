"""What is written as OTLP is read back equal, both ways, and the stock exporter's bytes are the SDK's spans."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from agentops_otel.otlp import (
    decode_logs,
    decode_traces,
    divided_traces,
    encode_logs,
    encode_logs_json,
    encode_traces,
    encode_traces_json,
)
from agentops_otel.spans import FlatLog, FlatSpan, from_sdk

from . import strategies

PROTOBUF, JSON = "application/x-protobuf", "application/json; charset=utf-8"


@given(st.lists(strategies.spans(), max_size=4))
@settings(deadline=None)
def test_spans_survive_protobuf(spans: list[FlatSpan]) -> None:
    """Decoding what was encoded gives the same spans in the same order."""
    assert decode_traces(encode_traces(spans), PROTOBUF) == spans


@given(st.lists(strategies.spans(), max_size=4))
@settings(deadline=None)
def test_spans_survive_json(spans: list[FlatSpan]) -> None:
    """The JSON encoding loses nothing either: no precision of an integer, no byte, no infinity."""
    assert decode_traces(json.dumps(encode_traces_json(spans)).encode(), JSON) == spans


@given(st.lists(strategies.spans(), max_size=6), st.integers(1, 4))
@settings(deadline=None)
def test_a_divided_request_says_the_same(spans: list[FlatSpan], parts: int) -> None:
    """Each part is a request of its own, and no part has many more spans than another; unknown fields stay."""
    body = encode_traces(spans) + bytes([0x98, 0x06, 0x07, 0xA1, 0x06, *range(8), 0xA5, 0x06, *range(4)])

    found = [decode_traces(part, PROTOBUF) for part in divided_traces(body, parts)]

    assert sorted(map(alone, spans)) == sorted(alone(span) for part in found for span in part)
    holders = len({(repr(span.resource), span.scope_name, span.scope_version) for span in spans})
    if holders == 1:
        assert max(map(len, found)) - min(map(len, found)) <= 1


def alone(span: FlatSpan) -> bytes:
    return encode_traces([span])


@given(st.lists(strategies.logs, max_size=4))
@settings(deadline=None)
def test_logs_survive_both_encodings(logs: list[FlatLog]) -> None:
    """Log records come back equal from protobuf and from JSON."""
    assert decode_logs(encode_logs(logs), PROTOBUF) == logs
    assert decode_logs(json.dumps(encode_logs_json(logs)).encode(), JSON) == logs


def test_what_the_stock_exporter_sends_is_the_span_of_the_sdk() -> None:
    """`from_sdk(span)` equals decoding the stock exporter's bytes: in process and over the wire are one."""
    exported = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop", "replicas": 2}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracer = provider.get_tracer("scope", "1.2")
    nowhere = Link(SpanContext(0, 0, is_remote=True), {"why": "kept without ids"})
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER, links=[nowhere]) as root:
        root.set_attributes({"text": "å", "n": -5, "x": 0.5, "yes": True, "list": ["a", "b"], "empty": [], "none": ""})
        root.add_event("seen", {"k": (1, 2)})
        with tracer.start_as_current_span("child", links=[Link(root.get_span_context(), {"why": "test"})]) as child:
            child.set_status(Status(StatusCode.ERROR, "broken"))
    spans = list(exported.get_finished_spans())

    wire = encode_spans(spans).SerializeToString()

    assert decode_traces(wire, PROTOBUF) == [from_sdk(span) for span in spans]


def test_what_otlp_cannot_carry_is_written_as_text() -> None:
    """A number beyond 64 bits, a lone surrogate and endless nesting do not make a span unwritable."""
    nested: object = "core"
    for _ in range(40):
        nested = (nested,)
    span = FlatSpan(
        "1" * 32, "2" * 16, "n", 1, 2, attributes={"big": 2**70, "half": "\ud800", "deep": nested, "odd": {1: object}}
    )
    for decoded in (
        decode_traces(encode_traces([span]), PROTOBUF)[0],
        decode_traces(json.dumps(encode_traces_json([span])).encode(), JSON)[0],
    ):
        assert [str(2**70), "?", {"1": str(object)}] == [decoded.attributes[key] for key in ("big", "half", "odd")]
        assert "core" in str(decoded.attributes["deep"])
