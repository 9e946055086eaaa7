"""Spans and log records that wait for each other, in the SQLite file of the sessions."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agentops_otel.otlp import decode_logs, decode_traces, encode_logs, encode_traces
from agentops_otel.spans import FlatLog, FlatSpan
from agentops_otel.store.sqlite.connections import Connections

KEPT_NS = 3600 * 1_000_000_000
"""How long one waits for the other."""

SpanKey = tuple[str, str]
"""Trace id and span id."""


class Waiting(NamedTuple):
    """A span whose log records may still come, as an ExportTraceServiceRequest; and the session, which that lacks."""

    trace_id: str
    span_id: str
    body: bytes
    session_id: str | None

    @classmethod
    def of(cls, span: FlatSpan) -> Waiting:
        """The span, encoded."""
        return cls(span.trace_id, span.span_id, encode_traces([span]), span.session_id)


_PROTOBUF = "application/x-protobuf"


class SqliteSpanLogs:
    """What arrived of a span that may not be whole yet. Safe for many threads and processes.

    Put yours before you look for the others': then of two that arrive at once at least one sees the other.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], int] = time.time_ns) -> None:
        self._connections = Connections(Path(path).expanduser(), synchronous="NORMAL")
        self._clock = clock

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._connections.close()

    def put_logs(self, project_id: str, logs: Sequence[FlatLog]) -> None:
        """Keep log records of spans; the same one again is no second one."""
        now = self._clock()
        bodies = [(log, encode_logs([log])) for log in logs]
        rows = [(project_id, log.trace_id, log.span_id, _digest(body), now, body) for log, body in bodies]
        with self._connections.writing() as db:
            db.executemany("INSERT OR IGNORE INTO span_logs VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("DELETE FROM span_logs WHERE received_ns < ?", (now - KEPT_NS,))

    def put_spans(self, project_id: str, spans: Iterable[Waiting]) -> None:
        """Keep spans whose log records may still come."""
        now = self._clock()
        rows = [(project_id, span.trace_id, span.span_id, now, span.body) for span in spans]
        with self._connections.writing() as db:
            db.executemany("INSERT OR REPLACE INTO awaiting_spans VALUES (?, ?, ?, ?, ?)", rows)
            db.execute("DELETE FROM awaiting_spans WHERE received_ns < ?", (now - KEPT_NS,))

    def with_logs(self, project_id: str, spans: Iterable[Waiting]) -> list[FlatSpan]:
        """Those of these spans of which a log record came, decoded."""
        sql = "SELECT 1 FROM span_logs WHERE project_id = ? AND trace_id = ? AND span_id = ?"
        with self._connections.reading() as db:
            told = [span for span in spans if db.execute(sql, (project_id, span.trace_id, span.span_id)).fetchone()]
        return [replace(span, session_id=one.session_id) for one in told for span in decode_traces(one.body, _PROTOBUF)]

    def logs(self, project_id: str, keys: Iterable[SpanKey]) -> dict[SpanKey, list[FlatLog]]:
        """The log records of these spans, as far as they came."""
        sql = "SELECT body FROM span_logs WHERE project_id = ? AND trace_id = ? AND span_id = ?"
        with self._connections.reading() as db:
            found = {key: db.execute(sql, (project_id, *key)).fetchall() for key in keys}
        return {key: [log for (body,) in rows for log in decode_logs(body, _PROTOBUF)] for key, rows in found.items()}

    def spans(self, project_id: str, keys: Iterable[SpanKey]) -> list[FlatSpan]:
        """Those of these spans that wait."""
        sql = "SELECT body FROM awaiting_spans WHERE project_id = ? AND trace_id = ? AND span_id = ?"
        with self._connections.reading() as db:
            rows = [row for key in keys for row in db.execute(sql, (project_id, *key))]
        return [span for (body,) in rows for span in decode_traces(body, _PROTOBUF)]

    def forget(self, project_id: str, trace_ids: Iterable[str]) -> None:
        """Remove everything of these traces."""
        with self._connections.writing() as db:
            for trace_id in trace_ids:
                for table in ("span_logs", "awaiting_spans"):
                    db.execute(f"DELETE FROM {table} WHERE project_id = ? AND trace_id = ?", (project_id, trace_id))


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
