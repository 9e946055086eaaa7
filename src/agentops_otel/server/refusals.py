"""Why a request is refused, and how each of the APIs says so."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_GRPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14}
"""HTTP statuses as google.rpc codes. Source: googleapis, google/rpc/code.proto."""


@dataclass
class Refusal(Exception):
    """A request that is not served. `reason` is a word for the counters; `retry_after_s` asks the client to come back.

    OTLP clients give a batch up at once where the wait is longer than what is left of their timeout, so waits are 1 to
    5 seconds, spread so that refused clients do not come back together.
    """

    status: int
    message: str
    reason: str = "bad_request"
    retry_after_s: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    @property
    def grpc_code(self) -> int:
        """The google.rpc code that says the same."""
        return _GRPC_CODES.get(self.status, 2)


def busy(message: str, reason: str = "overloaded", status: int = 503) -> Refusal:
    """A refusal that will be over soon."""
    return Refusal(status, message, reason, random.randint(1, 5))


async def answer(request: Request, refusal: Exception) -> Response:
    """The refusal in the words of the API that was asked."""
    assert isinstance(refusal, Refusal)
    headers = dict(refusal.headers)
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    path = request.url.path
    if path.startswith("/v1/"):
        return _otlp(request, refusal, headers)
    if path.startswith(("/public/", "/v4/")):
        return JSONResponse({"detail": refusal.message}, refusal.status, headers)
    if path.startswith("/v3/"):
        return JSONResponse({"error": refusal.message}, refusal.status, headers)
    return JSONResponse({"path": path, "message": refusal.message}, refusal.status, headers)


def _otlp(request: Request, refusal: Refusal, headers: dict[str, str]) -> Response:
    """A google.rpc.Status in the encoding of the request."""
    from agentops_otel.otlp import wire_of

    if wire_of(request.headers.get("content-type", "")) != "protobuf":
        status = {"code": refusal.grpc_code, "message": refusal.message}
        return JSONResponse(status, refusal.status, headers)
    return Response(status_message(refusal), refusal.status, headers, "application/x-protobuf")


def status_message(refusal: Refusal) -> bytes:
    """A serialised google.rpc.Status; with RetryInfo where the client may come back."""
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    status = Status(code=refusal.grpc_code, message=refusal.message)
    if refusal.retry_after_s is not None:
        info = RetryInfo()
        info.retry_delay.seconds = refusal.retry_after_s
        status.details.add().Pack(info)
    return bytes(status.SerializeToString())
