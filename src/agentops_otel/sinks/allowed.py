"""Spans as they may be sent: the policy over spans of any instrumentor that leave by an exporter of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status

from agentops_otel.capture import CONTENT
from agentops_otel.conventions.exceptions import EXCEPTION_TYPE
from agentops_otel.otlp.as_sdk import RestoredSpan
from agentops_otel.privacy import Policy
from agentops_otel.spans import from_sdk
from agentops_otel.translate import readings_of

_NONE: frozenset[str] = frozenset()
_OURS = "agentops_otel"


def span_as(policy: Policy, span: ReadableSpan) -> ReadableSpan:
    """A finished span as it may be sent: a copy with the same times, ids and numbers.

    Where nothing is captured a text stays only if a vocabulary knows that it is no content: a model, an id, an error
    type. What no vocabulary knows may hold anything.
    """
    kept = partial(_redacted, policy) if policy.captures else _without_texts
    description = span.status.description
    return RestoredSpan(
        name=policy.text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept(span.attributes, _harmless(span) if not policy.captures else _NONE),
        events=[
            Event(policy.text(one.name), kept(one.attributes, {EXCEPTION_TYPE}), one.timestamp) for one in span.events
        ],
        links=[Link(one.context, kept(one.attributes, _NONE)) for one in span.links],
        kind=span.kind,
        status=Status(span.status.status_code, policy.text(description) if description and policy.captures else None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
        dropped_events=span.dropped_events,
        dropped_links=span.dropped_links,
    )


def _harmless(span: ReadableSpan) -> Set[str]:
    """The attributes whose texts are known to be no content; on our own spans those that are ours, too."""
    flat = from_sdk(span)
    read = [reading.consumed for _, reading in readings_of(flat)]
    content = {name for consumed in read for name, field in consumed.items() if field in CONTENT}
    known = {name for consumed in read for name in consumed}
    if flat.scope_name == _OURS:
        known.update(name for name in flat.attributes if name.startswith("agentops."))
    return known - content


def _without_texts(attributes: Any, harmless: Set[str]) -> BoundedAttributes:
    return _bounded(attributes, lambda key, value: (key, value) if key in harmless or not _has_text(value) else None)


def _redacted(policy: Policy, attributes: Any, _: Set[str]) -> BoundedAttributes:
    return _bounded(attributes, lambda key, value: (policy.text(key), policy.value(value)))


def _bounded(attributes: Any, kept: Callable[[str, Any], tuple[str, Any] | None]) -> BoundedAttributes:
    """What is kept of attributes, and how many the SDK had dropped before."""
    pairs = [kept(key, value) for key, value in (attributes or {}).items()]
    left = BoundedAttributes(attributes=dict(pair for pair in pairs if pair is not None))
    left.dropped = getattr(attributes, "dropped", 0)
    return left


def _has_text(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return any(map(_has_text, value))
    return not isinstance(value, (bool, int, float, type(None)))
