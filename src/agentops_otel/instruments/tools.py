"""The wrapper of coroutine functions that have a tool carried out: each run is one span, current while it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import wrapt
from opentelemetry import context as otel_context
from opentelemetry.trace import Span

from agentops_otel import context as sessions
from agentops_otel.conventions.exceptions import record_failure, record_tool_error
from agentops_otel.conventions.steps import tool_step
from agentops_otel.guard import quietly
from agentops_otel.instruments.driver import Tower, is_recorded_elsewhere, positional_names
from agentops_otel.instruments.spec import ToolOutcome
from agentops_otel.privacy import Policy

Outcome = Callable[[Any], ToolOutcome]


def carried_out(original: Any, outcome: Outcome, tower: Tower) -> Any:
    """`original` as a function that records each run of a tool."""
    names = positional_names(original)

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not tower.is_open or is_recorded_elsewhere(otel_context.get_current()):
            return wrapped(*args, **kwargs)
        asked = {**dict(zip(names, args, strict=False)), **kwargs}
        run: Any = _run(lambda: wrapped(*args, **kwargs), asked, outcome, tower)
        run.__name__, run.__qualname__ = wrapped.__name__, wrapped.__qualname__  # Python names it if it never runs
        return run

    call.tower = tower  # type: ignore[attr-defined]
    return wrapt.FunctionWrapper(original, call)


async def _run(
    begin: Callable[[], Coroutine[Any, Any, Any]], asked: Mapping[str, Any], outcome: Outcome, tower: Tower
) -> Any:
    span, policy = None, tower.policy
    with quietly("opening the run of a tool"):
        span = _opened(asked, tower)
    if span is None:
        return await begin()
    try:
        with sessions.attached(sessions.with_span(span)):
            value = await begin()
    except BaseException as error:
        with quietly("recording the failure of a tool"):
            if not isinstance(error, GeneratorExit):  # its owner closed the coroutine
                record_failure(span, error, capture=policy.captures, keep=policy.text)
        span.end()
        raise
    with quietly("recording what a tool gave"):
        _told(span, outcome(value), policy)
    span.end()
    return value


def _opened(asked: Mapping[str, Any], tower: Tower) -> Span:
    name, policy = str(asked.get("name")), tower.policy
    params = policy.value(asked.get("arguments") or {}) if policy.captures else None
    session = sessions.current()
    tracer = tower.tracer if session is None else session.tracer
    attributes = tool_step.attributes(name, params)
    return tracer.start_span(tool_step.span_name(name), sessions.parent_context(session), attributes=attributes)


def _told(span: Span, outcome: ToolOutcome, policy: Policy) -> None:
    if policy.captures:
        span.set_attributes(tool_step.returned(policy.value(outcome.value)))
    if outcome.failure is not None:
        record_tool_error(span, policy.text(outcome.failure) if policy.captures else None)
