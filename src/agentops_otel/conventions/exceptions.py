"""How a failure is written on a span: status ERROR, `error.type`, and an exception event with its stack.

Source: OpenTelemetry semantic conventions 1.37, exceptions on spans and `error.type`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from opentelemetry.trace import Span, Status, StatusCode

from agentops_otel.values import carried, type_name

ERROR_TYPE = "error.type"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"


def record_failure(
    span: Span, error: BaseException, *, capture: bool, keep: Callable[[str], str] = lambda text: text
) -> None:
    """Mark the span as failed.

    Messages and source lines may repeat a prompt, so without `capture` neither is there: the type stands for the
    message and the stack names files, lines and functions only. With it, `keep` says what is kept of each.
    """
    kind = type_name(error)
    message = description = kind
    if capture:
        message = keep(str(carried(str(error))))
        description = f"{type(error).__name__}: {message}"
    stack = keep(str(carried("".join(traceback.format_exception(error))))) if capture else _bare(error)
    span.set_attribute(ERROR_TYPE, kind)
    said = {EXCEPTION_TYPE: kind, EXCEPTION_MESSAGE: message, EXCEPTION_STACKTRACE: stack}
    span.add_event(EXCEPTION_EVENT, said)
    span.set_status(Status(StatusCode.ERROR, description))


TOOL_ERROR = "tool_error"
"""The `error.type` of a tool that answered that it failed, in the conventions of MCP."""


def record_tool_error(span: Span, said: str | None) -> None:
    """Mark the span of a tool as failed that has told so in its answer, with its words where they may be written."""
    span.set_attribute(ERROR_TYPE, TOOL_ERROR)
    span.set_status(Status(StatusCode.ERROR, said))


def _bare(error: BaseException) -> str:
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    lines = [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
    return "\n".join(["Traceback (most recent call last):", *lines, type_name(error)])
