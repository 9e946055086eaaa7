"""Sessions in the shapes that leave this package: AgentOps' `/export` and `/stats` rows, JSONL, OTLP/JSON.

AgentOps' rows hold the fields its own API answers, named and typed as there (structured params, returns, details and
tags are JSON *text*), followed by ours, so that a row can be read back without loss. Everything here is pure; whatever
takes `events` runs through them once and keeps only what the shape needs.
Source: AgentOps server, main of March 2026, tables sessions, actions, llms, tools, errors and stats.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from agentops_otel.conventions.writeback import session_spans, spans_of
from agentops_otel.otlp import encode_traces_json
from agentops_otel.records import (
    EVENT_TYPES,
    Action,
    Agent,
    Event,
    EventType,
    Failure,
    Json,
    LLMCall,
    Session,
    ToolCall,
    decimal_text,
    iso8601,
    to_json,
)
from agentops_otel.spans import FlatSpan
from agentops_otel.values import dumps

DEFAULT_AGENT = "Default Agent"
"""AgentOps' rows always name an agent; events that have none belong to the one of this name."""


def agentops_export(session: Session, events: Iterable[Event]) -> dict[str, Json]:
    """The answer of `GET /v2/sessions/{id}/export`.

    Keys: session, actions, llms, tools, errors (rows in the order of `events`); and, beyond AgentOps: apis, statistics
    (as `agentops_stats`) and agents.
    """
    rows: dict[str, list[Json]] = {event_type: [] for event_type in EVENT_TYPES}
    for event in events:
        rows[event.event_type].append(event_row(event))
    tables: dict[str, Json] = {name: rows[name] for name in _TABLES}
    return {
        "session": session_row(session),
        **tables,
        "statistics": agentops_stats(session),
        "agents": agent_rows(session),
    }


def agentops_export_chunks(session: Session, events_of: Callable[[EventType], Iterable[Event]]) -> Iterator[str]:
    """The same answer as JSON text in pieces, at constant memory. `events_of` is asked once for each kind, in turn."""
    yield f'{{"session":{_dumps(session_row(session))}'
    for table in _TABLES:
        yield f',"{table}":['
        separator = ""
        for event in events_of(table):
            yield separator + _dumps(event_row(event))
            separator = ","
        yield "]"
    yield f',"statistics":{_dumps(agentops_stats(session))},"agents":{_dumps(agent_rows(session))}}}'


def agentops_stats(session: Session) -> dict[str, Json]:
    """The answer of `GET /v2/sessions/{id}/stats`.

    `cost` is a number, or null while no call of the session has a known price; `cost_usd` is the same, exact, as text.
    Token counts are numbers; `duration` is text ("2m 3.0s"), `duration_ms` a number or null.
    """
    counts = to_json(session)["statistics"]
    statistics = session.statistics
    known = statistics.cost or not statistics.unpriced_llms
    return {
        "session_id": session.session_id,
        "cost": float(statistics.cost) if known else None,
        "cost_usd": counts.pop("cost") if known else None,
        "duration": duration_text(session.duration_ns),
        "end_state": session.end_state,
        "is_running": session.is_running,
        **{key: value for key, value in counts.items() if key != "cost"},
    }


