"""FlatSpan to facts. Pure, and never raises: a span that cannot be understood becomes a record of what is known.

Every dialect that recognises the span is asked; of those that answer a field the first wins. One span gives one event,
and a failed one an error that is linked to it beside its own event. What no rule consumed stays in `Event.extra`; what
else the span carried (kind, scope, links, events, resource) stays there under "otel", so that `conventions.writeback`
can write the span again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentops_otel.conventions import damaged
from agentops_otel.conventions.dialects import REASON_NAMES, dialects_of
from agentops_otel.conventions.exceptions import (
    ERROR_TYPE,
    EXCEPTION_EVENT,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)
from agentops_otel.conventions.genai_events import reading_of_logs
from agentops_otel.conventions.names import finish_reasons_in
from agentops_otel.conventions.reading import Dialect, Reading
from agentops_otel.conventions.wire import BIGGEST, plain, text, texts
from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.guard import quietly
from agentops_otel.records import (
    EVENT_CLASSES,
    EVENT_TYPES,
    USAGE_BUCKETS,
    Event,
    EventType,
    Failure,
    Json,
    LLMCall,
    Price,
    Usage,
)
from agentops_otel.spans import (
    KIND_INTERNAL,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNSET,
    AnyValue,
    FlatLog,
    FlatSpan,
    SpanEvent,
)
from agentops_otel.values import holds_cut

Pricer = Callable[[LLMCall], LLMCall]
"""Gives a model call without a cost its cost, where a price is known."""


_STATUS = {STATUS_OK: "ok", STATUS_ERROR: "error"}
_RESOURCE_NOISE = ("telemetry.", "process.", "host.", "os.")


def translate(span: FlatSpan, *, logs: Sequence[FlatLog] = (), price: Pricer | None = None) -> list[Fact]:
    """What a finished span says: facts of its session, its event, and an event for each error it met.

    `logs` are log records of this span; they hold its messages in the events form of the GenAI conventions. `price`
    is asked for model calls that report no cost themselves, or one of 0, which often means "not priced".
    """
    if type(span.attributes) is not dict:
        span = replace(span, attributes=dict(span.attributes))
    reading = _read(span, logs)
    if reading.kind == "ignore":
        return []
    session_id, times = session_id_of(span, reading), _times(span)
    facts: list[Fact] = [_session_facts(span, reading, session_id, times)]
    if reading.session is not None:
        facts.append(replace(reading.session, session_id=session_id))
    if reading.kind in ("session", "marker"):
        failures = _failures(span, session_id, None) if reading.kind == "session" else []
        return [*facts, *failures]
    event = _event(span, reading, session_id, times)
    if price is not None and isinstance(event, LLMCall) and not event.cost:
        with quietly("pricing a model call"):
            event = price(event)
    facts.append(EventFact(event, reading.revision or 0))
    if not isinstance(event, Failure):
        facts.extend(_failures(span, session_id, event, reading))
    return facts


# --- identity --------------------------------------------------------------------------------------------------------


def session_id_of(span: FlatSpan, reading: Reading) -> str:
    """The session a span belongs to: what its process knew, what its attributes say, else its trace."""
    return span.session_id or reading.session_id or session_of_trace(span.trace_id)


def session_of_trace(trace_id: str) -> str:
    """The session that a trace is: the same 128 bits as UUID text. An id of another length is kept."""
    return _uuid_text(trace_id) if len(trace_id) == 32 else trace_id


def event_id_of(trace_id: str, span_id: str, part: str = "") -> str:
    """The id of the event a span becomes, or of a `part` of it: 128 bits derived from both, as UUID text."""
    digits = hashlib.blake2b(f"{trace_id}:{span_id}:{part}".encode("utf-8", "replace"), digest_size=16).hexdigest()
    return _uuid_text(f"{digits[:12]}8{digits[13:16]}b{digits[17:]}")


def _uuid_text(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# --- reading ---------------------------------------------------------------------------------------------------------


def readings_of(span: FlatSpan, logs: Sequence[FlatLog] = ()) -> list[tuple[str, Reading]]:
    """What each vocabulary says of the span and its log records, by name, the most believed first."""
    asked = dialects_of(span)
    try:
        readings = [(dialect.name, dialect.read(span)) for dialect in asked]
    except Exception:  # noqa: BLE001 - what one of them cannot read, the others still may: each is asked by itself
        readings = [(dialect.name, _ask(dialect, span)) for dialect in asked]
    if logs:
        readings.append(("log records", reading_of_logs(logs)))
    return readings


def _read(span: FlatSpan, logs: Sequence[FlatLog]) -> Reading:
    merged: Reading | None = None
    damaged.noted()  # by whoever read something before
    for _, reading in readings_of(span, logs):
        if merged is None:
            merged = reading
        else:
            _merge(merged, reading)
    if merged is None:
        merged = Reading()
    for sentence in damaged.noted():
        if sentence != damaged.SHORTENED:
            merged.marks.append(sentence)
        if sentence != damaged.REPR:
            merged.truncated = True
    _leave_other_words(span, merged)
    return merged


def _leave_other_words(span: FlatSpan, reading: Reading) -> None:
    """An attribute whose finish reasons have another name in the conventions is left, so that the original is kept."""
    if reading.finish_reasons is None:
        return
    for name in REASON_NAMES:
        if name in reading.consumed and texts(span.attributes.get(name)) != reading.finish_reasons:
            del reading.consumed[name]


def _ask(dialect: Dialect, span: FlatSpan) -> Reading:
    with quietly(f"reading a span as {dialect.name}"):
        return dialect.read(span)
    return Reading(marks=[f"could not be read as {dialect.name}"])


def _merge(into: Reading, other: Reading) -> None:
    """Take what `into` does not say. An attribute that says something else than what was taken is not consumed."""
    known, said = vars(into), vars(other)
    if into.usage is not None and other.usage is not None and _same_totals(into.usage, other.usage):
        said["usage"] = known["usage"] = max(into.usage, other.usage, key=_details)
    kept = {name: value for name, value in known.items() if value is not None}
    kept["marks"] = into.marks + other.marks
    contested = {name for name, value in kept.items() if value != said.get(name)}
    taken = other.consumed
    if not contested.isdisjoint(taken.values()):
        taken = {attribute: name for attribute, name in taken.items() if name not in contested}
    kept["consumed"] = {**taken, **into.consumed}
    known.update({**said, **kept})


def _same_totals(a: Usage, b: Usage) -> bool:
    """Two vocabularies that count the same call, one perhaps in more detail."""
    return (a.prompt_tokens, a.completion_tokens) == (b.prompt_tokens, b.completion_tokens)


def _details(usage: Usage) -> int:
    return sum(bool(getattr(usage, bucket)) for bucket in USAGE_BUCKETS)


# --- sessions --------------------------------------------------------------------------------------------------------


_Times = tuple[int, int]


def _session_facts(span: FlatSpan, reading: Reading, session_id: str, times: _Times) -> SessionFacts:
    agent = reading.agent_id or reading.agent_name
    stamp = Stamp(times[1], span.span_id)
    named = span.session_id or reading.session_id
    return SessionFacts(
        session_id=session_id,
        start_ns=times[0] or None,
        activity_ns=times[1] or None,
        end=_end_of_root(span, session_id, stamp),
        agents={agent: (stamp, reading.agent_name or "")} if agent else {},
        of_traces=_NO_TRACES if named is None else frozenset((session_of_trace(span.trace_id),)),
    )


_NO_TRACES: frozenset[str] = frozenset()


def _end_of_root(span: FlatSpan, session_id: str, stamp: Stamp) -> End | None:
    """The status of the root span of the trace that is the session. One that was never set says nothing."""
    if span.parent_span_id or span.status_code == STATUS_UNSET or session_id != session_of_trace(span.trace_id):
        return None
    failed = span.status_code == STATUS_ERROR
    reason = (text(span.status_message) or "") if failed else ""
    return End(EndRank.ROOT_STATUS, *stamp, "Failure" if failed else "Success", reason)


def _times(span: FlatSpan) -> _Times:
    """Start and end, both inside what a store can keep; an end before the start, or none, is the start."""
    if 0 <= span.start_ns <= span.end_ns <= BIGGEST:
        return span.start_ns, span.end_ns
    start_ns = min(max(span.start_ns, 0), BIGGEST)
    return start_ns, max(start_ns, min(span.end_ns, BIGGEST))


# --- events ----------------------------------------------------------------------------------------------------------


def _event(span: FlatSpan, reading: Reading, session_id: str, times: _Times) -> Event:
    """The event of a span. Its fields are written at once: a frozen dataclass sets each by a call, which takes thrice
    the time."""
    kind = cast(EventType, reading.kind or "actions")
    name = reading.name or text(span.name) or kind
    fields: dict[str, Any] = {
        "event_id": reading.event_id or event_id_of(span.trace_id, span.span_id),
        "session_id": session_id,
        "name": name,
        "init_timestamp": times[0],
        "end_timestamp": times[1] if span.end_ns else None,
        "parent_id": span.parent_span_id,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "agent_id": reading.agent_id,
        "agent_name": reading.agent_name,
        "params": reading.params,
        "returns": reading.returns,
        "truncated": reading.truncated is True or span.dropped_attributes > 0,
        "extra": _extra(span, reading, name, times),
    }
    _OWN_FIELDS[kind](reading, fields, span)
    event = object.__new__(EVENT_CLASSES[kind])
    vars(event).update(fields)
    return event


_Fields = dict[str, Any]
_NO_USAGE = Usage()


def _call_fields(reading: Reading, fields: _Fields, span: FlatSpan) -> None:
    fields["operation"] = reading.operation
    fields["provider"] = reading.provider
    fields["model"] = reading.model or reading.request_model
    fields["request_model"] = reading.request_model
    fields["response_id"] = reading.response_id
    fields["prompt"] = reading.prompt
    fields["completion"] = reading.completion
    fields["usage"] = _NO_USAGE if reading.usage is None else reading.usage
    fields["cost"] = reading.cost
    fields["price"] = reading.price or (Price("reported") if reading.cost is not None else None)
    fields["time_to_first_token_ms"] = reading.time_to_first_token_ms
    fields["finish_reasons"] = reading.finish_reasons or finish_reasons_in(reading.completion)
    fields["estimated"] = reading.estimated is True


def _tool_fields(reading: Reading, fields: _Fields, span: FlatSpan) -> None:
    fields["logs"] = reading.logs
    fields["cost"] = reading.cost


def _action_fields(reading: Reading, fields: _Fields, span: FlatSpan) -> None:
    """The messages of an agent's run are what it was given and what it gave."""
    if reading.params is None:
        fields["params"] = reading.prompt
    if reading.returns is None:
        fields["returns"] = reading.completion
    fields["action_type"] = reading.action_type
    fields["logs"] = reading.logs
    fields["screenshot"] = reading.screenshot


