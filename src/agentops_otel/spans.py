"""FlatSpan: the one span shape. SDK spans, OTLP protobuf and OTLP JSON all become it; translate reads nothing else.

FlatLog is the same for log records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentops_otel.identity import STAMP

AnyValue = Any
"""An OpenTelemetry attribute value: None, bool, int, float, str, bytes, and sequences and mappings of them."""

STATUS_UNSET, STATUS_OK, STATUS_ERROR = 0, 1, 2
"""Status codes as OTLP numbers them. (The Python API numbers them the same.)"""

KIND_INTERNAL, KIND_SERVER, KIND_CLIENT, KIND_PRODUCER, KIND_CONSUMER = 1, 2, 3, 4, 5
"""Span kinds as OTLP numbers them. (The Python API numbers them one lower.)"""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A timestamped event of a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link to another span; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlatSpan:
    """A finished span. Ids are lower-case hex (32 and 16 digits); times are nanoseconds since the epoch.

    `session_id` is what the process that made the span knew beside the attributes (the SDK evicts the oldest of more
    than 128 attributes, so the stamp may be gone); None where only the attributes can say.
    """

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    end_ns: int
    parent_span_id: str | None = None
    kind: int = KIND_INTERNAL
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)
    status_code: int = STATUS_UNSET
    status_message: str | None = None
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()
    scope_name: str = ""
    scope_version: str | None = None
    resource: Mapping[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class FlatLog:
    """A log record. Ids as in FlatSpan, None where the record belongs to no span; times in nanoseconds, 0 if unknown.

    `severity_number` is OpenTelemetry's, 1 to 24, 0 if unknown.
    """

    time_ns: int = 0
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str | None = None
    event_name: str | None = None
    body: AnyValue = None
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None
    scope_name: str = ""
    scope_version: str | None = None
    resource: Mapping[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0


class _Context(Protocol):
    trace_id: int
    span_id: int


class SdkSpan(Protocol):
    """What is read of an `opentelemetry.sdk.trace.ReadableSpan`."""

    @property
    def name(self) -> str: ...
    @property
    def context(self) -> Any: ...
    @property
    def parent(self) -> Any: ...
    @property
    def kind(self) -> Any: ...
    @property
    def start_time(self) -> int | None: ...
    @property
    def end_time(self) -> int | None: ...
    @property
    def attributes(self) -> Any: ...
    @property
    def status(self) -> Any: ...
    @property
    def events(self) -> Any: ...
    @property
    def links(self) -> Any: ...
    @property
    def instrumentation_scope(self) -> Any: ...
    @property
    def resource(self) -> Any: ...
    @property
    def dropped_attributes(self) -> int: ...


_NOTHING: Mapping[str, AnyValue] = {}


def from_sdk(span: SdkSpan) -> FlatSpan:
    """A finished SDK span as a FlatSpan. The span must have ended."""
    context, parent, scope, resource = span.context, span.parent, span.instrumentation_scope, span.resource
    status, events, links, start_ns = span.status, span.events, span.links, span.start_time or 0
    return FlatSpan(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        span.name,
        start_ns,
        span.end_time or start_ns,
        f"{parent.span_id:016x}" if parent is not None else None,
        span.kind.value + 1,
        span.attributes.copy(),  # a dict: read in a tenth of the time
        status.status_code.value,
        status.description or None,
        [SpanEvent(e.name, e.timestamp, e.attributes or _NOTHING) for e in events],
        [_link(link) for link in links],
        scope.name if scope is not None else "",
        (scope.version or None) if scope is not None else None,
        resource.attributes if resource is not None else _NOTHING,
        span.dropped_attributes,
        getattr(span, STAMP, None),
    )


def _link(link: Any) -> SpanLink:
    return SpanLink(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", link.attributes or _NOTHING)
