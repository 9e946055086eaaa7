"""The OTLP doors over gRPC: TraceService, LogsService and MetricsService, in the event loop of the HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from agentops_otel.server.auth import Gate
from agentops_otel.server.bodies import MAX_BODY
from agentops_otel.server.ingest import Ingest, partial_success, take_logs, take_metrics, take_traces
from agentops_otel.server.metrics import Counters
from agentops_otel.server.refusals import Refusal, status_message

_SERVICES: dict[str, tuple[str, Callable[..., tuple[int, str]]]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": ("otlp_grpc_traces", take_traces),
    "opentelemetry.proto.collector.logs.v1.LogsService": ("otlp_grpc_logs", take_logs),
    "opentelemetry.proto.collector.metrics.v1.MetricsService": ("otlp_grpc_metrics", take_metrics),
}


class GrpcServer:
    """An OTLP/gRPC server. Its methods run in the event loop that starts it."""

    def __init__(self, ingest: Ingest, gate: Gate, counters: Counters) -> None:
        self._ingest = ingest
        self._gate = gate
        self._counters = counters
        self._server: Any = None

    async def start(self, host: str, port: int, credentials: Any = None) -> int:
        """Listen; port 0 takes a free one. Returns the port."""
        options = [("grpc.max_receive_message_length", MAX_BODY), ("grpc.so_reuseport", 0)]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers([self._handler(name, *door) for name, door in _SERVICES.items()])
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if credentials is None:
            bound = self._server.add_insecure_port(address)
        else:
            bound = self._server.add_secure_port(address, credentials)
        await self._server.start()
        return int(bound)

    async def stop(self, grace_s: float) -> None:
        """Take no more calls and finish those that are running, for that long at most."""
        if self._server is not None:
            await self._server.stop(grace_s)

    def _handler(self, service: str, door: str, take: Callable[..., tuple[int, str]]) -> Any:
        async def export(body: bytes, context: Any) -> bytes:
            return await self._export(door, take, body, context)

        return grpc.method_handlers_generic_handler(service, {"Export": grpc.unary_unary_rpc_method_handler(export)})

    async def _export(self, door: str, take: Callable[..., tuple[int, str]], body: bytes, context: Any) -> bytes:
        try:
            caller = self._gate.by_headers(_headers(context.invocation_metadata()))
            rejected, message = await self._ingest.run(
                door, lambda: take(self._ingest, door, caller, body, "application/x-protobuf"), size=len(body)
            )
        except Refusal as refusal:
            self._counters.add("rejected_requests", refusal.reason)
            await _abort(context, refusal)
            raise
        return partial_success(door, rejected, message)


def _headers(metadata: Any) -> dict[str, str]:
    return {key: value if isinstance(value, str) else "" for key, value in metadata or ()}


async def _abort(context: Any, refusal: Refusal) -> None:
    """Refuse, with the wait in both forms that clients read: the Python exporter looks only at a trailer of its own."""
    trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", status_message(refusal))]
    if refusal.retry_after_s is not None:
        trailers.append(("google.rpc.retryinfo-bin", _retry_info(refusal.retry_after_s)))
    # RESOURCE_EXHAUSTED and UNAVAILABLE are retried by clients; the other codes are final.
    code = next(code for code in grpc.StatusCode if code.value[0] == refusal.grpc_code)
    await context.abort(code, refusal.message, tuple(trailers))


def _retry_info(seconds: int) -> bytes:
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]

    info = RetryInfo()
    info.retry_delay.seconds = seconds
    return bytes(info.SerializeToString())