def _api_fields(reading: Reading, fields: _Fields, span: FlatSpan) -> None:
    fields["method"] = reading.method
    fields["target"] = reading.target
    fields["status"] = reading.status


def _failure_fields(reading: Reading, fields: _Fields, span: FlatSpan) -> None:
    """An error that was recorded by itself. What it does not say is taken from the exception of its span."""
    met = _exceptions(span)
    caught = met[0].attributes if met else {}
    trigger_type = reading.trigger_event_type
    fields["error_type"] = reading.error_type or text(caught.get(EXCEPTION_TYPE))
    fields["code"] = reading.code
    fields["details"] = _or(reading.details, text(caught.get(EXCEPTION_MESSAGE)))
    fields["logs"] = _or(reading.logs, text(caught.get(EXCEPTION_STACKTRACE)))
    fields["trigger_event_id"] = reading.trigger_event_id
    fields["trigger_event_type"] = trigger_type if trigger_type in EVENT_TYPES else None


_OWN_FIELDS: dict[EventType, Callable[[Reading, _Fields, FlatSpan], None]] = {
    "llms": _call_fields,
    "tools": _tool_fields,
    "actions": _action_fields,
    "apis": _api_fields,
    "errors": _failure_fields,
}
"""What each kind of event has beyond the fields of all."""


