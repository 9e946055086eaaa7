"""A session to look at: made of records, as a store would give them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from agentops_otel.records import (
    Action,
    Agent,
    ApiCall,
    Event,
    Failure,
    LLMCall,
    Session,
    Statistics,
    ToolCall,
    Usage,
    total,
)

START_NS = 1_795_356_000_000_000_000
"""2026-11-22 14:00:00 UTC."""

MS = 1_000_000

E = TypeVar("E", bound=Event)


def hexed(name: str) -> str:
    """A span id that is made of a short name."""
    return name.encode().hex().rjust(16, "0")


def step(cls: type[E], span_id: str, name: str, at_ms: float, ms: float, parent: str | None = None, **more: Any) -> E:
    """An event whose span is made of this short name; its own id is `e-` and that name."""
    return cls(
        event_id=f"e-{span_id}",
        session_id="s",
        name=name,
        init_timestamp=START_NS + int(at_ms * MS),
        end_timestamp=START_NS + int((at_ms + ms) * MS),
        trace_id="a" * 32,
        span_id=hexed(span_id),
        parent_id=None if parent is None else hexed(parent),
        **more,
    )


def call(span_id: str, at_ms: float, ms: float, parent: str | None = None, **more: Any) -> LLMCall:
    """A priced chat call, unless told otherwise."""
    known = {
        "model": "gpt-4o-mini",
        "operation": "chat",
        "usage": Usage(input=100, output=20),
        "cost": Decimal("0.002"),
    }
    return step(LLMCall, span_id, "chat", at_ms, ms, parent, **{**known, **more})


def error(of: Event, details: Any = "no such model", error_type: str = "NotFoundError") -> Failure:
    """The error of a failed event."""
    return Failure(
        event_id=f"{of.event_id}-error",
        session_id="s",
        name=error_type,
        init_timestamp=of.end_timestamp or 0,
        error_type=error_type,
        details=details,
        trigger_event_id=of.event_id,
        trigger_event_type=of.event_type,
        trace_id=of.trace_id,
        parent_id=of.span_id,
    )


FORECAST = step(Action, "a1", "forecast", 0, 1200, agent_name="Forecaster")
FAILED = step(Action, "a2", "ask", 2000, 12)
HTTP = step(ApiCall, "h1", "POST", 2001, 10, "a2")
LOST = call("m3", 2001, 8, "h1", model=None, request_model="no-such-model", usage=Usage(), cost=None)

EVENTS: list[Event] = [
    FORECAST,
    call("m1", 1, 340, "a1", agent_name="Forecaster"),
    step(ToolCall, "t1", "get_weather", 400, 0.21, "a1", agent_name="Forecaster"),
    call("m2", 500, 640, "a1", agent_name="Forecaster", cost=Decimal("0.0000004")),
    FAILED,
    HTTP,
    LOST,
    error(LOST),
    error(FAILED),
]

SESSION = Session(
    project_id="default",
    session_id="7d1c9f0e-3c4b-4d8a-9a55-0e8f7c3a2b11",
    init_timestamp=START_NS,
    end_timestamp=START_NS + 67_000 * MS,
    end_state="Failure",
    end_state_reason="the model does not exist, and this is told at such a length that it takes two lines",
    tags=("quickstart", "demo"),
    agents=(Agent(agent_id="agent-1", name="Forecaster"),),
    statistics=total(Statistics.of(event) for event in EVENTS),
)
