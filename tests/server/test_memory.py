"""The memory of a server stays flat: under a stream that does not end, and while it exports a session of any length."""

from __future__ import annotations

import http.client
import os
import random
import threading
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from agentops_otel.facts import EventFact
from agentops_otel.otlp import encode_traces
from agentops_otel.records import Action
from agentops_otel.spans import FlatSpan
from agentops_otel.store import open_store

from .running import Running
from .test_otlp_http import PROTOBUF

EVENTS = int(os.environ.get("EXPORT_EVENTS", "12000"))
"""The session that is exported; docs/performance.md has the figures of 100,000."""

BATCHES = 24
ALLOWED_MB = 32
TEXTS = [random.Random(nth).randbytes(1500).hex() for nth in range(64)]


class Resident:
    """How much memory a server has with its workers, and the most it had while this block ran."""

    def __init__(self, running: Running) -> None:
        assert running.process is not None
        self._process = psutil.Process(running.process.pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = self.mb()

    def mb(self) -> float:
        processes = [self._process, *self._process.children()]
        return sum(process.memory_info().rss for process in processes) / 2**20

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, self.mb())

    def __enter__(self) -> Resident:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def batch(nth: int) -> bytes:
    """250 model calls of a session of their own, with 3 KB of text each."""
    trace_id = uuid.UUID(int=nth + 1).hex
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    return encode_traces(
        FlatSpan(trace_id, f"{n + 1:016x}", "chat m", n, n + 1, attributes={**said, "gen_ai.prompt": TEXTS[n % 64]})
        for n in range(250)
    )


def test_a_stream_that_does_not_end_takes_no_more_memory(tmp_path: Path) -> None:
    """After the first half of the batches, the second half needs nothing more."""
    with Running(tmp_path) as running:
        for nth in range(BATCHES // 2):
            assert running.ask("POST", "/v1/traces", batch(nth), Content_Type=PROTOBUF).status == 200
        with Resident(running) as memory:
            before = memory.mb()
            for nth in range(BATCHES // 2, BATCHES):
                assert running.ask("POST", "/v1/traces", batch(nth), Content_Type=PROTOBUF).status == 200
            after = memory.mb()

    assert after - before < ALLOWED_MB


def test_an_export_takes_no_more_memory_than_a_piece_of_it(tmp_path: Path) -> None:
    """Far more comes out than the server grows by, in each form."""
    store = open_store(tmp_path / "server.db")
    for start in range(0, EVENTS, 2000):
        facts = [
            EventFact(
                Action(
                    event_id=f"e{n}",
                    session_id="long",
                    name="step",
                    init_timestamp=n + 1,
                    end_timestamp=n + 2,
                    params={"text": TEXTS[n % 64], "number": n},
                )
            )
            for n in range(start, min(start + 2000, EVENTS))
        ]
        store.append("default", facts)
    store.close()
    with Running(tmp_path) as running:
        assert running.get("/v2/sessions/long/stats")["actions"] == EVENTS
        grown, lengths = [], []
        for form in ("export", "jsonl", "otlp"):
            with Resident(running) as memory:
                before = memory.mb()
                lengths.append(read_through(running, f"/v2/sessions/long/{form}"))
            grown.append(memory.most - before)

    print([round(mb) for mb in grown], "MB for", [length >> 20 for length in lengths], "MB")
    assert min(lengths) > EVENTS * 3000
    assert max(grown) < ALLOWED_MB


def read_through(running: Running, path: str) -> int:
    """The length of an answer that is read in pieces and not kept."""
    address = urlsplit(running.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        length = 0
        while piece := response.read(65536):
            length += len(piece)
    finally:
        connection.close()
    return length
