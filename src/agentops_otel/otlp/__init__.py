"""OTLP, protobuf and JSON, to FlatSpan and FlatLog and back. No HTTP here.

Whatever comes in is a stranger's: malformed input raises `DecodeError`, which names the place, and nothing else. Arrays
decode to tuples, as the SDK keeps them, so a span that went over the wire equals the one that did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from agentops_otel.errors import DecodeError
from agentops_otel.otlp import as_json, as_protobuf, dividing
from agentops_otel.otlp.parts import MAX_DEPTH
from agentops_otel.records import Json
from agentops_otel.spans import FlatLog, FlatSpan

__all__ = [
    "MAX_DEPTH",
    "count_data_points",
    "decode_logs",
    "decode_traces",
    "divided_traces",
    "encode_logs",
    "encode_logs_json",
    "encode_traces",
    "encode_traces_json",
    "logs_of_json",
    "logs_of_message",
    "response_message",
    "spans_of_message",
    "traces_of_json",
    "wire_of",
]

_T = TypeVar("_T")

Wire = Literal["protobuf", "json"]
_WIRES: dict[str, Wire] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}


def wire_of(content_type: str) -> Wire | None:
    """The encoding a Content-Type stands for, parameters such as `charset` ignored; None if it is neither."""
    return _WIRES.get(content_type.partition(";")[0].strip().lower())


def decode_traces(body: bytes, content_type: str, rejected: list[str] | None = None) -> list[FlatSpan]:
    """The spans of an ExportTraceServiceRequest, in its order.

    A request that cannot be read raises DecodeError. So does one bad span (a wrong id), unless `rejected` is given:
    then the other spans are returned and one sentence for each bad one is put there.
    """
    if _checked_wire(content_type) == "json":
        return traces_of_json(_guarded(lambda: as_json.parse(body)), rejected)
    return spans_of_message(as_protobuf.parse_traces(body), rejected)


def divided_traces(body: bytes, parts: int) -> list[bytes]:
    """An ExportTraceServiceRequest in protobuf as so many of about as many spans each, in their order.

    Raises DecodeError where it cannot be one; what is inside the spans is not looked at.
    """
    return dividing.divided(body, parts)


def decode_logs(body: bytes, content_type: str, rejected: list[str] | None = None) -> list[FlatLog]:
    """The log records of an ExportLogsServiceRequest, in its order; bad ones as in `decode_traces`."""
    if _checked_wire(content_type) == "json":
        return logs_of_json(_guarded(lambda: as_json.parse(body)), rejected)
    return logs_of_message(as_protobuf.parse_logs(body), rejected)


def count_data_points(body: bytes, content_type: str) -> int:
    """How many data points an ExportMetricsServiceRequest holds. Nothing else is read of metrics here."""
    if _checked_wire(content_type) == "json":
        return _guarded(lambda: as_json.data_points(as_json.parse(body)))
    return as_protobuf.data_points(body)


def response_message(signal: str) -> Any:
    """An empty Export…ServiceResponse message of "traces", "logs" or "metrics"."""
    return as_protobuf.response(signal)


def spans_of_message(request: Any, rejected: list[str] | None = None) -> list[FlatSpan]:
    """`decode_traces` for an ExportTraceServiceRequest message that has been parsed already, as gRPC hands it over."""
    return _all(as_protobuf.spans(request, rejected))


def logs_of_message(request: Any, rejected: list[str] | None = None) -> list[FlatLog]:
    """`decode_logs` for an ExportLogsServiceRequest message that has been parsed already."""
    return _all(as_protobuf.logs(request, rejected))


def traces_of_json(data: Json, rejected: list[str] | None = None) -> list[FlatSpan]:
    """`decode_traces` for JSON that has been parsed already."""
    return _all(as_json.spans(data, rejected))


def logs_of_json(data: Json, rejected: list[str] | None = None) -> list[FlatLog]:
    """`decode_logs` for JSON that has been parsed already."""
    return _all(as_json.logs(data, rejected))


def encode_traces(spans: Iterable[FlatSpan]) -> bytes:
    """An ExportTraceServiceRequest as protobuf; the order is kept. `FlatSpan.session_id` is not part of OTLP.

    Values OTLP has no type for are written as text: integers beyond 64 bits, nesting deeper than MAX_DEPTH, foreign
    objects.
    """
    return as_protobuf.traces_message(spans).SerializeToString()  # type: ignore[no-any-return]


def encode_traces_json(spans: Iterable[FlatSpan]) -> dict[str, Json]:
    """The same as JSON that any OTLP/JSON receiver takes."""
    return as_json.traces(spans)


def encode_logs(logs: Iterable[FlatLog]) -> bytes:
    """An ExportLogsServiceRequest as protobuf; the order is kept."""
    return as_protobuf.logs_message(logs).SerializeToString()  # type: ignore[no-any-return]


def encode_logs_json(logs: Iterable[FlatLog]) -> dict[str, Json]:
    """The same as JSON that any OTLP/JSON receiver takes."""
    return as_json.logs_request(logs)


def _checked_wire(content_type: str) -> Wire:
    wire = wire_of(content_type)
    if wire is None:
        raise DecodeError(f"content type is {content_type!r}; expected application/x-protobuf or application/json")
    return wire


def _all(records: Iterator[_T]) -> list[_T]:
    return _guarded(lambda: list(records))


def _guarded(decode: Callable[[], _T]) -> _T:
    try:
        return decode()
    except RecursionError:
        raise DecodeError("the body is nested too deeply") from None
