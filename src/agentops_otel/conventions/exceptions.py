"""How a failure is written on a span: status ERROR, `error.type`, and an exception event with its stack.

Source: OpenTelemetry semantic conventions 1.37, exceptions on spans and `error.type`.
"""

from __future__ import annotations

import traceback

from opentelemetry.trace import Span, Status, StatusCode

from agentops_otel.values import type_name

ERROR_TYPE = "error.type"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"


def record_failure(span: Span, error: BaseException, *, capture: bool) -> None:
    """Mark the span as failed. Without `capture` neither message nor stack is written: both may quote a prompt."""
    name = type_name(error)
    attributes = {EXCEPTION_TYPE: name}
    if capture:
        attributes[EXCEPTION_MESSAGE] = str(error)
        attributes[EXCEPTION_STACKTRACE] = "".join(traceback.format_exception(error))
    span.set_attribute(ERROR_TYPE, name)
    span.add_event(EXCEPTION_EVENT, attributes)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}" if capture else name))
