"""Attributes that are made when somebody reads them are the same for everybody who reads them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import INVALID_SPAN

from agentops_otel.instruments import deferred


class Kept(SpanProcessor):
    """Keeps ended spans without looking at them."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def ended(make: Callable[[], dict[str, Any]], limits: SpanLimits | None = None) -> ReadableSpan:
    """A span with one attribute of its own and those that `make` gives, ended and not yet read."""
    kept = Kept()
    provider = TracerProvider(span_limits=limits)
    provider.add_span_processor(kept)
    span = provider.get_tracer("test").start_span("call", attributes={"own": 1})
    deferred.set_attributes(span, make)
    span.end()
    return kept.spans[0]


def test_nothing_is_made_until_somebody_reads():
    """Ending a span does not make its attributes; reading does, once."""
    made: list[int] = []
    span = ended(lambda: {"number": made.append(1) or len(made)})
    assert made == []
    assert dict(span.attributes) == dict(span.attributes) == {"own": 1, "number": 1}
    assert made == [1]


@pytest.mark.parametrize(
    "read",
    [
        lambda span: dict(span.attributes),
        lambda span: json.loads(span.to_json())["attributes"],
        lambda span: {pair.key: pair.value.int_value for pair in _encoded(span).attributes},
        lambda span: dict(span._attributes),
        lambda span: span._attributes.copy(),
        lambda span: {key: span.attributes.get(key) for key in ("own", "late")},
    ],
)
def test_every_reader_sees_them(read):
    """Console, OTLP, copies and neighbours' processors read in different ways."""
    assert read(ended(lambda: {"late": 2})) == {"own": 1, "late": 2}


def _encoded(span: ReadableSpan) -> Any:
    return encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]


def test_limits_of_the_sdk_hold():
    """Long texts are cut and surplus attributes evicted and counted, as if they had been set at once."""
    limits = SpanLimits(max_span_attributes=2, max_span_attribute_length=3)
    at_once = TracerProvider(span_limits=limits).get_tracer("test").start_span("call", attributes={"own": 1})
    at_once.set_attributes({"a": "12345", "b": 2})
    late = ended(lambda: {"a": "12345", "b": 2}, limits)
    assert late.dropped_attributes == at_once.dropped_attributes == 1
    assert dict(late.attributes) == dict(at_once.attributes) == {"a": "123", "b": 2}


def test_threads_that_read_at_once_see_the_same():
    """Two exporters may look at the same span at the same moment."""
    barrier = threading.Barrier(4)

    def make() -> dict[str, int]:
        return {"late": 2}

    def read() -> None:
        barrier.wait()
        seen.append(dict(span.attributes))

    for _ in range(50):
        span, seen = ended(make), []
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [{"own": 1, "late": 2}] * 4


def test_failure_to_make_them_leaves_the_span(monkeypatch):
    """The exporter gets the span without what could not be made."""
    monkeypatch.delenv("AGENTOPS_STRICT")
    span = ended(lambda: {"late": 1 // 0})
    assert dict(span.attributes) == {"own": 1}


def test_other_spans_get_them_at_once(monkeypatch):
    """What keeps its attributes in another way is served in the way of the API."""
    monkeypatch.setattr(deferred, "is_possible", lambda: False)
    made: list[int] = []
    span = ended(lambda: {"late": made.append(1) or 2})
    assert made == [1]
    assert dict(span.attributes) == {"own": 1, "late": 2}
    deferred.set_attributes(INVALID_SPAN, lambda: {"late": 2})


def test_this_sdk_allows_it():
    """The installed SDK keeps attributes as expected; a new one that does not turns this red, and nothing else."""
    assert deferred.is_possible()
    assert type(ended(dict)._attributes) is not BoundedAttributes


@pytest.mark.parametrize(
    "attributes",
    [
        {"text": "x", "whole": 1, "part": 0.5, "flag": True},
        {"texts": ["a", "b"], "none": (), "mixed": ["a", 1]},
        {"": "a name that is none", "x": 1},
        {"bytes": b"x", "nothing": None, "object": object, "map": {"a": [1]}},
        {f"attribute {number}": "x" for number in range(200)},
    ],
    ids=["plain", "lists", "no name", "strange", "too many"],
)
@pytest.mark.parametrize("limits", [None, SpanLimits(max_attribute_length=1), SpanLimits(max_span_attributes=2)])
def test_they_are_what_the_sdk_would_have_kept(attributes, limits):
    """Set late or at once, an attribute has the same value, and as many are dropped."""
    late = ended(lambda: attributes, limits)
    at_once = TracerProvider(span_limits=limits).get_tracer("test").start_span("call", attributes={"own": 1})
    at_once.set_attributes(attributes)
    assert (dict(late.attributes), late.dropped_attributes) == (dict(at_once.attributes), at_once.dropped_attributes)
