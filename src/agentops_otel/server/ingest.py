"""From the bytes of a request to facts that are durable, off the event loop; and the OTLP doors over HTTP.

A request is acknowledged when its facts are in the store. Decoding and translating happen on a few threads, or in other
processes; writing on the threads. At most `MAX_WAITING` requests wait, and whoever comes then is asked to come back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeGuard, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from agentops_otel import otlp
from agentops_otel.conventions.coding_agents import span_of_log
from agentops_otel.conventions.genai_events import NAMES, log_name
from agentops_otel.errors import DecodeError, StoreError
from agentops_otel.facts import EventFact, Fact
from agentops_otel.guard import logger
from agentops_otel.records import LLMCall
from agentops_otel.server.auth import Caller, Gate
from agentops_otel.server.bodies import InFlight, decompressed
from agentops_otel.server.metrics import Counters
from agentops_otel.server.refusals import Refusal, busy
from agentops_otel.server.translating import Recipe, Translation
from agentops_otel.server.workers import Workers
from agentops_otel.spans import FlatLog, FlatSpan
from agentops_otel.store.sqlite.appending import Batch, prepare
from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs
from agentops_otel.store.sqlite.store import SqliteStore
from agentops_otel.translate import translate

T = TypeVar("T")

MAX_WAITING = 128

LARGE = 64 * 1024
"""A body of so many bytes is translated by the workers, and waits for other large ones only."""

BUSY_FOR_S = 1.0
"""How long after a request the next one is expected."""

COMPRESSION = 6
"""How much longer than its body a compressed request is taken to be: gzip makes that of spans with texts."""

NOT_STORED = "metrics are counted and not stored"


class Ingest:
    """The way into the store. `close` waits for what was accepted.

    Small requests have threads of their own, so that none waits behind large ones. `workers` translate the large ones;
    without any they are translated here, one at a time.
    """

    def __init__(
        self,
        store: SqliteStore,
        span_logs: SqliteSpanLogs,
        counters: Counters,
        *,
        recipe: Recipe,
        workers: int = 0,
    ) -> None:
        self._store = store
        self._span_logs = span_logs
        self._counters = counters
        self._translation = Translation(recipe)
        self.price = self._translation.price
        self.workers = Workers(recipe, workers)
        self._small = ThreadPoolExecutor(2, thread_name_prefix="agentops-small")
        self._large = ThreadPoolExecutor(1 + workers, thread_name_prefix="agentops-large")
        self._waiting = 0
        self._last_s = float("-inf")

    async def run(self, door: str, work: Callable[[], T], size: int = 0) -> T:
        """Do this on a thread, for a body of about so many bytes. Raises Refusal: 503 when too many wait or the store
        fails, 400 for bad input."""
        if self._waiting >= MAX_WAITING:
            raise busy("too many requests are waiting; try again")
        self._waiting += 1
        self._counters.set("waiting_requests", self._waiting)
        self._counters.add("received_requests", door)
        started = time.monotonic()
        try:
            threads = self._small if size < LARGE else self._large
            return await asyncio.get_running_loop().run_in_executor(threads, _translating_errors, work)
        finally:
            self._waiting -= 1
            self._last_s = time.monotonic()
            self._counters.set("waiting_requests", self._waiting)
            self._counters.set("ingest_lag_seconds", time.monotonic() - started)

    def is_busy(self) -> bool:
        """Whether a request is being worked on, or was a moment ago."""
        return self._waiting > 0 or time.monotonic() - self._last_s < BUSY_FOR_S

    def append(self, door: str, project_id: str, facts: Sequence[Fact], records: int) -> None:
        """Write facts; they are durable when this returns. Runs on one of the threads."""
        self._append(door, project_id, prepare(facts), records)

    def _append(self, door: str, project_id: str, batches: Sequence[Batch], records: int) -> None:
        done = self._store.append_encoded(project_id, batches)
        self._counters.add("stored_events", amount=done.new + done.replaced)
        self._counters.add("accepted_records", door, records)

    def spans(self, door: str, project_id: str, body: bytes, content_type: str) -> list[str]:
        """Translate and write the spans of a body, but for those that are to be left out; why others were refused."""
        said = self.workers.translated(body, content_type) if len(body) >= LARGE else None
        batches, silent, spans, rejected, *_ = said or self._translation.of(body, content_type)
        self._counters.add("received_records", door, spans + len(rejected))
        if rejected:
            self._counters.add("rejected_records", door, len(rejected))
            logger.warning("%d spans of project %s were refused, the first: %s", len(rejected), project_id, rejected[0])
        if silent:
            self._span_logs.put_spans(project_id, silent)
            batches += prepare(self._with_logs(project_id, self._span_logs.with_logs(project_id, silent)))
        self._append(door, project_id, batches, spans)
        return rejected

    def logs(self, door: str, project_id: str, logs: Sequence[FlatLog]) -> int:
        """Join the messages of model calls to their spans, whichever comes first, and make events of what coding agents
        tell; how many others there were. Those are counted and not stored.
        """
        self._counters.add("received_records", door, len(logs))
        messages = [log for log in logs if log.trace_id and log.span_id and log_name(log) in NAMES]
        told = [span for span in map(span_of_log, logs) if span is not None]
        facts = [fact for span in told for fact in translate(span, price=self.price)]
        if messages:
            self._span_logs.put_logs(project_id, messages)
            keys = dict.fromkeys((log.trace_id or "", log.span_id or "") for log in messages)
            facts += self._with_logs(project_id, self._span_logs.spans(project_id, keys))
        self.append(door, project_id, facts, len(logs))
        return len(logs) - len(messages) - len(told)

    def _with_logs(self, project_id: str, spans: Sequence[FlatSpan]) -> list[Fact]:
        """These spans with the messages that came for them. The more messages, the later the revision."""
        known = self._span_logs.logs(project_id, [(span.trace_id, span.span_id) for span in spans])
        facts: list[Fact] = []
        for span in spans:
            logs = known[span.trace_id, span.span_id]
            said = translate(span, logs=logs, price=self.price) if logs else []
            facts += [replace(one, revision=one.revision + len(logs)) for one in said if _is_call(one)]
        return facts

    def counted_only(self, door: str, records: int) -> None:
        """Records that are taken, counted and not stored."""
        self._counters.add("received_records", door, records)
        self._counters.add("accepted_records", door, records)

    def close(self) -> None:
        """Finish what was accepted, take nothing more."""
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True)
        self.workers.close()


def _is_call(fact: Fact) -> TypeGuard[EventFact]:
    return isinstance(fact, EventFact) and isinstance(fact.event, LLMCall)


def _translating_errors(work: Callable[[], T]) -> T:
    try:
        return work()
    except DecodeError as error:
        raise Refusal(400, str(error), "undecodable") from None
    except StoreError as error:
        logger.warning("the store refuses to write: %s", error)
        raise busy(f"the store cannot be written: {error}", "store") from error


# --- OTLP over HTTP --------------------------------------------------------------------------------------------------


class OtlpDoors:
    """`POST /v1/traces`, `/v1/logs` and `/v1/metrics`."""

    def __init__(self, ingest: Ingest, gate: Gate, in_flight: InFlight) -> None:
        self._ingest = ingest
        self._gate = gate
        self._in_flight = in_flight

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["OTLP"])
        for path, door in (("/v1/traces", self.traces), ("/v1/logs", self.logs), ("/v1/metrics", self.metrics)):
            router.add_api_route(path, door, methods=["POST"], response_class=Response, openapi_extra=_BODY)
        return router

    async def traces(self, request: Request) -> Response:
        """Take an ExportTraceServiceRequest, protobuf or JSON; it is durable when this answers 200."""
        return await self._take(request, "otlp_http_traces", take_traces)

    async def logs(self, request: Request) -> Response:
        """Take an ExportLogsServiceRequest."""
        return await self._take(request, "otlp_http_logs", take_logs)

    async def metrics(self, request: Request) -> Response:
        """Count an ExportMetricsServiceRequest. Metrics are not stored, and the answer says so."""
        return await self._take(request, "otlp_http_metrics", take_metrics)

    async def _take(self, request: Request, door: str, take: Callable[..., tuple[int, str]]) -> Response:
        content_type, encoding = (request.headers.get(f"content-{name}", "") for name in ("type", "encoding"))
        wire = otlp.wire_of(content_type)
        if wire is None:
            expected = "send application/x-protobuf or application/json"
            raise Refusal(415, f"Content-Type {content_type!r} is not OTLP; {expected}", "bad_type")
        caller = self._gate.by_headers(request.headers)
        async with self._in_flight.body(request) as body:
            rejected, message = await self._ingest.run(
                door,
                lambda: take(self._ingest, door, caller, decompressed(body, encoding), content_type),
                size=len(body) * (COMPRESSION if encoding else 1),
            )
        if wire == "json":
            return JSONResponse(_partial_json(door, rejected, message))
        return Response(partial_success(door, rejected, message), media_type="application/x-protobuf")


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


def take_traces(ingest: Ingest, door: str, caller: Caller, body: bytes, content_type: str) -> tuple[int, str]:
    """Decode, translate and store spans: how many were rejected, and why the first was."""
    rejected = ingest.spans(door, caller.project_id, body, content_type)
    return len(rejected), rejected[0] if rejected else ""


def take_logs(ingest: Ingest, door: str, caller: Caller, body: bytes, content_type: str) -> tuple[int, str]:
    """Decode log records and join the messages among them to their spans."""
    rejected: list[str] = []
    others = ingest.logs(door, caller.project_id, otlp.decode_logs(body, content_type, rejected))
    said = f"{others} log records are neither messages of model calls nor a coding agent's: counted, not stored"
    message = said if others else ""
    return len(rejected), rejected[0] if rejected else message


def take_metrics(ingest: Ingest, door: str, caller: Caller, body: bytes, content_type: str) -> tuple[int, str]:
    """Count the data points of a metrics request."""
    ingest.counted_only(door, otlp.count_data_points(body, content_type))
    return 0, NOT_STORED


_REJECTED_FIELDS = {"traces": "rejected_spans", "logs": "rejected_log_records", "metrics": "rejected_data_points"}


def _partial_json(door: str, rejected: int, message: str) -> dict[str, Any]:
    """An Export…ServiceResponse as JSON: empty where everything went well."""
    if not rejected and not message:
        return {}
    name = _REJECTED_FIELDS[door.rpartition("_")[2]]
    head, *tail = name.split("_")
    camel = head + "".join(part.title() for part in tail)
    return {"partialSuccess": {camel: str(rejected), "errorMessage": message}}


def partial_success(door: str, rejected: int, message: str) -> bytes:
    """The same as protobuf."""
    if not rejected and not message:
        return b""
    response = otlp.response_message(door.rpartition("_")[2])
    setattr(response.partial_success, _REJECTED_FIELDS[door.rpartition("_")[2]], rejected)
    response.partial_success.error_message = message
    return bytes(response.SerializeToString())