def _or(value: Json, otherwise: Json) -> Json:
    return otherwise if value is None else value


# --- errors ----------------------------------------------------------------------------------------------------------


def _failures(
    span: FlatSpan, session_id: str, trigger: Event | None, reading: Reading | None = None
) -> list[EventFact]:
    """The errors of a span: its distinct exceptions, else its failed status, linked to the event it became."""
    met = _exceptions(span)
    failed = span.status_code == STATUS_ERROR or (reading is not None and reading.failed is True)
    if not met and failed and trigger is not None:
        met = [SpanEvent(EXCEPTION_EVENT, span.end_ns, {})]
    return [EventFact(_met(span, session_id, trigger, reading, one, nth)) for nth, one in enumerate(met)]


def _exceptions(span: FlatSpan) -> list[SpanEvent]:
    """The exceptions a span recorded, each once: some instrumentors write the same one twice."""
    distinct: dict[tuple[str, str], SpanEvent] = {}
    for one in span.events:
        if one.name == EXCEPTION_EVENT:
            said = repr(one.attributes.get(EXCEPTION_TYPE)), repr(one.attributes.get(EXCEPTION_MESSAGE))
            distinct.setdefault(said, one)
    return list(distinct.values())


def _met(
    span: FlatSpan, session_id: str, trigger: Event | None, reading: Reading | None, caught: SpanEvent, nth: int
) -> Failure:
    said = caught.attributes
    error_type = text(said.get(EXCEPTION_TYPE)) or text(span.attributes.get(ERROR_TYPE))
    read = reading or Reading()
    details = text(said.get(EXCEPTION_MESSAGE)) or text(span.status_message) or read.details
    logs = text(said.get(EXCEPTION_STACKTRACE))
    return Failure(
        event_id=event_id_of(span.trace_id, span.span_id, f"error {nth}"),
        session_id=session_id,
        name=error_type or "error",
        init_timestamp=min(max(caught.time_ns, 0), BIGGEST) or _times(span)[1],
        parent_id=span.span_id,
        trace_id=span.trace_id,
        agent_id=trigger.agent_id if trigger is not None else None,
        agent_name=trigger.agent_name if trigger is not None else None,
        error_type=error_type,
        code=read.code,
        details=details,
        logs=logs,
        truncated=holds_cut([details, logs]),
        trigger_event_id=trigger.event_id if trigger is not None else None,
        trigger_event_type=trigger.event_type if trigger is not None else None,
    )


