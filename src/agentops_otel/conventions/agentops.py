"""Our own vocabulary: sessions, their markers, and what an event carries beyond the GenAI conventions.

A *marker* is a span of zero length that carries only session facts: that it started, tags, a video, an agent, an end.
Markers are exported at once, so an unfinished session is visible, survives `kill -9` and travels through any collector.
The root span of a session repeats what it knows when it ends.
Source: this project, version 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

from agentops_otel.conventions import genai
from agentops_otel.conventions.markers import (
    AGENT_ID,
    AGENT_NAME,
    END_RANK,
    END_STATE,
    END_STATE_REASON,
    HOST_ENV,
    KIND_MARKER,
    KIND_SESSION,
    PROCESS_BOOT,
    PROCESS_DROPPED,
    PROCESS_ENDED,
    PROCESS_HOST,
    PROCESS_PID,
    PROCESS_STARTED,
    SESSION_ID,
    SPAN_KIND,
    STARTED,
    TAGS,
    TAGS_ADDED,
    VIDEO,
)
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.usage import count
from agentops_otel.conventions.wire import by_shape, loaded, number, text, texts
from agentops_otel.facts import End, EndRank, HostEnv, ProcessFacts, ProcessKey, SessionFacts, Stamp
from agentops_otel.records import END_STATES, EVENT_TYPES, Price, Usage
from agentops_otel.spans import AnyValue, FlatSpan
from agentops_otel.values import loads

_T = TypeVar("_T")

EVENT_ID = "agentops.event.id"
EVENT_TYPE = "agentops.event.type"
EVENT_NAME = "agentops.event.name"
EVENT_REVISION = "agentops.event.revision"
EVENT_TRUNCATED = "agentops.event.truncated"
EVENT_MARKS = "agentops.event.marks"
"""What was contradictory or cut where the event was read first."""
EVENT_COST = "agentops.event.cost"
EVENT_PRICE = "agentops.event.price"
EVENT_USAGE = "agentops.event.usage"
EVENT_OPERATION = "agentops.event.operation"
EVENT_FIRST_TOKEN = "agentops.event.time_to_first_token_ms"
PARAMS = "agentops.event.params"
RETURNS = "agentops.event.returns"
LOGS = "agentops.event.logs"
ACTION_TYPE = "agentops.action.type"
SCREENSHOT = "agentops.action.screenshot"
USAGE_ESTIMATED = "agentops.usage.estimated"
PROMPT = "agentops.llm.prompt"
COMPLETION = "agentops.llm.completion"
API_METHOD = "agentops.api.method"
API_TARGET = "agentops.api.target"
API_STATUS = "agentops.api.status"
ERROR_TYPE = "agentops.error.type"
ERROR_CODE = "agentops.error.code"
ERROR_DETAILS = "agentops.error.details"
TRIGGER_EVENT_ID = "agentops.error.trigger_event_id"
TRIGGER_EVENT_TYPE = "agentops.error.trigger_event_type"


@dataclass(frozen=True)
class AgentOpsDialect:
    """Reads what `Marker.attributes` and our own events write."""

    name: str = field(default="agentops")
    roots: frozenset[str] = frozenset({"agentops"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span of ours, and every span stamped with a session of ours."""
        return bool(_ours_of(span.attributes).names)

    def read(self, span: FlatSpan) -> Reading:
        """The session id and agent; session facts of markers and roots; the event fields we write."""
        attributes, ours = span.attributes, _ours_of(span.attributes)
        reading = Reading(
            dict.fromkeys(ours.names, ""),
            session_id=text(attributes.get(SESSION_ID)),
            agent_id=text(attributes.get(AGENT_ID)),
            agent_name=text(attributes.get(AGENT_NAME)),
        )
        if ours.are_stamps:
            return reading
        kind = attributes.get(SPAN_KIND)
        if kind in (KIND_SESSION, KIND_MARKER):
            reading.kind = "session" if kind == KIND_SESSION else "marker"
            reading.session = _session_facts(span, reading)
        _read_event(attributes, reading)
        if reading.usage is not None:
            totals = genai.totals_of(reading.usage)
            reading.consumed |= {name: "" for name, total in totals.items() if attributes.get(name) == total}
        return reading


def _session_facts(span: FlatSpan, reading: Reading) -> SessionFacts:
    attributes = span.attributes
    stamp = Stamp(span.end_ns, span.span_id)
    tags, added = _texts(attributes.get(TAGS)), _texts(attributes.get(TAGS_ADDED))
    video = text(attributes.get(VIDEO))
    return SessionFacts(
        session_id=reading.session_id or "",
        start_ns=span.start_ns if attributes.get(STARTED) else None,
        activity_ns=span.end_ns,
        end=_end(attributes, stamp),
        tags_set=(stamp, tags) if tags is not None else None,
        tags_added=frozenset([(stamp, added)] if added else ()),
        video=(stamp, video) if video is not None else None,
        processes=_processes(attributes, stamp),
        agents={reading.agent_id: (stamp, reading.agent_name or "")} if reading.agent_id else {},
    )


