"""OTLP over gRPC, driven by the stock exporter and by hand."""

from __future__ import annotations

import gzip
import uuid
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan
from agentops_otel.translate import session_of_trace

from .running import Running
from .test_otlp_http import chat


def export(running: Running, body: bytes, **asked: Any) -> Any:
    """One call of TraceService.Export with bytes as they are."""
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}", [("grpc.max_send_message_length", -1)]) as channel:
        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        return channel.unary_unary(method)(body, timeout=30, **asked)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_stock_exporter_delivers(bridge: Running, compression: grpc.Compression) -> None:
    """Spans of the SDK arrive over gRPC and read back over HTTP."""
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{bridge.grpc_port}", insecure=True, compression=compression)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("step") as span:
        trace_id = format(span.get_span_context().trace_id, "032x")
    provider.shutdown()

    assert bridge.get(f"/v2/sessions/{session_of_trace(trace_id)}/stats")["actions"] == 1


def test_a_batch_of_many_megabytes_is_taken(bridge: Running) -> None:
    """gRPC's own limit of 4 MB would make exporters retry and then drop it."""
    session_id = str(uuid.uuid4())
    big = FlatSpan(uuid.UUID(session_id).hex, "0" * 15 + "1", "big", 1, 2, attributes={"text": "x" * 10_000_000})

    export(bridge, encode_traces([big]))

    assert bridge.get(f"/v2/sessions/{session_id}/stats")["events"] == 1


def test_keys_come_as_metadata(keyed: Running) -> None:
    """In the key header or as Bearer; without one the call is unauthenticated, and final."""
    key, session_id = keyed.keys.create_key("grpc"), str(uuid.uuid4())
    body = encode_traces([chat(session_id)])

    export(keyed, body, metadata=[("authorization", f"Bearer {key}")])
    export(keyed, body, metadata=[("x-agentops-api-key", key)])
    with pytest.raises(grpc.RpcError) as refused:
        export(keyed, body)

    assert keyed.get(f"/v2/sessions/{session_id}/stats", key=key)["events"] == 1
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_what_cannot_be_read_is_an_invalid_argument(bridge: Running) -> None:
    """Damaged bytes are final; compression does not change that."""
    for body in (b"\x0a\xff", gzip.compress(b"x")):
        with pytest.raises(grpc.RpcError) as refused:
            export(bridge, body)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_waiting_is_asked_for_in_both_forms(tmp_path: Any) -> None:
    """RetryInfo in the standard trailer, and in the one the Python exporter reads."""
    running = Running(tmp_path, rate_limit=1)
    key = running.keys.create_key("p")
    with running:
        export(running, b"", metadata=[("x-agentops-api-key", key)])
        with pytest.raises(grpc.RpcError) as refused:
            export(running, b"", metadata=[("x-agentops-api-key", key)])

    trailers = dict(refused.value.trailing_metadata())
    own = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    standard = RetryInfo()
    Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(standard)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert own == standard
    assert 1 <= own.retry_delay.seconds <= 5
