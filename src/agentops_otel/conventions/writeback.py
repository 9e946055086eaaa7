"""Events and sessions back to the spans they came from, for OTLP export and for `AgentOps` records that enter as spans.

Everything is said twice where it has to be: in the current GenAI conventions, for other readers, and in our own words
where those cannot say it exactly. `translate` of what is written here gives the event back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from agentops_otel.conventions import agentops as ours
from agentops_otel.conventions import genai, markers
from agentops_otel.conventions.exceptions import (
    ERROR_TYPE,
    EXCEPTION_EVENT,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)
from agentops_otel.conventions.messages import messages
from agentops_otel.facts import EndRank, ProcessKey
from agentops_otel.records import (
    USAGE_BUCKETS,
    Action,
    ApiCall,
    Event,
    Failure,
    Json,
    LLMCall,
    Process,
    Session,
    ToolCall,
    Usage,
    decimal_text,
)
from agentops_otel.spans import (
    KIND_INTERNAL,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNSET,
    AnyValue,
    FlatSpan,
    SpanEvent,
    SpanLink,
)
from agentops_otel.values import dumps

_STATUS = {"ok": STATUS_OK, "error": STATUS_ERROR}


def session_spans(session: Session, trace_id: int, root_id: int) -> list[FlatSpan]:
    """What the session's record knows beyond its events, as its root span, if it has ended, and markers inside it.

    `translate` of them gives tags, video, agents, processes and the end back. An Indeterminate end is written with the
    lowest rank: it may only mean that nobody knew better.
    """
    start_ns = session.init_timestamp or 0
    said = [(start_ns, markers.Marker(started=bool(start_ns), tags_set=session.tags, video=session.video))]
    said += [(start_ns, markers.Marker(agent=(one.agent_id, one.name or ""))) for one in session.agents]
    for process in session.processes:
        said.append((process.seen_at or start_ns, _process_marker(process, ended=False)))
        if process.ended_at is not None:
            said.append((process.ended_at, _process_marker(process, ended=True)))
    if session.last_activity_at is not None:
        said.append((session.last_activity_at, markers.Marker()))
    trace, root = format(trace_id, "032x"), format(root_id, "016x")
    spans = [_marker_span(nth, at_ns, marker, session, trace, root) for nth, (at_ns, marker) in enumerate(said)]
    return [*_root_span(session, trace, root), *spans]


def _root_span(session: Session, trace_id: str, span_id: str) -> list[FlatSpan]:
    if session.is_running or session.end_timestamp is None:
        return []
    rank = EndRank.SIGNAL if session.end_state == "Indeterminate" else EndRank.EXPLICIT
    end = markers.Marker(end_state=session.end_state, end_state_reason=session.end_state_reason, end_rank=rank)
    start_ns, end_ns = session.init_timestamp or session.end_timestamp, session.end_timestamp
    attributes = end.attributes(session.session_id, markers.KIND_SESSION)
    return [FlatSpan(trace_id, span_id, markers.KIND_SESSION, start_ns, end_ns, attributes=attributes)]


def _process_marker(process: Process, *, ended: bool) -> markers.Marker:
    key = ProcessKey(process.host, process.pid, process.started_at)
    mark = markers.ProcessMark(
        key=key,
        boot_id=process.boot_id or "",
        ended=ended,
        dropped=process.dropped,
        host_env=None if process.host_env is None or ended else process.host_env,
    )
    return markers.Marker(process=mark)


def _marker_span(nth: int, at_ns: int, marker: markers.Marker, session: Session, trace_id: str, root: str) -> FlatSpan:
    derived = hashlib.blake2b(f"{session.session_id} {nth}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    attributes = marker.attributes(session.session_id)
    return FlatSpan(trace_id, derived, markers.KIND_MARKER, at_ns, at_ns, parent_span_id=root, attributes=attributes)


def spans_of(events: Iterable[Event]) -> list[FlatSpan]:
    """The spans of these events, in their order. An error that was met in one of them is an exception of its span."""
    known = list(events)
    by_id = {event.event_id: event for event in known}
    met: dict[str, list[Failure]] = {}
    spans: list[Event] = []
    for event in known:
        if isinstance(event, Failure) and event.span_id is None and event.trigger_event_id in by_id:
            met.setdefault(event.trigger_event_id, []).append(event)
        else:
            spans.append(event)
    return [_span(event, met.get(event.event_id, ())) for event in spans]


def _span(event: Event, failures: Iterable[Failure]) -> FlatSpan:
    otel = event.extra.get("otel") or {}
    start_ns, end_ns = event.init_timestamp, event.end_timestamp
    if "times" in otel:
        start_ns, end_ns = map(int, otel["times"])
    derived = hashlib.blake2b(event.event_id.encode("utf-8", "replace"), digest_size=24).hexdigest()
    return FlatSpan(
        trace_id=event.trace_id or derived[:32],
        span_id=event.span_id or derived[32:],
        name=otel.get("name") or event.name,
        start_ns=start_ns,
        end_ns=end_ns if end_ns is not None else 0,
        parent_span_id=event.parent_id,
        kind=otel.get("kind", KIND_INTERNAL),
        attributes=attributes_of(event),
        status_code=_STATUS.get(otel.get("status", ""), STATUS_UNSET),
        status_message=otel.get("status_message"),
        events=[*_span_events(otel), *_exceptions(event, failures)],
        links=[SpanLink(one["trace_id"], one["span_id"], one["attributes"]) for one in otel.get("links", ())],
        scope_name=otel.get("scope", ""),
        scope_version=otel.get("scope_version"),
        resource=otel.get("resource", {}),
        dropped_attributes=otel.get("dropped_attributes", 0),
    )


def _span_events(otel: Mapping[str, Json]) -> list[SpanEvent]:
    return [SpanEvent(one["name"], one["time_ns"], one["attributes"]) for one in otel.get("events", ())]


def _exceptions(event: Event, failures: Iterable[Failure]) -> list[SpanEvent]:
    """The errors as exceptions. One that says no more than the failed status of its span does is not repeated."""
    return [_exception(failure) for failure in sorted(failures, key=_met_at) if not _is_status(event, failure)]


def _met_at(failure: Failure) -> tuple[int, str]:
    return failure.init_timestamp, failure.event_id


def _is_status(event: Event, failure: Failure) -> bool:
    otel = event.extra.get("otel") or {}
    return (
        failure.logs is None
        and otel.get("status") == "error"
        and failure.error_type == event.extra.get(ERROR_TYPE)
        and failure.details == otel.get("status_message")
    )


def _exception(failure: Failure) -> SpanEvent:
    said = {
        EXCEPTION_TYPE: failure.error_type,
        EXCEPTION_MESSAGE: failure.details,
        EXCEPTION_STACKTRACE: failure.logs,
    }
    return SpanEvent(EXCEPTION_EVENT, failure.init_timestamp, {key: value for key, value in said.items() if value})


def attributes_of(event: Event) -> dict[str, AnyValue]:
    """The attributes that say what the event says; its session id stands last, where the SDK evicts last."""
    out: dict[str, AnyValue] = {key: value for key, value in event.extra.items() if key != "otel"}
    if isinstance(event, LLMCall):
        _put_call(event, out)
    elif isinstance(event, ToolCall):
        _put_tool(event, out)
    elif isinstance(event, Action):
        _put(out, {ours.ACTION_TYPE: event.action_type, ours.SCREENSHOT: event.screenshot})
        if genai.KINDS.get(event.action_type or "") == "actions":
            _put(out, {genai.OPERATION: event.action_type})
        _put_json(out, {ours.LOGS: event.logs})
    elif isinstance(event, ApiCall):
        _put(out, {ours.API_METHOD: event.method, ours.API_TARGET: event.target, ours.API_STATUS: event.status})
    elif isinstance(event, Failure):
        _put_failure(event, out)
    _put_common(event, out)
    return out


def _put_common(event: Event, out: dict[str, AnyValue]) -> None:
    _put_json(out, {ours.PARAMS: event.params, ours.RETURNS: event.returns})
    _put(
        out,
        {
            ours.EVENT_TYPE: event.event_type,
            ours.EVENT_ID: event.event_id,
            ours.EVENT_NAME: event.name,
            ours.EVENT_TRUNCATED: event.truncated or None,
            ours.EVENT_MARKS: (event.extra.get("otel") or {}).get("marks"),
            markers.AGENT_ID: event.agent_id,
            markers.AGENT_NAME: event.agent_name,
            markers.SESSION_ID: event.session_id,
        },
    )


def _put_call(call: LLMCall, out: dict[str, AnyValue]) -> None:
    _put(
        out,
        {
            genai.OPERATION: call.operation,
            genai.PROVIDER: call.provider,
            genai.REQUEST_MODEL: call.request_model,
            genai.RESPONSE_MODEL: call.model if call.model != call.request_model else None,
            genai.RESPONSE_ID: call.response_id,
            genai.FINISH_REASONS: call.finish_reasons or None,
            ours.EVENT_FIRST_TOKEN: call.time_to_first_token_ms,
            ours.EVENT_OPERATION: call.operation,
            ours.EVENT_COST: decimal_text(call.cost),
            ours.USAGE_ESTIMATED: call.estimated or None,
        },
    )
    _put_usage(call.usage, out)
    _put_messages(out, genai.INPUT_MESSAGES, ours.PROMPT, call.prompt, "user")
    _put_messages(out, genai.OUTPUT_MESSAGES, ours.COMPLETION, call.completion, "assistant")
    if call.price is not None:
        out[ours.EVENT_PRICE] = dumps({key: value for key, value in asdict(call.price).items() if value is not None})


def _put_usage(usage: Usage, out: dict[str, AnyValue]) -> None:
    if not usage:
        return
    _put(out, genai.totals_of(usage))
    exact = {bucket: getattr(usage, bucket) for bucket in USAGE_BUCKETS if getattr(usage, bucket) is not None}
    out[ours.EVENT_USAGE] = dumps(exact)


def _put_messages(out: dict[str, AnyValue], attribute: str, exact: str, value: Json, role: str) -> None:
    if value is None:
        return
    text = dumps(value)
    out[attribute if messages(text, role) == value else exact] = text


def _put_tool(tool: ToolCall, out: dict[str, AnyValue]) -> None:
    _put(out, {genai.OPERATION: genai.EXECUTE_TOOL, genai.TOOL_NAME: tool.name})
    _put(out, {ours.EVENT_COST: decimal_text(tool.cost)})
    _put_json(out, {ours.LOGS: tool.logs})


def _put_failure(failure: Failure, out: dict[str, AnyValue]) -> None:
    _put(
        out,
        {
            ours.ERROR_TYPE: failure.error_type,
            ours.ERROR_CODE: failure.code,
            ours.TRIGGER_EVENT_ID: failure.trigger_event_id,
            ours.TRIGGER_EVENT_TYPE: failure.trigger_event_type,
        },
    )
    _put_json(out, {ours.ERROR_DETAILS: failure.details, ours.LOGS: failure.logs})


def _put(out: dict[str, AnyValue], values: Mapping[str, Any]) -> None:
    """Attributes that have a value. What the span itself said in its own spelling, kept in `extra`, stays."""
    for name, value in values.items():
        if value is not None:
            out.setdefault(name, value)


def _put_json(out: dict[str, AnyValue], values: Mapping[str, Json]) -> None:
    _put(out, {name: dumps(value) for name, value in values.items() if value is not None})
