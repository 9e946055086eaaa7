"""Clients that are slow, stop half-way or are too many: they are sent away, counted, and the others are served."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentops_otel.otlp import encode_traces
from agentops_otel.server.bodies import decompressed
from agentops_otel.server.connections import allow_many_files
from agentops_otel.server.refusals import Refusal

from .running import Running
from .test_otlp_http import PROTOBUF, chat

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
REFUSED = 'agentops_rejected_requests{{reason="{}"}}'


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that waits a second for a head and a body."""
    with Running(tmp_path_factory.mktemp("hurried"), head_timeout_s=1.0, body_timeout_s=1.0) as running:
        yield running


def connect(running: Running) -> socket.socket:
    address = urlsplit(running.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def eventually(claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.05)
    return claim()


def test_a_head_that_never_ends_is_not_waited_for(hurried: Running) -> None:
    """Slow-loris: a connection without a whole request head is closed, and counted."""
    before = hurried.counter(REFUSED.format("slow_head"))
    with connect(hurried) as client:
        client.sendall(HEAD)
        assert client.recv(100) == b""

    assert hurried.counter(REFUSED.format("slow_head")) == before + 1


def test_a_body_that_never_ends_is_refused(hurried: Running) -> None:
    """408 that says why, and a counter."""
    before = hurried.counter(REFUSED.format("slow_body"))
    with connect(hurried) as client:
        client.sendall(HEAD + b"Content-Length: 100\r\n\r\nhalf")
        answer = client.recv(1000)

    assert answer.startswith(b"HTTP/1.1 408")
    assert hurried.counter(REFUSED.format("slow_body")) == before + 1


def test_a_client_that_leaves_half_way_is_counted(hurried: Running) -> None:
    """Its bytes are let go, too."""
    before = hurried.counter(REFUSED.format("disconnected"))
    with connect(hurried) as client:
        client.sendall(HEAD + b"Content-Length: 100\r\n\r\nhalf")

    assert eventually(lambda: hurried.counter(REFUSED.format("disconnected")) == before + 1)
    assert hurried.counter("agentops_held_bytes") == 0


def test_a_connection_that_is_used_again_may_rest_between(hurried: Running) -> None:
    """Only a head that was begun is hurried: keep-alive works as ever."""
    address = urlsplit(hurried.url)
    with contextlib.closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)) as client:
        client.connect()
        first = client.sock
        for _ in range(2):
            client.request("GET", "/health")
            assert client.getresponse().read()
            time.sleep(1.5)
        assert client.sock is first


def test_a_thousand_connections_keep_nobody_out(tmp_path: Path) -> None:
    """A thousand clients that hold half a request each: one more is served at once, and all are let go in the end."""
    allow_many_files()
    with Running(tmp_path, head_timeout_s=20.0) as running, contextlib.ExitStack() as held:
        for _ in range(1000):
            held.enter_context(connect(running)).sendall(HEAD)
        session_id = str(uuid.uuid4())

        answer = running.ask("POST", "/v1/traces", encode_traces([chat(session_id)]), Content_Type=PROTOBUF)

        assert answer.status == 200
        assert running.get(f"/v2/sessions/{session_id}")["statistics"]["llms"] == 1
        assert eventually(lambda: running.counter("agentops_open_connections") > 1000)
        held.close()
        assert eventually(lambda: running.counter("agentops_open_connections") == 1)


# --- TLS and zstd ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key, made by OpenSSL."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_both_ports_speak_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """HTTPS and gRPC over TLS, believed by who trusts the certificate and by nobody else."""
    cert, key = certificate
    body = encode_traces([chat(str(uuid.uuid4()))])
    with Running(tmp_path, tls_cert=str(cert), tls_key=str(key)) as running:
        trusting = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{running.url}/health", context=trusting) as answer:
            status = answer.status
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{running.url}/health", context=ssl.create_default_context())
        credentials = grpc.ssl_channel_credentials(cert.read_bytes())
        with grpc.secure_channel(f"localhost:{running.grpc_port}", credentials) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            taken = ExportTraceServiceResponse.FromString(export(body, timeout=20))

    assert (running.url[:8], status, taken) == ("https://", 200, ExportTraceServiceResponse())


zstd = pytest.importorskip("backports.zstd")


def test_zstd_bodies_are_read(hurried: Running) -> None:
    """As collectors send them: the spans are there; a bomb, half a body and plain bytes are refused."""
    session_id = str(uuid.uuid4())
    body = zstd.compress(encode_traces([chat(session_id)]))
    half = len(body) // 2

    answer = hurried.ask("POST", "/v1/traces", body, Content_Type=PROTOBUF, Content_Encoding="zstd")

    assert answer.status == 200
    assert hurried.get(f"/v2/sessions/{session_id}")["statistics"]["llms"] == 1
    assert decompressed(zstd.compress(b"two ") + zstd.compress(b"frames"), "zstd") == b"two frames"
    statuses = []
    for damaged in (zstd.compress(bytes(2000)), body[:half], b"plain"):
        with pytest.raises(Refusal) as refused:
            decompressed(damaged, "zstd", limit=1000)
        statuses.append(refused.value.status)
    assert statuses == [413, 400, 400]
