"""How an exception stands on a span, whoever met it: a decorated function or a model call."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from agentops_otel.conventions.exceptions import record_failure


@pytest.mark.parametrize("capture", [True, False])
def test_a_failure_without_capture_names_types_files_and_lines(capture: bool) -> None:
    """The message and the source lines may repeat a prompt; with capture both are there."""
    span = TracerProvider().get_tracer("x").start_span("x")
    try:
        raise ValueError("secret")
    except ValueError as error:
        record_failure(span, error, capture=capture)
    assert isinstance(span, ReadableSpan)
    (event,) = span.events
    said = dict(event.attributes or {})
    stack = said.pop("exception.stacktrace")
    assert ('raise ValueError("secret")' in stack, __file__ in stack) == (capture, True)
    assert said == {"exception.type": "ValueError", "exception.message": "secret" if capture else "ValueError"}
    assert span.status.description == ("ValueError: secret" if capture else "ValueError")
    assert span.attributes == {"error.type": "ValueError"}
