"""AgentOps' v2 wire: the session and event objects of its REST API, to facts and back. Pure.

The clients out there send more than they should (locks, exporters and whole configurations as `""`) and less than the
server's tables require (errors without time or trigger), so: unknown keys are kept in `extra` or ignored, and what is
missing stays unknown. What cannot be understood raises DecodeError naming the key.
Source: recordings of agentops 0.3.17 and 0.3.26; AgentOps server, main of March 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from agentops_otel.conventions.messages import messages
from agentops_otel.errors import DecodeError
from agentops_otel.exports import chatml
from agentops_otel.facts import (
    End,
    EndRank,
    EventFact,
    HostEnv,
    ProcessFacts,
    ProcessKey,
    SessionFacts,
    Stamp,
)
from agentops_otel.records import (
    Action,
    ApiCall,
    EndState,
    Event,
    Failure,
    Json,
    LLMCall,
    Price,
    Session,
    ToolCall,
    Usage,
    event_from_json,
    iso8601,
    nanoseconds,
    to_json,
)
from agentops_otel.values import carried, dumps

END_STATE_NAMES: Mapping[str, EndState] = {
    "Success": "Success",
    "Failure": "Failure",
    "Fail": "Failure",
    "Indeterminate": "Indeterminate",
}
"""What may be sent as `end_state`. AgentOps' column says Fail where we say Failure."""

Object = Mapping[str, Json]


def session_id_of(session: Object) -> str:
    """The `session_id` (or, as its documentation has it, `id`) of a session object."""
    found = session.get("session_id") or session.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= 256:
        raise DecodeError("session.session_id is missing; send the id of the session, 1 to 256 characters")
    return found


def facts_of_start(session: Object, session_id: str, now_ns: int) -> SessionFacts:
    """What `create_session` says. Joining says the same again: the earliest start stays, tags are added."""
    start_ns = _time(session, "init_timestamp") or now_ns
    stamp = Stamp(start_ns, _ORIGIN)
    tags = tags_of(session)
    return SessionFacts(
        session_id=session_id,
        start_ns=start_ns,
        activity_ns=start_ns,
        end=_end(session, session_id),
        tags_added=frozenset([(stamp, tags)] if tags else ()),
        video=_video(session, stamp),
        processes=_process(session, start_ns),
    )


def facts_of_update(session: Object, session_id: str, now_ns: int, known: Session | None) -> SessionFacts:
    """What `update_session` says. `known` is the session as it was before, by which a change of tags is understood."""
    start_ns = _time(session, "init_timestamp")
    stamp = Stamp(now_ns, _ORIGIN)
    end = _end(session, session_id, now_ns)
    tags_set, tags_added = _changed_tags(tags_of(session), known, start_ns, stamp)
    return SessionFacts(
        session_id=session_id,
        start_ns=start_ns,
        activity_ns=end.at_ns if end is not None else now_ns,
        end=end,
        tags_set=tags_set,
        tags_added=tags_added,
        video=_video(session, stamp),
        processes=_process(session, start_ns) if start_ns is not None else {},
    )


def _changed_tags(
    tags: tuple[str, ...], known: Session | None, start_ns: int | None, stamp: Stamp
) -> tuple[tuple[Stamp, tuple[str, ...]] | None, frozenset[tuple[Stamp, tuple[str, ...]]]]:
    """Clients send all their tags with every update. A client that joined does not know the tags of the others, so
    it can only add; the only client of a session can also remove. One that started later than the session joined."""
    before = known.tags if known is not None else ()
    new = tuple(tag for tag in tags if tag not in before)
    joined = known is not None and (len(known.processes) > 1 or start_ns not in (None, known.init_timestamp))
    if not joined and tags and not set(before) <= set(tags):
        return (stamp, tags), frozenset()
    return None, frozenset([(stamp, new)] if new else ())


def tags_of(session: Object) -> tuple[str, ...]:
    """The tags of a session object; a bare text is one tag."""
    tags = session.get("tags")
    if isinstance(tags, str):
        return (tags,) if tags else ()
    if not isinstance(tags, list):
        return ()
    return tuple(dict.fromkeys(tag if isinstance(tag, str) else dumps(tag) for tag in tags))


