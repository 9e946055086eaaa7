"""OTLP over HTTP: what is taken, how it is acknowledged, and how it is refused."""

from __future__ import annotations

import gzip
import json
import socket
import uuid
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentops_otel.otlp import encode_traces, encode_traces_json
from agentops_otel.spans import FlatSpan

from .running import Running

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def chat(session_id: str, *, tokens: int = 7) -> FlatSpan:
    return FlatSpan(
        trace_id=uuid.UUID(session_id).hex,
        span_id="00000000000000a1",
        name="chat m",
        start_ns=1_795_352_682_000_000_000,
        end_ns=1_795_352_683_000_000_000,
        kind=3,
        attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": tokens},
    )


def new_id() -> str:
    return str(uuid.uuid4())


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:20]) + gzip.compress(body[20:])),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
)
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_span_that_was_acknowledged_can_be_read(
    bridge: Running, content_type: str, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    """Both encodings, every compression: 200 means that the session answers its statistics."""
    session_id = new_id()
    body = encode_traces([chat(session_id)])
    if content_type == JSON:
        body = json.dumps(encode_traces_json([chat(session_id)])).encode()

    answer = bridge.ask("POST", "/v1/traces", compress(body), Content_Type=content_type, Content_Encoding=encoding)

    assert (200, content_type) == (answer.status, answer.headers["content-type"])
    stats = bridge.get(f"/v2/sessions/{session_id}/stats")
    assert (stats["events"], stats["llms"], stats["prompt_tokens"]) == (1, 1, 7)


def test_sending_again_changes_nothing(bridge: Running) -> None:
    """A client that did not get the answer sends the batch once more."""
    session_id = new_id()
    body = encode_traces([chat(session_id)])
    seen = []
    for _ in range(2):
        assert bridge.ask("POST", "/v1/traces", body, Content_Type=PROTOBUF).status == 200
        seen.append(bridge.get(f"/v2/sessions/{session_id}/export"))

    assert seen[0] == seen[1]


def test_a_body_in_chunks_needs_no_length(bridge: Running) -> None:
    """Transfer-Encoding: chunked, as some exporters stream it."""
    session_id = new_id()
    body = encode_traces([chat(session_id)])

    answer = bridge.ask("POST", "/v1/traces", iter([body[:10], body[10:]]), Content_Type=PROTOBUF)

    assert answer.status == 200
    assert bridge.get(f"/v2/sessions/{session_id}/stats")["events"] == 1


def test_good_spans_of_a_bad_batch_are_kept_and_the_rest_is_named(bridge: Running) -> None:
    """Partial success, in the encoding of the request."""
    session_id = new_id()
    bad = FlatSpan("0" * 32, "1" * 16, "bad", 1, 2)

    answer = bridge.ask("POST", "/v1/traces", encode_traces([bad, chat(session_id)]), Content_Type=PROTOBUF)
    as_json = bridge.ask("POST", "/v1/traces", encode_traces_json([bad]))

    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 1)
    assert "trace_id is all zeros" in partial.error_message
    assert as_json.json["partialSuccess"]["rejectedSpans"] == "1"
    assert bridge.get(f"/v2/sessions/{session_id}/stats")["events"] == 1


BOMB = gzip.compress(bytes(70_000_000), mtime=0)
HALF = gzip.compress(b"x" * 99, mtime=0)[:-9]


@pytest.mark.parametrize(
    ("status", "says", "body", "headers"),
    [
        (400, "not a protobuf", b"\x0a\xff", {"Content_Type": PROTOBUF}),
        (400, "not JSON", b"{", {"Content_Type": JSON}),
        (400, "not UTF-8", b'{"\xff', {"Content_Type": JSON}),
        (400, "too deeply", b"[" * 100_000, {"Content_Type": JSON}),
        (400, "is not gzip", b"plain", {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
        (400, "truncated", HALF, {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
        (413, "longer than", BOMB, {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
        (415, "Content-Type 'text/plain'", b"x", {"Content_Type": "text/plain"}),
        (415, "Content-Encoding 'br'", b"x", {"Content_Type": PROTOBUF, "Content_Encoding": "br"}),
    ],
)
def test_a_bad_request_is_told_why(
    bridge: Running, status: int, says: str, body: bytes, headers: dict[str, str]
) -> None:
    """A google.rpc.Status in the encoding of the request, and a counter that shows it."""
    answer = bridge.ask("POST", "/v1/traces", body, **headers)

    message = Status.FromString(answer.body).message if headers["Content_Type"] == PROTOBUF else answer.json["message"]
    assert status == answer.status
    assert says in message


def test_a_body_that_is_announced_too_long_is_refused_before_it_is_sent(bridge: Running) -> None:
    """413 comes without reading a byte of it."""
    address = urlsplit(bridge.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as client:
        client.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_metrics_are_taken_and_said_not_to_be_stored(bridge: Running) -> None:
    """A warning in partial_success with nothing rejected, as OTLP has it."""
    point = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "sum": {"dataPoints": [{}, {}]}}]}]}]}

    answer = bridge.ask("POST", "/v1/metrics", point)

    assert answer.status == 200
    assert answer.json["partialSuccess"] == {
        "rejectedDataPoints": "0",
        "errorMessage": "metrics are counted and not stored",
    }
    assert bridge.counter('agentops_accepted_records{door="otlp_http_metrics"}') == 2


def test_what_happens_is_counted(bridge: Running) -> None:
    """Accepted spans and refused requests show in /metrics."""
    before = [bridge.counter(line) for line in _LINES]

    bridge.ask("POST", "/v1/traces", encode_traces([chat(new_id()), chat(new_id())]), Content_Type=PROTOBUF)
    bridge.ask("POST", "/v1/traces", b"x", Content_Type="text/plain")

    assert [bridge.counter(line) - was for line, was in zip(_LINES, before, strict=True)] == [2.0, 1.0]


_LINES = ('agentops_accepted_records{door="otlp_http_traces"}', 'agentops_rejected_requests{reason="bad_type"}')


def test_pages_from_elsewhere_are_kept_out(bridge: Running) -> None:
    """While no key is needed, a Host or Origin that is not this machine is refused."""
    statuses = [
        bridge.ask("GET", "/v2/sessions", Host="evil.example").status,
        bridge.ask("GET", "/v2/sessions", Origin="https://evil.example").status,
        bridge.ask("GET", "/v2/sessions", Host="localhost:1234", Origin="http://127.0.0.1:99").status,
    ]

    assert statuses == [403, 403, 200]
