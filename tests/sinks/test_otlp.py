"""OTLP through the stock exporter, behind a spool: what was refused or never answered arrives with a later process."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry import context as otel_context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from agentops_otel.otlp.as_sdk import restored
from agentops_otel.sinks.otlp import SpooledSpanExporter
from agentops_otel.sinks.spool import Spool
from server.running import Running

RECORD = """
import sys
import agentops_otel as agentops
session = agentops.init(exporter="otlp")
for n in range(int(sys.argv[1])):
    session.record(agentops.ActionEvent(str(n)))
session.end_session("Success")
print(session.session_id)
"""


def program(home: Path, url: str, events: int) -> str:
    """Run a program that sends to `url`; the session it made."""
    environ = os.environ | {
        "AGENTOPS_HOME": str(home),
        "AGENTOPS_MAX_QUEUE_SIZE": "4096",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
    }
    command = [sys.executable, "-c", RECORD, str(events)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("events", [5, 2000])
@pytest.mark.parametrize("answers", ["refuses", "never"])
def test_a_later_program_delivers_what_was_left(tmp_path: Path, answers: str, events: int) -> None:
    """Nobody listens, or somebody who never answers: the program ends, and loses no event."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        if answers == "never":
            listener.listen(64)
        port = listener.getsockname()[1]
        lost_touch = program(tmp_path, f"http://127.0.0.1:{port}", events)

    with Running(tmp_path, port=port) as bridge:
        deadline = time.monotonic() + 120
        while waiting(tmp_path / "spool.db") and time.monotonic() < deadline:
            program(tmp_path, bridge.url, 1)  # delivers what the server takes while a program waits for it
        session = bridge.get(f"/v2/sessions/{lost_touch}")

    statistics = session["statistics"]
    assert (events, "Success", 0) == (statistics["actions"], session["end_state"], statistics["dropped"])


def waiting(spool: Path) -> int:
    """How many batches are in the file."""
    with contextlib.closing(sqlite3.connect(spool)) as db:
        return int(db.execute("SELECT count(*) FROM batches").fetchone()[0])


def recorded() -> list[ReadableSpan]:
    """Spans with all that an encoder reads."""
    seen = InMemorySpanExporter()
    limits = SpanLimits(max_attributes=3, max_events=1, max_links=1)
    provider = TracerProvider(resource=Resource({"service.name": "s"}, "http://schema"), span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(seen))
    tracer = provider.get_tracer("scope", "1", "http://schema/scope", {"a": 1})
    state = TraceState([("vendor", "x"), ("other", "y=z")])
    far = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    span = tracer.start_span(
        "child",
        set_span_in_context(NonRecordingSpan(far)),
        SpanKind.CLIENT,
        {"text": "ä", "n": 1, "f": 0.5, "many": ["x", "y"], "flag": True},
        [Link(far, {"l": 1}), Link(far)],
    )
    span.add_event("one", {"e": (1, 2)}, 7)
    span.add_event("two", {"e": False}, 8)
    span.set_status(Status(StatusCode.ERROR, "why"))
    span.end()
    tracer.start_span("root", context=otel_context.Context()).end()
    provider.shutdown()
    return list(seen.get_finished_spans())


def test_spans_come_back_from_disk_as_they_were() -> None:
    """The stock encoder writes the same bytes: ids, state, flags, limits, schemas and scopes."""
    before = encode_spans(recorded())

    assert before == encode_spans(restored(before.SerializeToString()))


class Seeing(SpanExporter):
    """Remembers whether instrumentation is suppressed while it sends."""

    def __init__(self) -> None:
        self.suppressed: list[object] = []

    def export(self, spans: object) -> SpanExportResult:
        self.suppressed.append(otel_context.get_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def test_sending_spans_makes_no_spans(tmp_path: Path) -> None:
    """An instrumented HTTP client would otherwise record every export, and export that."""
    stock = Seeing()
    exporter = SpooledSpanExporter(lambda: stock, Spool(tmp_path / "spool.db", "d"))

    exporter.export(recorded())

    assert exporter.force_flush()
    exporter.shutdown()
    assert stock.suppressed == [True]
