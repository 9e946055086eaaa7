"""Encoded spans back to the SDK's, for an exporter that takes nothing else; all that its encoder reads is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from agentops_otel.otlp.as_protobuf import attributes_of, parse_traces

_IS_REMOTE = 0x200
"""The bit of `flags` that says so. Source: opentelemetry-proto 1.3, trace.proto, SpanFlags."""


class RestoredSpan(ReadableSpan):
    """A span that was on disk, with the counts of what it had to leave out."""

    def __init__(self, *, dropped_events: int, dropped_links: int, **span: Any) -> None:
        super().__init__(**span)
        self._dropped = dropped_events, dropped_links

    @property
    def dropped_events(self) -> int:
        """As the process counted them."""
        return self._dropped[0]

    @property
    def dropped_links(self) -> int:
        """As the process counted them."""
        return self._dropped[1]


def restored(body: bytes) -> list[ReadableSpan]:
    """The spans of an ExportTraceServiceRequest that an exporter of this SDK wrote. Raises DecodeError."""
    return list(_spans(parse_traces(body)))


def _spans(request: Any) -> Iterator[ReadableSpan]:
    for holder in request.resource_spans:
        resource = Resource(attributes_of(holder.resource.attributes), holder.schema_url)
        for inner in holder.scope_spans:
            name, version, attributes = inner.scope.name, inner.scope.version, attributes_of(inner.scope.attributes)
            scope = InstrumentationScope(name, version, inner.schema_url, attributes)
            for span in inner.spans:
                yield _span(span, resource, scope)


def _span(span: Any, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    context = _context(span.trace_id, span.span_id, trace_state=span.trace_state)
    is_remote = bool(span.flags & _IS_REMOTE)
    return RestoredSpan(
        name=span.name,
        context=context,
        parent=_context(span.trace_id, span.parent_span_id, is_remote) if span.parent_span_id else None,
        resource=resource,
        attributes=_bounded(span),
        events=[Event(event.name, _bounded(event), event.time_unix_nano) for event in span.events],
        links=[
            Link(_context(link.trace_id, link.span_id, bool(link.flags & _IS_REMOTE)), _bounded(link))
            for link in span.links
        ],
        kind=SpanKind(max(0, span.kind - 1)),
        status=Status(StatusCode(span.status.code), span.status.message or None),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
    )


def _context(trace_id: bytes, span_id: bytes, is_remote: bool = False, trace_state: str = "") -> SpanContext:
    state = TraceState.from_header([trace_state]) if trace_state else None
    numbers = int.from_bytes(trace_id, "big"), int.from_bytes(span_id, "big")
    return SpanContext(*numbers, is_remote=is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=state)


def _bounded(holder: Any) -> BoundedAttributes:
    found = BoundedAttributes(attributes=attributes_of(holder.attributes))
    found.dropped = holder.dropped_attributes_count
    return found
