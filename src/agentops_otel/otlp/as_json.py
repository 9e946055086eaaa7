"""OTLP as JSON.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (ids in hex, 64-bit integers as text, enums as
numbers; readers take what protobuf's JSON mapping takes, and ignore keys they do not know).
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from agentops_otel.errors import DecodeError
from agentops_otel.otlp.parts import (
    INT64,
    UINT32,
    UINT64,
    Group,
    Scope,
    T,
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
from agentops_otel.records import Json
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


def parse(body: bytes) -> Json:
    """The body as JSON; NaN and Infinity are taken, of duplicate keys the last counts."""
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise DecodeError(f"the body is not UTF-8: {error}") from None
    except ValueError as error:
        raise DecodeError(f"the body is not JSON: {error}") from None


def spans(data: Json, rejected: list[str] | None) -> Iterator[FlatSpan]:
    """The spans of an ExportTraceServiceRequest."""
    return _records(data, rejected, ("resourceSpans", "scopeSpans", "spans"), _span)


def logs(data: Json, rejected: list[str] | None) -> Iterator[FlatLog]:
    """The records of an ExportLogsServiceRequest."""
    return _records(data, rejected, ("resourceLogs", "scopeLogs", "logRecords"), _log)


def data_points(data: Json) -> int:
    """How many data points an ExportMetricsServiceRequest holds."""
    holders = _objects(_root(data, "resourceMetrics"), "resourceMetrics")
    metrics = (
        metric
        for holder in holders
        for scope in _objects(holder, "scopeMetrics")
        for metric in _objects(scope, "metrics")
    )
    kinds = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
    return sum(len(_objects(_object(metric, kind), "dataPoints")) for metric in metrics for kind in kinds)


def traces(spans: Iterable[FlatSpan]) -> dict[str, Json]:
    """An ExportTraceServiceRequest."""
    return {"resourceSpans": [_holder(group, "scopeSpans", "spans", _span_json) for group in groups(spans)]}


def logs_request(logs: Iterable[FlatLog]) -> dict[str, Json]:
    """An ExportLogsServiceRequest."""
    return {"resourceLogs": [_holder(group, "scopeLogs", "logRecords", _log_json) for group in groups(logs)]}


# --- in --------------------------------------------------------------------------------------------------------------


def _records(
    data: Json, rejected: list[str] | None, names: tuple[str, str, str], read: Callable[..., T]
) -> Iterator[T]:
    outer, middle, leaf = names
    for i, holder in enumerate(_objects(_root(data, outer), outer)):
        resource = _attributes(_object(holder, "resource"))
        for j, inner in enumerate(_objects(holder, middle)):
            scope = _object(inner, "scope")
            named = _text(scope, "name"), _text(scope, "version") or None
            where = f"{outer}[{i}].{middle}[{j}].{leaf}"
            yield from each(_objects(inner, leaf), where, rejected, functools.partial(read, resource, named))


def _root(data: Json, outer: str) -> Mapping[str, Json]:
    if not isinstance(data, dict):
        raise DecodeError(f"the body is {_shown(data)}, expected an object")
    if outer not in data and data:
        raise DecodeError(f"the body has no {outer!r}; its keys are {_shown(sorted(data))}")
    return data


def _span(resource: Mapping[str, AnyValue], scope: Scope, data: Mapping[str, Json]) -> FlatSpan:
    status = _object(data, "status")
    start_ns = _int(data, "startTimeUnixNano", UINT64)
    return FlatSpan(
        trace_id=full_id("traceId", _hex(data, "traceId"), 32),
        span_id=full_id("spanId", _hex(data, "spanId"), 16),
        name=_text(data, "name"),
        start_ns=start_ns,
        end_ns=_int(data, "endTimeUnixNano", UINT64) or start_ns,
        parent_span_id=optional_id("parentSpanId", _hex(data, "parentSpanId"), 16),
        kind=known(_enum(data, "kind", _KIND_NAMES), KIND_CONSUMER, KIND_INTERNAL),
        attributes=_attributes(data),
        status_code=known(_enum(status, "code", _STATUS_NAMES), STATUS_ERROR, STATUS_UNSET),
        status_message=_text(status, "message") or None,
        events=[_event(event) for event in _objects(data, "events")],
        links=[_link(link) for link in _objects(data, "links")],
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        dropped_attributes=_int(data, "droppedAttributesCount", UINT32),
    )


def _event(data: Mapping[str, Json]) -> SpanEvent:
    return SpanEvent(_text(data, "name"), _int(data, "timeUnixNano", UINT64), _attributes(data))


def _link(data: Mapping[str, Json]) -> SpanLink:
    trace_id, span_id = _hex(data, "traceId"), _hex(data, "spanId")
    return SpanLink(sized_id("traceId", trace_id, 32), sized_id("spanId", span_id, 16), _attributes(data))


def _log(resource: Mapping[str, AnyValue], scope: Scope, data: Mapping[str, Json]) -> FlatLog:
    return FlatLog(
        time_ns=_int(data, "timeUnixNano", UINT64),
        observed_ns=_int(data, "observedTimeUnixNano", UINT64),
        severity_number=known(_enum(data, "severityNumber", _SEVERITY_NAMES), 24, 0),
        severity_text=_text(data, "severityText") or None,
        event_name=_text(data, "eventName") or None,
        body=_value(_object(data, "body"), "body"),
        attributes=_attributes(data),
        trace_id=optional_id("traceId", _hex(data, "traceId"), 32),
        span_id=optional_id("spanId", _hex(data, "spanId"), 16),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        dropped_attributes=_int(data, "droppedAttributesCount", UINT32),
    )


_KIND_NAMES = {
    "SPAN_KIND_UNSPECIFIED": 0,
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_STATUS_NAMES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_SEVERITY_NAMES = {"SEVERITY_NUMBER_UNSPECIFIED": 0} | {
    f"SEVERITY_NUMBER_{name}{step or ''}": 4 * place + max(step, 1)
    for place, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in (0, 2, 3, 4)
}


def _object(data: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    found = data.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise DecodeError(f"{name} is {_shown(found)}, expected an object")
    return found


def _objects(data: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    found = data.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise DecodeError(f"{name} is {_shown(found)}, expected an array")
    if not all(isinstance(item, dict) for item in found):
        raise DecodeError(f"{name} has an item that is no object")
    return found


def _text(data: Mapping[str, Json], name: str) -> str:
    found = data.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DecodeError(f"{name} is {_shown(found)}, expected text")
    return utf8(found)


def _hex(data: Mapping[str, Json], name: str) -> str:
    digits = _text(data, name).lower()
    if digits.strip("0123456789abcdef"):
        raise DecodeError(f"{name} is {_shown(digits)}, expected hex digits")
    return digits


def _int(data: Mapping[str, Json], name: str, allowed: range) -> int:
    found = data.get(name)
    if found is None:
        return 0
    number = _integer(found)
    if number is None or number not in allowed:
        raise DecodeError(f"{name} is {_shown(found)}, expected an integer of {allowed.start} to {allowed.stop - 1}")
    return number


def _integer(found: Json) -> int | None:
    """64-bit integers come as text or as numbers, and some writers have no other number than a float."""
    if isinstance(found, str) and len(found) <= 20 and found.removeprefix("-").isdecimal():
        return int(found)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _enum(data: Mapping[str, Json], name: str, names: Mapping[str, int]) -> int:
    found = data.get(name)
    if isinstance(found, str) and not found.isdecimal():
        return names.get(found, 0)
    return _int(data, name, INT64)


def _attributes(data: Mapping[str, Json], name: str = "attributes", depth: int = 0) -> dict[str, AnyValue]:
    found: dict[str, AnyValue] = {}
    for pair in _objects(data, name):
        key = _text(pair, "key")
        found[key] = _value(_object(pair, "value"), f"attribute {key!r}", depth)
    return found


def _value(data: Mapping[str, Json], what: str, depth: int = 0) -> AnyValue:
    for kind, value in data.items():
        read = _VALUE_READERS.get(kind)
        if read is None or value is None:
            continue
        try:
            return read(value, depth)
        except DecodeError as error:
            raise DecodeError(f"{what}: {error}") from None
        except (ValueError, TypeError, OverflowError, AttributeError):
            raise DecodeError(f"{what}: {kind} is {_shown(value)}") from None
    return None


def _read_string(value: Json, _: int) -> str:
    if not isinstance(value, str):
        raise TypeError
    return utf8(value)


def _read_bool(value: Json, _: int) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _read_int(value: Json, _: int) -> int:
    number = _integer(value)
    if number is None or number not in INT64:
        raise ValueError
    return number


def _read_double(value: Json, _: int) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _read_bytes(value: Json, _: int) -> bytes:
    """Base64, either alphabet, padded or not, as every JSON mapping of protobuf must take it."""
    padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
    return base64.b64decode(padded, validate=True)


def _read_array(value: Json, depth: int) -> tuple[AnyValue, ...]:
    check_depth(depth)
    return tuple([_value(item, "an item", depth + 1) for item in _objects(value, "values")])


def _read_kvlist(value: Json, depth: int) -> dict[str, AnyValue]:
    check_depth(depth)
    return _attributes(value, "values", depth + 1)


_VALUE_READERS: dict[str, Callable[[Json, int], AnyValue]] = {
    "stringValue": _read_string,
    "boolValue": _read_bool,
    "intValue": _read_int,
    "doubleValue": _read_double,
    "bytesValue": _read_bytes,
    "arrayValue": _read_array,
    "kvlistValue": _read_kvlist,
}


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- out -------------------------------------------------------------------------------------------------------------


def _holder(group: Group, middle: str, leaf: str, write: Callable[[Any], dict[str, Json]]) -> dict[str, Json]:
    resource, (name, version), records = group
    scope = {"name": utf8(name)} | ({"version": utf8(version)} if version else {})
    holder = {"scope": scope, leaf: [write(record) for record in records]}
    return {"resource": {"attributes": _key_values_json(resource)}, middle: [holder]}


def _span_json(span: FlatSpan) -> dict[str, Json]:
    status = {"code": span.status_code} | ({"message": utf8(span.status_message)} if span.status_message else {})
    out: dict[str, Json] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": utf8(span.name),
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _key_values_json(span.attributes),
        "droppedAttributesCount": span.dropped_attributes or None,
        "events": [
            {"name": utf8(e.name), "timeUnixNano": str(e.time_ns), "attributes": _key_values_json(e.attributes)}
            for e in span.events
        ],
        "links": [
            {"traceId": link.trace_id, "spanId": link.span_id, "attributes": _key_values_json(link.attributes)}
            for link in span.links
        ],
        "status": status,
    }
    return _present(out)


def _log_json(log: FlatLog) -> dict[str, Json]:
    out: dict[str, Json] = {
        "timeUnixNano": str(log.time_ns),
        "observedTimeUnixNano": str(log.observed_ns),
        "severityNumber": log.severity_number,
        "severityText": utf8(log.severity_text) if log.severity_text else None,
        "eventName": utf8(log.event_name) if log.event_name else None,
        "body": None if log.body is None else _any_value_json(log.body, 0),
        "attributes": _key_values_json(log.attributes),
        "droppedAttributesCount": log.dropped_attributes or None,
        "traceId": log.trace_id,
        "spanId": log.span_id,
    }
    return _present(out)


def _present(data: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in data.items() if value is not None}


def _key_values_json(attributes: Mapping[str, AnyValue], depth: int = 0) -> list[Json]:
    return [{"key": utf8(key), "value": _any_value_json(value, depth)} for key, value in attributes.items()]


def _any_value_json(value: AnyValue, depth: int) -> dict[str, Json]:
    value = plain(value, depth)
    if value is None:
        return {}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _not_finite(value)}
    if isinstance(value, bytes):
        return {"bytesValue": binascii.b2a_base64(value, newline=False).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _key_values_json(value, depth + 1)}}
    return {"arrayValue": {"values": [_any_value_json(item, depth + 1) for item in value]}}


def _not_finite(value: float) -> str:
    """JSON has no such numbers; protobuf's mapping spells them."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