# --- what no field took ----------------------------------------------------------------------------------------------


_CALL_FIELDS = frozenset(
    {
        *("operation", "provider", "model", "request_model", "response_id", "prompt", "completion", "usage", "cost"),
        *("price", "time_to_first_token_ms", "finish_reasons", "estimated"),
    }
)
_STEP_FIELDS = frozenset({"logs", "action_type", "screenshot"})
_API_FIELDS = frozenset({"method", "target", "status"})
_ERROR_FIELDS = frozenset({"error_type", "code", "details", "failed"})
_UNUSED: dict[str, frozenset[str]] = {
    "llms": _STEP_FIELDS | _API_FIELDS | _ERROR_FIELDS,
    "tools": _CALL_FIELDS - {"cost", "price"} | _STEP_FIELDS - {"logs"} | _API_FIELDS | _ERROR_FIELDS,
    "actions": _CALL_FIELDS - {"prompt", "completion"} | _API_FIELDS | _ERROR_FIELDS,
    "apis": _CALL_FIELDS | _STEP_FIELDS | _ERROR_FIELDS,
    "errors": _CALL_FIELDS | _STEP_FIELDS - {"logs"} | _API_FIELDS,
}
"""The fields of a Reading that a kind of event has no place for."""


def _extra(span: FlatSpan, reading: Reading, name: str, times: _Times) -> dict[str, Json]:
    unused, consumed = _unused(span, reading), reading.consumed
    attributes = span.attributes
    if unused.isdisjoint(consumed.values()):
        extra = {_key(key): plain(value) for key, value in attributes.items() if key not in consumed}
    else:
        used = {key: field for key, field in consumed.items() if field not in unused}
        extra = {_key(key): plain(value) for key, value in attributes.items() if key not in used}
        consumed = used
    otel = _otel(span, reading, name, times, consumed)
    if otel:
        extra["otel"] = otel
    return extra