def _end(session: Object, session_id: str, now_ns: int | None = None) -> End | None:
    """The end, unless this is the update by which `get_analytics` asks for the cost.

    That one carries an end time too, but says Indeterminate and that the session is running. (0.3.17 says that it is
    running even when it ends it, so a definite state always counts.)
    """
    said = session.get("end_state")
    if said in (None, ""):
        return None
    if not isinstance(said, str) or said not in END_STATE_NAMES:
        raise DecodeError(f"session.end_state is {said!r}, expected one of {', '.join(END_STATE_NAMES)}")
    state = END_STATE_NAMES[said]
    at_ns = _time(session, "end_timestamp")
    if state == "Indeterminate" and (at_ns is None or session.get("is_running") is True):
        return None
    at_ns = at_ns or now_ns
    reason = session.get("end_state_reason")
    return None if at_ns is None else End(EndRank.EXPLICIT, at_ns, _ORIGIN, state, _text_of(reason) or "")


def _video(session: Object, stamp: Stamp) -> tuple[Stamp, str] | None:
    video = session.get("video")
    return (stamp, video) if isinstance(video, str) and video else None


def _process(session: Object, start_ns: int) -> dict[ProcessKey, ProcessFacts]:
    """The client: known by its host and its own start of the session, for it does not tell its process id."""
    env = session.get("host_env")
    if not isinstance(env, dict) or not env:
        return {}
    system = env.get("OS")
    host = system.get("Hostname") if isinstance(system, dict) else None
    stamp = Stamp(start_ns, _ORIGIN)
    key = ProcessKey(host if isinstance(host, str) else "", 0, start_ns)
    return {key: ProcessFacts(seen_ns=start_ns, host_env=HostEnv(stamp, dumps(env)))}


# --- events ----------------------------------------------------------------------------------------------------------


def fact_of_event(event: Json, session_id: str, revision: int) -> EventFact:
    """The fact of one event object. Any type that is not known is an action of that type.

    An event without an id gets one derived from its content, so that sending it twice makes no second one.
    """
    if not isinstance(event, dict):
        raise DecodeError(f"an event is {type(event).__name__}, expected an object")
    event_type = event.get("event_type")
    read = _READERS.get(event_type, _action) if isinstance(event_type, str) else _action
    return EventFact(_with_ours(read(event, _common(event, session_id)), event), revision)


def _with_ours(read: Event, event: dict[str, Json]) -> Event:
    """The event with what `event_object` writes beyond AgentOps' columns; a stranger's key of that name is ignored."""
    ours = {name: event[name] for name in _OURS if event.get(name) is not None}
    if not ours:
        return read
    try:
        return replace(event_from_json(to_json(read) | ours), extra=read.extra)
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        return read


_OURS = frozenset(
    {
        *("parent_id", "trace_id", "span_id", "agent_name", "truncated", "operation", "provider", "request_model"),
        *("response_id", "usage", "price", "time_to_first_token_ms", "finish_reasons", "estimated"),
    }
)
"""Fields of our records that AgentOps' tables have no column for; its server ignores them."""


def changed(known: Event, change: dict[str, Json]) -> Event:
    """An event with what `update_events` says of it; keys that are absent or null change nothing."""
    said = {key: value for key, value in change.items() if value is not None}
    if said.get("event_type", known.event_type) != known.event_type:
        raise DecodeError(f"event {known.event_id!r} is one of {known.event_type}, not {said['event_type']!r:.80}")
    new = fact_of_event(event_object(known) | said, known.session_id, 0).event
    names = {_FIELD_OF.get(key, key) for key in said if key in _READ} & {f.name for f in fields(known)}
    if "cost" in names and isinstance(known, LLMCall):
        names.add("price")
    extra = {**known.extra, **{key: value for key, value in new.extra.items() if key in said}}
    return replace(known, **{name: getattr(new, name) for name in names}, extra=extra)


_FIELD_OF = {"prompt_tokens": "usage", "completion_tokens": "usage", "tool_name": "name", "timestamp": "init_timestamp"}


def fact_of_agent(agent: Object, session_id: str, now_ns: int) -> SessionFacts:
    """What `create_agent` says; sent again it renames."""
    agent_id = agent.get("id")
    if not isinstance(agent_id, str) or not agent_id:
        raise DecodeError("id is missing; send the id of the agent")
    name = _text_of(agent.get("name")) or ""
    return SessionFacts(session_id, activity_ns=now_ns, agents={agent_id: (Stamp(now_ns, _ORIGIN), name)})


