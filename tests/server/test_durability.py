"""What was acknowledged stays, whatever happens to the process; what is too much is refused in time."""

from __future__ import annotations

import signal
import socket
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan

from .running import Running
from .test_otlp_http import PROTOBUF, chat


def acknowledged_until_killed(running: Running, spans: Callable[[str], list[FlatSpan]], count: int) -> list[str]:
    """Send sessions over three connections, and kill -9 the server after so many; those that were answered with 200."""
    acknowledged: list[str] = []
    enough = threading.Event()

    def send() -> None:
        while len(acknowledged) < count * 10:
            session_id = str(uuid.uuid4())
            try:
                answer = running.ask("POST", "/v1/traces", encode_traces(spans(session_id)), Content_Type=PROTOBUF)
            except OSError:
                return
            if answer.status == 200:
                acknowledged.append(session_id)
            if len(acknowledged) >= count:
                enough.set()

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    assert enough.wait(60)
    running.kill()
    for sender in senders:
        sender.join(60)
    return acknowledged


def test_a_killed_server_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """kill -9 in the middle of ingest: every session that was answered with 200 is there afterwards."""
    running = Running(tmp_path)
    with running:
        acknowledged = acknowledged_until_killed(running, lambda session_id: [chat(session_id)], 40)
        running.start()
        kept = [running.ask("GET", f"/v2/sessions/{session_id}").status for session_id in acknowledged]

    assert len(acknowledged) >= 40
    assert {200} == set(kept)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_asked_to_stop_ends_well(tmp_path: Path, signum: int) -> None:
    """It ends with status 0 and without a word of complaint."""
    running = Running(tmp_path).start()
    assert running.process is not None

    running.process.send_signal(signum)

    assert running.process.stdout is not None
    running.process.stdout.close()
    assert (running.process.wait(20), running.log.read_text()) == (0, "")
    running.keys.close()


def test_two_servers_cannot_have_one_port(bridge: Running, tmp_path: Path) -> None:
    """The second one names the port and the remedy."""
    port = urlsplit(bridge.url).port

    second = Running(tmp_path, port=port)
    with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1:{port}.*--port"):
        second.start()
    second.keys.close()


def test_a_client_that_dawdles_holds_nobody_up(bridge: Running) -> None:
    """Half requests stay open while others are served."""
    address = urlsplit(bridge.url)
    where = (address.hostname or "", address.port or 0)
    half = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    clients = [socket.create_connection(where, timeout=10) for _ in range(50)]
    try:
        for client in clients:
            client.sendall(half)
        assert bridge.ask("GET", "/health").status == 200
    finally:
        for client in clients:
            client.close()
