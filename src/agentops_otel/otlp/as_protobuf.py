"""OTLP as protobuf, by the generated messages of opentelemetry-proto (C speed); loaded only when first used."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from types import SimpleNamespace
from typing import Any

from agentops_otel.errors import DecodeError
from agentops_otel.otlp.parts import (
    Scope,
    check_depth,
    each,
    full_id,
    groups,
    known,
    optional_id,
    plain,
    sized_id,
    utf8,
)
from agentops_otel.spans import (
    KIND_CONSUMER,
    KIND_INTERNAL,
    STATUS_ERROR,
    STATUS_UNSET,
    AnyValue,
    FlatLog,
    FlatSpan,
    SpanEvent,
    SpanLink,
)


@functools.cache
def _pb() -> SimpleNamespace:
    """The generated messages; loading them costs some 20 ms, so only who needs them does."""
    from google.protobuf.message import DecodeError as ParseError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
    )
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )
    from opentelemetry.proto.common.v1.common_pb2 import (
        AnyValue,
        ArrayValue,
        InstrumentationScope,
        KeyValue,
        KeyValueList,
    )
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

    return SimpleNamespace(
        ParseError=ParseError,
        LogsRequest=ExportLogsServiceRequest,
        MetricsRequest=ExportMetricsServiceRequest,
        responses={
            "traces": ExportTraceServiceResponse,
            "logs": ExportLogsServiceResponse,
            "metrics": ExportMetricsServiceResponse,
        },
        TraceRequest=ExportTraceServiceRequest,
        AnyValue=AnyValue,
        ArrayValue=ArrayValue,
        InstrumentationScope=InstrumentationScope,
        KeyValue=KeyValue,
        KeyValueList=KeyValueList,
        LogRecord=LogRecord,
        Span=Span,
        Status=Status,
    )


def parse_traces(body: bytes) -> Any:
    """An ExportTraceServiceRequest message."""
    return _parse(_pb().TraceRequest, body)


def parse_logs(body: bytes) -> Any:
    """An ExportLogsServiceRequest message."""
    return _parse(_pb().LogsRequest, body)


def response(signal: str) -> Any:
    """An empty Export…ServiceResponse of "traces", "logs" or "metrics"."""
    return _pb().responses[signal]()


def data_points(body: bytes) -> int:
    """How many data points an ExportMetricsServiceRequest holds."""
    request = _parse(_pb().MetricsRequest, body)
    scopes = (scope for holder in request.resource_metrics for scope in holder.scope_metrics)
    return sum(_points(metric) for scope in scopes for metric in scope.metrics)


def _points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _parse(message_type: Any, body: bytes) -> Any:
    try:
        return message_type.FromString(body)
    except _pb().ParseError as error:
        raise DecodeError(f"the body is not a protobuf {message_type.DESCRIPTOR.name}: {error}") from None


def spans(request: Any, rejected: list[str] | None) -> Iterator[FlatSpan]:
    """The spans of an ExportTraceServiceRequest message."""
    for i, holder in enumerate(request.resource_spans):
        resource = attributes_of(holder.resource.attributes)
        for j, inner in enumerate(holder.scope_spans):
            scope = inner.scope.name, inner.scope.version or None
            where = f"resourceSpans[{i}].scopeSpans[{j}].spans"
            yield from each(inner.spans, where, rejected, functools.partial(_span, resource, scope))


def logs(request: Any, rejected: list[str] | None) -> Iterator[FlatLog]:
    """The records of an ExportLogsServiceRequest message."""
    for i, holder in enumerate(request.resource_logs):
        resource = attributes_of(holder.resource.attributes)
        for j, inner in enumerate(holder.scope_logs):
            scope = inner.scope.name, inner.scope.version or None
            where = f"resourceLogs[{i}].scopeLogs[{j}].logRecords"
            yield from each(inner.log_records, where, rejected, functools.partial(_log, resource, scope))


def _span(resource: Mapping[str, AnyValue], scope: Scope, span: Any) -> FlatSpan:
    start_ns, status, events, links = span.start_time_unix_nano, span.status, span.events, span.links
    return FlatSpan(
        full_id("trace_id", span.trace_id.hex(), 32),
        full_id("span_id", span.span_id.hex(), 16),
        span.name,
        start_ns,
        span.end_time_unix_nano or start_ns,
        optional_id("parent_span_id", span.parent_span_id.hex(), 16),
        known(span.kind, KIND_CONSUMER, KIND_INTERNAL),
        attributes_of(span.attributes),
        known(status.code, STATUS_ERROR, STATUS_UNSET),
        status.message or None,
        [SpanEvent(e.name, e.time_unix_nano, attributes_of(e.attributes)) for e in events] if len(events) else [],
        [_link(link) for link in links] if len(links) else [],
        scope[0],
        scope[1],
        resource,
        span.dropped_attributes_count,
    )


def _link(link: Any) -> SpanLink:
    trace_id, span_id = sized_id("trace_id", link.trace_id.hex(), 32), sized_id("span_id", link.span_id.hex(), 16)
    return SpanLink(trace_id, span_id, attributes_of(link.attributes))


def _log(resource: Mapping[str, AnyValue], scope: Scope, log: Any) -> FlatLog:
    return FlatLog(
        time_ns=log.time_unix_nano,
        observed_ns=log.observed_time_unix_nano,
        severity_number=known(log.severity_number, 24, 0),
        severity_text=log.severity_text or None,
        event_name=_event_name(log) or None,
        body=_value(log.body),
        attributes=attributes_of(log.attributes),
        trace_id=optional_id("trace_id", log.trace_id.hex(), 32),
        span_id=optional_id("span_id", log.span_id.hex(), 16),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        dropped_attributes=log.dropped_attributes_count,
    )


EVENT_NAME = 12
"""The field number of `LogRecord.event_name`, which generated messages have from opentelemetry-proto 1.32 on."""


def _event_name(log: Any) -> str:
    known: str | None = getattr(log, "event_name", None)
    if known is not None:
        return known
    from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]

    said = [one.data for one in UnknownFieldSet(log) if one.field_number == EVENT_NAME]
    return said[-1].decode("utf-8", "replace") if said else ""


def _set_event_name(record: Any, name: str) -> None:
    if hasattr(record, "event_name"):
        record.event_name = name
        return
    text = name.encode()
    length, size = bytearray(), len(text)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    record.MergeFromString(bytes([EVENT_NAME << 3 | 2, *length, size]) + text)


def attributes_of(key_values: Any, depth: int = 0) -> dict[str, AnyValue]:
    """The attributes that a list of KeyValue messages holds; arrays as tuples."""
    found = {}
    for pair in key_values:
        value = pair.value
        # Most values are text, and asking for it outright is cheaper than asking first which kind it is. Names are the
        # same in span after span: one object for each is less to keep, to hash and to compare.
        found[intern(pair.key)] = value.string_value or _value(value, depth)
    return found


def _value(value: Any, depth: int = 0) -> AnyValue:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        check_depth(depth)
        return tuple([_value(item, depth + 1) for item in value.array_value.values])
    if kind == "kvlist_value":
        check_depth(depth)
        return attributes_of(value.kvlist_value.values, depth + 1)
    return None if kind is None else getattr(value, kind)


def traces_message(spans: Iterable[FlatSpan]) -> Any:
    """An ExportTraceServiceRequest message."""
    request = _pb().TraceRequest()
    for resource, scope, group in groups(spans):
        holder = request.resource_spans.add()
        holder.resource.attributes.extend(_key_values(resource))
        holder.scope_spans.add(scope=_scope_message(scope), spans=[_span_message(span) for span in group])
    return request


def logs_message(logs: Iterable[FlatLog]) -> Any:
    """An ExportLogsServiceRequest message."""
    request = _pb().LogsRequest()
    for resource, scope, group in groups(logs):
        holder = request.resource_logs.add()
        holder.resource.attributes.extend(_key_values(resource))
        holder.scope_logs.add(scope=_scope_message(scope), log_records=[_log_message(log) for log in group])
    return request


def _scope_message(scope: Scope) -> Any:
    return _pb().InstrumentationScope(name=utf8(scope[0]), version=utf8(scope[1] or ""))


def _span_message(span: FlatSpan) -> Any:
    pb = _pb()
    return pb.Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id or ""),
        name=utf8(span.name),
        kind=span.kind,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes,
        status=pb.Status(code=span.status_code, message=utf8(span.status_message or "")),
        events=[
            pb.Span.Event(name=utf8(e.name), time_unix_nano=e.time_ns, attributes=_key_values(e.attributes))
            for e in span.events
        ],
        links=[
            pb.Span.Link(
                trace_id=bytes.fromhex(link.trace_id),
                span_id=bytes.fromhex(link.span_id),
                attributes=_key_values(link.attributes),
            )
            for link in span.links
        ],
    )


def _log_message(log: FlatLog) -> Any:
    record = _pb().LogRecord(
        time_unix_nano=log.time_ns,
        observed_time_unix_nano=log.observed_ns,
        severity_number=log.severity_number,
        severity_text=utf8(log.severity_text or ""),
        attributes=_key_values(log.attributes),
        dropped_attributes_count=log.dropped_attributes,
        trace_id=bytes.fromhex(log.trace_id or ""),
        span_id=bytes.fromhex(log.span_id or ""),
    )
    if log.body is not None:
        record.body.CopyFrom(_any_value(log.body, 0))
    if log.event_name:
        _set_event_name(record, utf8(log.event_name))
    return record


def _key_values(attributes: Mapping[str, AnyValue], depth: int = 0) -> list[Any]:
    key_value = _pb().KeyValue
    return [key_value(key=utf8(key), value=_any_value(value, depth)) for key, value in attributes.items()]


def _any_value(value: AnyValue, depth: int) -> Any:
    pb = _pb()
    value = plain(value, depth)
    if value is None:
        return pb.AnyValue()
    if isinstance(value, str):
        return pb.AnyValue(string_value=value)
    if isinstance(value, bool):
        return pb.AnyValue(bool_value=value)
    if isinstance(value, int):
        return pb.AnyValue(int_value=value)
    if isinstance(value, float):
        return pb.AnyValue(double_value=value)
    if isinstance(value, bytes):
        return pb.AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return pb.AnyValue(kvlist_value=pb.KeyValueList(values=_key_values(value, depth + 1)))
    return pb.AnyValue(array_value=pb.ArrayValue(values=[_any_value(item, depth + 1) for item in value]))