def duration_text(duration_ns: int | None) -> str | None:
    """`0.4s`, `2m 3.0s`, `1h 0.1s`: hours and minutes only where there are any, as AgentOps writes it."""
    if duration_ns is None:
        return None
    minutes, seconds = divmod(duration_ns / 1_000_000_000, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h"] * bool(hours) + [f"{minutes}m"] * bool(minutes) + [f"{seconds:.1f}s"]
    return " ".join(parts)


def cost_text(cost: Decimal) -> str:
    """A cost as AgentOps' clients show it: `0.00`, else six decimals."""
    return f"{cost:.6f}" if cost else "0.00"


def jsonl_lines(session: Session, events: Iterable[Event]) -> Iterator[str]:
    """A session as lines of JSON without their ends: the session, then its events, each as `records.to_json`."""
    yield _dumps(to_json(session))
    for event in events:
        yield _dumps(to_json(event))


def otlp_json_chunks(
    session: Session, root: tuple[int, int], events_of: Callable[[tuple[EventType, ...]], Iterable[Event]]
) -> Iterator[str]:
    """A session as one OTLP/JSON ExportTraceServiceRequest, in pieces: spans with what is known of the session itself,
    then its events, an error inside the span in which it was met.

    `root` is the trace id and the span id of its root (`sessions.root_of`). `events_of` is asked twice: for the errors,
    which are held in memory, and for the rest, which is not.
    """
    met: dict[str | None, list[Event]] = {}
    for error in events_of(("errors",)):
        inside = isinstance(error, Failure) and error.trace_id is not None and error.span_id is None
        met.setdefault(getattr(error, "trigger_event_id", None) if inside else None, []).append(error)
    yield '{"resourceSpans":[' + _resource_spans(session_spans(session, *root))
    others = events_of(tuple(kind for kind in EVENT_TYPES if kind != "errors"))
    for chunk in _chunks(others, _SPANS_AT_ONCE):
        errors = [error for event in chunk for error in met.pop(event.event_id, ())]
        yield "," + _resource_spans(spans_of([*chunk, *errors]))
    rest = spans_of(error for errors in met.values() for error in errors)
    yield ("," + _resource_spans(rest) if rest else "") + "]}"


def otlp_json(session: Session, root: tuple[int, int], events: Iterable[Event]) -> dict[str, Json]:
    """The same at once."""
    known = list(events)
    text = "".join(otlp_json_chunks(session, root, lambda kinds: [one for one in known if one.event_type in kinds]))
    found: dict[str, Json] = json.loads(text)
    return found


_SPANS_AT_ONCE = 200


def _resource_spans(spans: list[FlatSpan]) -> str:
    return ",".join(_dumps(one) for one in encode_traces_json(spans)["resourceSpans"])


def _chunks(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    remaining = iter(events)
    while chunk := list(itertools.islice(remaining, size)):
        yield chunk


# --- rows ------------------------------------------------------------------------------------------------------------


def session_row(session: Session) -> dict[str, Json]:
    """The row of the session: AgentOps' columns, then what our record knows beyond them."""
    record = to_json(session)
    known = {
        "id": session.session_id,
        "project_id": session.project_id,
        "project_id_secondary": None,
        "init_timestamp": record["init_timestamp"],
        "end_timestamp": record["end_timestamp"],
        "tags": dumps(list(session.tags)),
        "end_state": session.end_state,
        "end_state_reason": session.end_state_reason,
        "video": session.video,
        "host_env": record["host_env"],
        "logs_url": None,
    }
    return known | {name: record[name] for name in ("last_activity_at", "is_running", "processes")}


def agent_rows(session: Session) -> list[Json]:
    """The agents of the session, the default one included."""
    default = Agent(agent_id=default_agent_id(session.session_id), name=DEFAULT_AGENT)
    return [
        {"id": agent.agent_id, "session_id": session.session_id, "name": agent.name, "logs": None}
        for agent in (*session.agents, default)
    ]


def default_agent_id(session_id: str) -> str:
    """The id of the session's default agent; always the same for the same session."""
    return str(uuid5(NAMESPACE_OID, f"{session_id}/{DEFAULT_AGENT}"))


def event_row(event: Event) -> dict[str, Json]:
    """The row of an event in the table of its kind: AgentOps' columns, then what our record knows beyond them."""
    row: dict[str, Json] = {"id": event.event_id, "session_id": event.session_id} | _COLUMNS[event.event_type](event)
    if not isinstance(event, Failure):
        row["agent_id"] = event.agent_id or default_agent_id(event.session_id)
        row["init_timestamp"] = iso8601(event.init_timestamp)
        row["end_timestamp"] = None if event.end_timestamp is None else iso8601(event.end_timestamp)
    record = to_json(event)
    return row | {name: value for name, value in record.items() if name not in row and name not in _SAID}


def _action_columns(event: Any) -> dict[str, Json]:
    return {
        "agent_id": None,
        "action_type": event.action_type or event.name,
        "logs": event.logs,
        "screenshot": event.screenshot,
        "params": _text(event.params),
        "returns": _text(event.returns),
    }


def _llm_columns(event: Any) -> dict[str, Json]:
    usage = event.usage
    return {
        "agent_id": None,
        "thread_id": event.extra.get("thread_id"),
        "prompt": chatml(event.prompt),
        "completion": chatml(event.completion, single=True),
        "model": event.model,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": None if event.cost is None else float(event.cost),
        "cost_usd": decimal_text(event.cost),
        "promptarmor_flag": None,
        "params": _text(event.params),
        "returns": _text(event.returns),
    }


def _tool_columns(event: Any) -> dict[str, Json]:
    return {
        "agent_id": None,
        "name": event.name,
        "logs": event.logs,
        "params": _text(event.params),
        "returns": _text(event.returns),
    }


def _api_columns(event: Any) -> dict[str, Json]:
    return {"agent_id": None, "params": _text(event.params), "returns": _text(event.returns)}


def _error_columns(event: Any) -> dict[str, Json]:
    return {
        "trigger_event_id": event.trigger_event_id,
        "trigger_event_type": event.trigger_event_type,
        "error_type": event.error_type,
        "code": event.code,
        "details": _text(event.details),
        "logs": _text(event.logs),
        "timestamp": iso8601(event.init_timestamp),
    }


_TABLES: tuple[EventType, ...] = ("actions", "llms", "tools", "errors", "apis")
_COLUMNS: Mapping[str, Callable[[Any], dict[str, Json]]] = {
    Action.event_type: _action_columns,
    LLMCall.event_type: _llm_columns,
    ToolCall.event_type: _tool_columns,
    Failure.event_type: _error_columns,
    "apis": _api_columns,
}
_SAID = frozenset({"event_id", "event_type"})
"""What a row says by its `id` and its table."""


def _text(value: Json) -> str | None:
    """What a TEXT column holds: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else dumps(value)


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr).encode


# --- messages --------------------------------------------------------------------------------------------------------


def chatml(value: Json, *, single: bool = False) -> Json:
    """A prompt or completion in AgentOps' form.

    Messages become `{"type": "chatml", "messages": [...]}` (`single`: the one message itself, as of a completion);
    anything else `{"type": "string", "string": ...}`; None stays None.
    """
    if value is None:
        return None
    if isinstance(value, list) and value and all(isinstance(one, dict) and "role" in one for one in value):
        messages = [_flat_message(one) for one in value]
        return {"type": "chatml", "messages": messages[0] if single and len(messages) == 1 else messages}
    return {"type": "string", "string": value if isinstance(value, str) else dumps(value)}


def _flat_message(message: Mapping[str, Json]) -> dict[str, Json]:
    """A message with parts as one with `content`, `tool_calls` and `tool_call_id`, as chat APIs write it."""
    flat = {key: value for key, value in message.items() if key != "parts"}
    content: list[Json] = []
    for part in message.get("parts") or ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call":
            flat.setdefault("tool_calls", []).append(_flat_tool_call(part))
        elif kind == "tool_call_response":
            flat["tool_call_id"] = part.get("id")
            content.append({"type": "text", "content": _text(part.get("response"))})
        else:
            content.append(part)
    return flat | {"content": _flat_content(content)}


def _flat_tool_call(part: Mapping[str, Json]) -> dict[str, Json]:
    function = {"name": part.get("name"), "arguments": _text(part.get("arguments"))}
    return {"id": part.get("id"), "type": "function", "function": function}


def _flat_content(parts: list[Json]) -> Json:
    if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return "\n".join(str(part.get("content")) for part in parts) if parts else None
    return parts
