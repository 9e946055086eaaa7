"""The events a user makes and records by hand: ActionEvent, LLMEvent, ToolEvent, ErrorEvent.

Names, positional orders and defaults are AgentOps' (SDK 0.3.26). `record_of` turns one into a record. What cannot be
used as it is (a naive time, an end before the start, a tag that is no text) is a warning that names value and remedy,
never an exception.
"""

from __future__ import annotations

import traceback
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from agentops_otel import context, records
from agentops_otel.guard import logger
from agentops_otel.records import EVENT_TYPES, Usage
from agentops_otel.values import carried, type_name


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def _current_agent() -> str | None:
    agent = context.agent()
    return agent.agent_id if agent is not None else None


@dataclass
class Event:
    """Any event. `event_type` is llms, tools, actions, apis, errors, or a word of your own, which makes an action.

    `init_timestamp` and `end_timestamp` are ISO 8601 texts or datetimes; the end is filled in by `record`. `agent_id`
    is the current agent. Recording the same object again replaces what was recorded before.
    """

    event_type: str
    params: Any = None
    returns: Any = None
    init_timestamp: Any = field(default_factory=_now)
    end_timestamp: Any = None
    agent_id: str | None = field(default_factory=_current_agent)
    id: Any = field(default_factory=uuid.uuid4)
    session_id: Any = None


@dataclass
class ActionEvent(Event):
    """A step of the workflow. `screenshot` is a URL or a base64 PNG."""

    event_type: str = "actions"
    action_type: str | None = None
    logs: Any = None
    screenshot: str | None = None


@dataclass
class LLMEvent(Event):
    """A model call. `prompt` is a text or a list of {role, content}; `cost` in US dollars wins over price tables."""

    event_type: str = "llms"
    thread_id: Any = None
    prompt: Any = None
    prompt_tokens: int | None = None
    completion: Any = None
    completion_tokens: int | None = None
    cost: Any = None
    model: str | None = None


@dataclass
class ToolEvent(Event):
    """A tool that ran: arguments in `params`, the result in `returns`."""

    event_type: str = "tools"
    name: str | None = None
    logs: Any = None


@dataclass
class ErrorEvent(Event):
    """A failure. `exception` fills in type, details and stack; `trigger_event` is the event in which it happened."""

    event_type: str = "errors"
    trigger_event: Event | None = None
    exception: BaseException | None = None
    error_type: str | None = None
    code: str | None = None
    details: Any = None
    logs: Any = None

    def __post_init__(self) -> None:
        self.end_timestamp = self.end_timestamp or self.init_timestamp
        error = self.exception
        if error is None:
            return
        self.error_type = self.error_type or type_name(error)
        self.details = str(error) if self.details is None else self.details
        self.logs = "".join(traceback.format_exception(error)) if self.logs is None else self.logs
        self.exception = None

    @property
    def timestamp(self) -> Any:
        """When it happened."""
        return self.init_timestamp


def record_of(event: Event, session_id: str, now_ns: int) -> records.Event:
    """The event as a record, with every value in a form that can be stored."""
    start_ns, end_ns = _times(event, now_ns // 1000 * 1000)
    agent_id = str(event.agent_id) if event.agent_id is not None else None
    agent = context.agent()
    base: dict[str, Any] = {
        "event_id": str(event.id),
        "session_id": session_id,
        "init_timestamp": start_ns,
        "end_timestamp": end_ns,
        "agent_id": agent_id,
        "agent_name": agent.name if agent is not None and agent.agent_id == agent_id else None,
        "params": carried(event.params),
        "returns": carried(event.returns),
    }
    if event.event_type == "llms":
        return _llm_record(event, base)
    if event.event_type == "tools":
        name = getattr(event, "name", None)
        return records.ToolCall(**base, name=str(name or "tool"), logs=carried(getattr(event, "logs", None)))
    if event.event_type == "errors":
        return _error_record(event, base)
    if event.event_type == "apis":
        return records.ApiCall(**base, name="api")
    return _action_record(event, base)


def _action_record(event: Event, base: dict[str, Any]) -> records.Action:
    custom = event.event_type if event.event_type not in EVENT_TYPES else None
    action_type = getattr(event, "action_type", None) or custom
    screenshot = getattr(event, "screenshot", None)
    return records.Action(
        **base,
        name=str(action_type or "action"),
        action_type=None if action_type is None else str(action_type),
        logs=carried(getattr(event, "logs", None)),
        screenshot=None if screenshot is None else str(screenshot),
    )


def _llm_record(event: Event, base: dict[str, Any]) -> records.LLMCall:
    model = getattr(event, "model", None)
    thread_id = getattr(event, "thread_id", None)
    return records.LLMCall(
        **base,
        name=f"chat {model}" if model else "chat",
        operation="chat",
        model=None if model is None else str(model),
        request_model=None if model is None else str(model),
        prompt=carried(getattr(event, "prompt", None)),
        completion=carried(getattr(event, "completion", None)),
        usage=Usage(
            input=_tokens(event, "prompt_tokens"),
            output=_tokens(event, "completion_tokens"),
        ),
        cost=_cost(getattr(event, "cost", None)),
        extra={} if thread_id is None else {"agentops.thread.id": str(thread_id)},
    )


def _error_record(event: Event, base: dict[str, Any]) -> records.Failure:
    error_type, code = getattr(event, "error_type", None), getattr(event, "code", None)
    trigger = getattr(event, "trigger_event", None)
    logs = getattr(event, "logs", None)
    return records.Failure(
        **base,
        name=str(error_type or "error"),
        error_type=None if error_type is None else str(error_type),
        code=None if code is None else str(code),
        details=carried(getattr(event, "details", None)),
        logs=logs if logs is None or isinstance(logs, str) else str(carried(logs)),
        trigger_event_id=str(trigger.id) if isinstance(trigger, Event) else None,
        trigger_event_type=_kind(trigger.event_type) if isinstance(trigger, Event) else None,
    )


def _kind(event_type: str) -> Any:
    return event_type if event_type in EVENT_TYPES else "actions"


def _times(event: Event, now_ns: int) -> tuple[int, int]:
    start_ns = _moment(event.init_timestamp, "init_timestamp", now_ns)
    end_ns = now_ns if event.end_timestamp is None else _moment(event.end_timestamp, "end_timestamp", now_ns)
    if end_ns < start_ns:
        if event.end_timestamp is not None:
            logger.warning(
                "the event ends (%s) before it starts (%s): recorded as ending when it starts; swap the two",
                event.end_timestamp,
                event.init_timestamp,
            )
        end_ns = start_ns
    return start_ns, end_ns


def _moment(value: Any, name: str, now_ns: int) -> int:
    text = value.isoformat() if isinstance(value, datetime) else value
    try:
        moment_ns = records.nanoseconds(text)
        naive = datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is None
    except (ValueError, TypeError, AttributeError, OverflowError):
        logger.warning("%s=%r is not an ISO 8601 text or a datetime: the current time is used", name, value)
        return now_ns
    if naive:
        logger.warning("%s=%r has no time zone and is read as UTC; use datetime.now(timezone.utc)", name, value)
    return moment_ns


def _tokens(event: Event, name: str) -> int | None:
    value = getattr(event, name, None)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    logger.warning("%s=%r is not a count of tokens: left unknown; give a whole number, 0 or more", name, value)
    return None


def _cost(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        cost = Decimal("NaN")
    if not cost.is_finite():
        logger.warning("cost=%r is not an amount of US dollars: left unknown; give a number", value)
        return None
    return cost