def _end(attributes: Any, stamp: Stamp) -> End | None:
    state = attributes.get(END_STATE)
    if state not in END_STATES:
        return None
    rank = attributes.get(END_RANK)
    reason = text(attributes.get(END_STATE_REASON)) or ""
    return End(rank if isinstance(rank, int) else EndRank.EXPLICIT, *stamp, state, reason)


def _processes(attributes: Any, stamp: Stamp) -> dict[ProcessKey, ProcessFacts]:
    host, pid, started = (attributes.get(name) for name in (PROCESS_HOST, PROCESS_PID, PROCESS_STARTED))
    if not (isinstance(host, str) and isinstance(pid, int) and isinstance(started, int)):
        return {}
    env, dropped = attributes.get(HOST_ENV), attributes.get(PROCESS_DROPPED)
    facts = ProcessFacts(
        boot_id=text(attributes.get(PROCESS_BOOT)) or "",
        seen_ns=stamp.at_ns,
        ended_ns=stamp.at_ns if attributes.get(PROCESS_ENDED) else 0,
        dropped=dropped if isinstance(dropped, int) else 0,
        host_env=HostEnv(stamp, env) if isinstance(env, str) and isinstance(loads(env), dict) else None,
    )
    return {ProcessKey(host, pid, started): facts}


def _read_event(attributes: Any, reading: Reading) -> None:
    if attributes.get(EVENT_TYPE) in EVENT_TYPES:
        reading.kind = attributes[EVENT_TYPE]
    for name, field_name in _TEXT_FIELDS.items():
        if name in attributes:
            setattr(reading, field_name, text(attributes[name]))
    for name, field_name in _JSON_FIELDS.items():
        if name in attributes:
            setattr(reading, field_name, loaded(attributes[name]))
    revision, cost = attributes.get(EVENT_REVISION), attributes.get(EVENT_COST)
    reading.revision = revision if isinstance(revision, int) else None
    reading.truncated = True if attributes.get(EVENT_TRUNCATED) is True else None
    reading.marks += texts(attributes.get(EVENT_MARKS)) or ()
    reading.estimated = True if attributes.get(USAGE_ESTIMATED) is True else None
    reading.cost = _decimal(cost) if cost is not None else None
    reading.price = _built(Price, attributes.get(EVENT_PRICE), text)
    reading.usage = _built(Usage, attributes.get(EVENT_USAGE), count)
    reading.time_to_first_token_ms = number(attributes.get(EVENT_FIRST_TOKEN))


_TEXT_FIELDS = {
    EVENT_ID: "event_id",
    EVENT_NAME: "name",
    ACTION_TYPE: "action_type",
    SCREENSHOT: "screenshot",
    EVENT_OPERATION: "operation",
    API_METHOD: "method",
    API_TARGET: "target",
    API_STATUS: "status",
    ERROR_TYPE: "error_type",
    ERROR_CODE: "code",
    TRIGGER_EVENT_ID: "trigger_event_id",
    TRIGGER_EVENT_TYPE: "trigger_event_type",
}
_JSON_FIELDS = {
    PARAMS: "params",
    RETURNS: "returns",
    LOGS: "logs",
    PROMPT: "prompt",
    COMPLETION: "completion",
    ERROR_DETAILS: "details",
}
_STAMPED = frozenset({SESSION_ID, AGENT_ID, AGENT_NAME})
"""What every span inside a session of ours carries; most carry no more."""

_OURS = frozenset(
    {
        *(SESSION_ID, SPAN_KIND, STARTED, TAGS, TAGS_ADDED, VIDEO, END_STATE, END_STATE_REASON, END_RANK),
        *(PROCESS_HOST, PROCESS_PID, PROCESS_STARTED, PROCESS_BOOT, PROCESS_ENDED, PROCESS_DROPPED, HOST_ENV),
        *(AGENT_ID, AGENT_NAME, EVENT_TYPE, EVENT_REVISION, EVENT_TRUNCATED, EVENT_MARKS, USAGE_ESTIMATED),
        *(EVENT_COST, EVENT_PRICE, EVENT_USAGE, EVENT_FIRST_TOKEN),
        *_TEXT_FIELDS,
        *_JSON_FIELDS,
    }
)


class _Ours(NamedTuple):
    """Which attributes of a span are ours, and whether these only tell where it belongs."""

    names: tuple[str, ...]
    are_stamps: bool


@by_shape
def _ours_of(names: tuple[str, ...]) -> _Ours:
    ours = tuple(name for name in names if name in _OURS)
    return _Ours(ours, _STAMPED.issuperset(ours))


def _built(cls: type[_T], value: AnyValue, read: Callable[[Any], Any]) -> _T | None:
    """A record from its fields as a JSON object; None if there is none or a field is missing."""
    said = loaded(value) if value is not None else None
    if type(said) is not dict:
        return None
    known = {f.name: read(said[f.name]) for f in fields(cls) if f.name in said}  # type: ignore[arg-type]
    try:
        return cls(**known)
    except TypeError:
        return None


def _texts(value: AnyValue) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        return None
    return tuple(str(item) for item in value)


def _decimal(value: AnyValue) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