def _unused(span: FlatSpan, reading: Reading) -> frozenset[str]:
    unused = _UNUSED[reading.kind or "actions"]
    if span.session_id is not None and span.session_id != reading.session_id:
        unused |= {"session_id"}
    if reading.kind in (None, "actions"):
        unused |= {name for name, by in (("prompt", "params"), ("completion", "returns")) if _said(reading, by)}
    return unused


def _said(reading: Reading, name: str) -> bool:
    return getattr(reading, name) is not None


def _otel(span: FlatSpan, reading: Reading, name: str, times: _Times, used: Mapping[str, str]) -> dict[str, Json]:
    """What a span carries beside its attributes; what is usual is left out."""
    said: dict[str, Json] = {}
    if span.name != name:
        said["name"] = plain(span.name)
    if span.kind != KIND_INTERNAL:
        said["kind"] = span.kind
    if span.scope_name:
        said["scope"] = plain(span.scope_name)
    if span.scope_version:
        said["scope_version"] = plain(span.scope_version)
    if span.status_code:
        said["status"] = _STATUS.get(span.status_code)
    if span.status_message:
        said["status_message"] = plain(span.status_message)
    if span.resource:
        said["resource"] = _resource(span.resource)
    if span.dropped_attributes:
        said["dropped_attributes"] = span.dropped_attributes
    if reading.marks:
        said["marks"] = list(dict.fromkeys(reading.marks))
    if span.events:
        kept = [one for one in span.events if one.name != EXCEPTION_EVENT and one.name not in used]
        said["events"] = [_span_event(one) for one in kept]
    if span.links:
        said["links"] = [_link(one.trace_id, one.span_id, one.attributes) for one in span.links]
    if times != (span.start_ns, span.end_ns):
        said["times"] = [str(span.start_ns), str(span.end_ns)]
    return {key: value for key, value in said.items() if value}


def _span_event(one: SpanEvent) -> Json:
    return {"name": plain(one.name), "time_ns": plain(one.time_ns), "attributes": _object(one.attributes)}


def _link(trace_id: str, span_id: str, attributes: Mapping[str, AnyValue]) -> Json:
    return {"trace_id": trace_id, "span_id": span_id, "attributes": _object(attributes)}


def _object(attributes: Mapping[str, AnyValue]) -> dict[str, Json]:
    return {_key(key): plain(value) for key, value in attributes.items()}


_RESOURCES: dict[int, tuple[Mapping[str, AnyValue], dict[str, Json]]] = {}
_MOST_RESOURCES = 64


def _resource(resource: Mapping[str, AnyValue]) -> dict[str, Json]:
    """What is kept of a resource; worked out once for all spans that share it."""
    known = _RESOURCES.get(id(resource))
    if known is None:  # the resource is kept beside it, so its id is not given to another
        if len(_RESOURCES) >= _MOST_RESOURCES:
            _RESOURCES.clear()
        kept = {key: value for key, value in resource.items() if not key.startswith(_RESOURCE_NOISE)}
        known = _RESOURCES[id(resource)] = resource, _object(kept)
    return known[1]


def _key(key: str) -> str:
    return key if key.isascii() else cast(str, plain(key))