def activity(session_id: str, now_ns: int) -> SessionFacts:
    """That something happened in a session."""
    return SessionFacts(session_id, activity_ns=now_ns)


def _common(event: dict[str, Json], session_id: str) -> dict[str, Any]:
    event_id = event.get("id")
    start_ns = _time(event, "init_timestamp") or _time(event, "timestamp") or _time(event, "end_timestamp")
    if start_ns is None:
        raise DecodeError("event.init_timestamp is missing; send the start of the event in ISO 8601")
    return {
        "event_id": event_id if isinstance(event_id, str) and event_id else _content_id(event, session_id),
        "session_id": session_id,
        "init_timestamp": start_ns,
        "end_timestamp": _time(event, "end_timestamp"),
        "agent_id": _text_of(event.get("agent_id")),
        "params": _value(event.get("params")),
        "returns": _value(event.get("returns")),
        "extra": {key: carried(value) for key, value in event.items() if key not in _READ and value not in (None, "")},
    }


def _content_id(event: dict[str, Json], session_id: str) -> str:
    return str(uuid5(NAMESPACE_OID, session_id + json.dumps(event, sort_keys=True, default=repr)))


def _llm_call(event: dict[str, Json], common: dict[str, Any]) -> Event:
    cost, model = _cost(event.get("cost")), _text_of(event.get("model"))
    return LLMCall(
        **common,
        name=_text_of(event.get("name")) or model or "llm",
        model=model,
        request_model=model,
        prompt=_said(event.get("prompt"), "user"),
        completion=_said(event.get("completion"), "assistant"),
        usage=Usage(input=_count(event, "prompt_tokens"), output=_count(event, "completion_tokens")),
        cost=cost,
        price=Price("reported") if cost is not None else None,
    )


def _tool_call(event: dict[str, Json], common: dict[str, Any]) -> Event:
    name = _text_of(event.get("name")) or _text_of(event.get("tool_name"))
    return ToolCall(**common, name=name or "tool", logs=_value(event.get("logs")), cost=_cost(event.get("cost")))


def _action(event: dict[str, Json], common: dict[str, Any]) -> Event:
    event_type = _text_of(event.get("event_type"))
    custom = event_type if event_type not in (None, "actions") else None
    action_type = _text_of(event.get("action_type")) or custom
    return Action(
        **common,
        name=_text_of(event.get("name")) or action_type or "action",
        action_type=action_type,
        logs=_value(event.get("logs")),
        screenshot=_text_of(event.get("screenshot")),
    )


def _api_call(event: dict[str, Json], common: dict[str, Any]) -> Event:
    method, target = _text_of(event.get("method")), _text_of(event.get("target"))
    name = _text_of(event.get("name")) or method or "api"
    return ApiCall(**common, name=name, method=method, target=target, status=_text_of(event.get("status")))


def _failure(event: dict[str, Json], common: dict[str, Any]) -> Event:
    trigger_type, error_type = event.get("trigger_event_type"), _text_of(event.get("error_type"))
    return Failure(
        **common,
        name=error_type or "error",
        error_type=error_type,
        code=_text_of(event.get("code")),
        details=_value(event.get("details")),
        logs=_text_of(event.get("logs")),
        trigger_event_id=_text_of(event.get("trigger_event_id")),
        trigger_event_type=trigger_type if trigger_type in _READERS else None,
    )


_READERS: Mapping[str, Callable[[dict[str, Json], dict[str, Any]], Event]] = {
    "llms": _llm_call,
    "tools": _tool_call,
    "actions": _action,
    "apis": _api_call,
    "errors": _failure,
}
_READ = frozenset(
    _OURS
    | {
        *("id", "event_type", "session_id", "init_timestamp", "end_timestamp", "timestamp", "agent_id", "params"),
        *("returns", "name", "tool_name", "logs", "model", "prompt", "completion", "prompt_tokens", "cost"),
        *("completion_tokens", "action_type", "screenshot", "method", "target", "status", "error_type", "code"),
        *("details", "trigger_event_id", "trigger_event_type", "trigger_event", "exception"),
    }
)


def _said(value: Json, role: str) -> Json:
    """Messages in our shape where the value is any, else the value itself."""
    if isinstance(value, dict) and "role" not in value and "content" not in value:
        return carried(value)
    if isinstance(value, (dict, list)):
        return messages(carried(value), role)
    return _value(value)


def _value(value: Json) -> Json:
    """The value, with what JSON cannot carry (bare NaN, lone surrogates) marked; an empty text is nothing."""
    return None if value == "" else carried(value)


def _text_of(value: Json) -> str | None:
    if value in (None, ""):
        return None
    found = carried(value) if isinstance(value, str) else dumps(value)
    return str(found)


def _time(holder: Object, key: str) -> int | None:
    said = holder.get(key)
    if said in (None, ""):
        return None
    try:
        return nanoseconds(said)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise DecodeError(f"{key} is {said!r:.80}, expected a moment in ISO 8601") from None


def _count(event: Object, key: str) -> int | None:
    said = event.get(key)
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        count = int(said)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count < 2**63 else None


def _cost(said: Json) -> Decimal | None:
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        cost = Decimal(str(said))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and 0 <= cost < 10**12 else None


_ORIGIN = "v2"


# --- back ------------------------------------------------------------------------------------------------------------


def session_object(session: Session) -> dict[str, Json]:
    """A session as AgentOps' API takes it: `Fail` for Failure, and an end only where there is one."""
    return {
        "session_id": session.session_id,
        "init_timestamp": iso8601(session.init_timestamp or 0),
        "end_timestamp": None if session.end_timestamp is None else iso8601(session.end_timestamp),
        "end_state": "Fail" if session.end_state == "Failure" else session.end_state,
        "end_state_reason": session.end_state_reason,
        "is_running": session.is_running,
        "tags": list(session.tags),
        "video": session.video,
        "host_env": session.host_env,
    }


def event_object(event: Event) -> dict[str, Json]:
    """An event as AgentOps' API takes it. What its tables have no column for is sent as further keys."""
    end_ns = event.end_timestamp if event.end_timestamp is not None else event.init_timestamp
    out: dict[str, Json] = {
        "id": event.event_id,
        "event_type": event.event_type,
        "session_id": event.session_id,
        "agent_id": event.agent_id,
        "init_timestamp": iso8601(event.init_timestamp),
        "end_timestamp": iso8601(end_ns),
        "params": event.params,
        "returns": event.returns,
        "name": event.name,
    }
    own = {f.name: getattr(event, f.name) for f in fields(event) if f.name in _SENT}
    ours = {name: value for name, value in to_json(event).items() if name in _OURS and value not in (None, False, [])}
    return event_extra(event) | ours | out | own | _WRITERS.get(event.event_type, _nothing_more)(event)


def event_extra(event: Event) -> dict[str, Json]:
    """What an event carries in `extra`, under keys that mean nothing else."""
    return {key: value for key, value in event.extra.items() if key not in _READ}


def _nothing_more(event: Any) -> dict[str, Json]:
    return {}


def _llm_object(event: Any) -> dict[str, Json]:
    return {
        "prompt": _flat(event.prompt),
        "completion": _flat(event.completion, single=True),
        "prompt_tokens": event.usage.prompt_tokens,
        "completion_tokens": event.usage.completion_tokens,
        "cost": None if event.cost is None else float(event.cost),
    }


def _tool_object(event: Any) -> dict[str, Json]:
    return {"cost": None if event.cost is None else float(event.cost)}


def _error_object(event: Any) -> dict[str, Json]:
    return {"timestamp": iso8601(event.init_timestamp)}


_WRITERS: Mapping[str, Callable[[Any], dict[str, Json]]] = {
    "llms": _llm_object,
    "tools": _tool_object,
    "errors": _error_object,
}
_SENT = frozenset(
    {
        *("model", "logs", "action_type", "screenshot", "method", "target", "status", "error_type", "code", "details"),
        *("trigger_event_id", "trigger_event_type"),
    }
)


def _flat(value: Json, *, single: bool = False) -> Json:
    """Messages as chat APIs write them; a completion that is one message without the list around it."""
    shaped = chatml(value, single=single)
    if not isinstance(shaped, dict):
        return shaped
    return shaped["messages"] if shaped["type"] == "chatml" else shaped["string"]
