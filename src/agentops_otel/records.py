"""What is stored, served and shown: Session, Event and what they are made of. All frozen.

`to_json` and `*_from_json` are the only place where the public JSON shape is spelt; the CLI, the REST routes and JSONL
files all use them. Times are integer nanoseconds since the epoch (UTC) in the records and ISO 8601 with microseconds in
JSON; costs are `Decimal` US dollars in the records and decimal strings in JSON; what is unknown is None, never 0.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from decimal import Context, Decimal
from operator import attrgetter
from typing import Any, ClassVar, Literal, TypedDict

Json = Any
"""A value JSON can carry: None, bool, int, finite float, str, list and dict with str keys."""

EventType = Literal["llms", "tools", "actions", "apis", "errors"]
EVENT_TYPES: tuple[EventType, ...] = ("llms", "tools", "actions", "apis", "errors")

EndState = Literal["Success", "Failure", "Indeterminate"]
END_STATES: tuple[EndState, ...] = ("Success", "Failure", "Indeterminate")

EXACT = Context(prec=60)
"""Sums of costs in this context are exact, so they do not depend on their order."""


class Message(TypedDict, total=False):
    """One message of a prompt or completion, in the shape of the GenAI semantic conventions.

    `parts` holds objects with a `type`: text {content}, reasoning {content}, tool_call {id, name, arguments},
    tool_call_response {id, response}, uri {uri, modality}, blob {mime_type, modality, content}, file {file_id}; unknown
    types are kept as they came.
    Source: opentelemetry-util-genai 1.3b0, types.py.
    """

    role: str
    parts: list[dict[str, Json]]
    name: str | None
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call in disjoint buckets: no token is in two of them. None is unknown, 0 is none.

    `input` is uncached text input, `cache_write` the 5-minute kind, `output` visible text, `image` images in the
    prompt; prompt and completion totals are derived.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_in: int | None = None
    audio_out: int | None = None
    image: int | None = None
    image_out: int | None = None

    @property
    def prompt_tokens(self) -> int | None:
        """Every input token, cached ones included; None if no input bucket is known."""
        return _known_sum(self.input, self.cache_read, self.cache_write, self.cache_write_1h, self.audio_in, self.image)

    @property
    def completion_tokens(self) -> int | None:
        """Every output token, reasoning included; None if no output bucket is known."""
        return _known_sum(self.output, self.reasoning, self.audio_out, self.image_out)

    @classmethod
    def total(cls, usages: Sequence[Usage]) -> Usage:
        """The sum by bucket; a bucket that nobody knows stays unknown."""
        if not usages:
            return cls()
        return cls(*(_known_sum(*column) for column in zip(*map(_BUCKETS, usages), strict=True)))

    def __bool__(self) -> bool:
        return any(getattr(self, bucket) is not None for bucket in USAGE_BUCKETS)


USAGE_BUCKETS = tuple(f.name for f in fields(Usage))
_BUCKETS = attrgetter(*USAGE_BUCKETS)


def _known_sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Price:
    """Where a cost came from.

    `source` is "reported" (the span said so), "override" (the user's own table) or "genai-prices"; `table` names the
    entry that was used, `version` the version of the table.
    """

    source: str
    table: str | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened in a session; the subclasses are its kinds.

    `event_id` is derived from (trace id, span id) unless the user gave one. `parent_id` is the span id of the parent
    span, as in OpenTelemetry. `extra` holds every attribute that no field took, and under the key "otel" what else the
    span carried (kind, scope, links, events), so that the span can be written again.
    """

    event_type: ClassVar[EventType]

    event_id: str
    session_id: str
    name: str
    init_timestamp: int
    end_timestamp: int | None = None
    parent_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    params: Json = None
    returns: Json = None
    truncated: bool = False
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LLMCall(Event):
    """A model call: chat, completion, responses, embeddings, rerank, image, audio or moderation.

    `operation` is the GenAI operation name; `params` holds the request parameters. `estimated` says that the usage was
    counted here because the provider did not report it.
    """

    event_type: ClassVar[EventType] = "llms"

    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    request_model: str | None = None
    response_id: str | None = None
    prompt: Json = None
    completion: Json = None
    usage: Usage = Usage()
    cost: Decimal | None = None
    price: Price | None = None
    time_to_first_token_ms: float | None = None
    finish_reasons: tuple[str, ...] = ()
    estimated: bool = False

    @property
    def is_unpriced(self) -> bool:
        """Whether it cost something that is not known. A call that failed without any answer cost nothing."""
        if self.cost is not None:
            return False
        answered = bool(self.usage) or self.response_id is not None or self.completion is not None
        otel = self.extra.get("otel")
        return answered or not (isinstance(otel, dict) and otel.get("status") == "error")


@dataclass(frozen=True, kw_only=True)
class ToolCall(Event):
    """A tool or function execution, a retrieval, an MCP call: arguments in `params`, the result in `returns`.

    `cost` is set only where the user reported one.
    """

    event_type: ClassVar[EventType] = "tools"

    logs: Json = None
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Action(Event):
    """Whatever a person would call a step: an agent's run, a chain, a task, a plain manual span."""

    event_type: ClassVar[EventType] = "actions"

    action_type: str | None = None
    logs: Json = None
    screenshot: str | None = None


@dataclass(frozen=True, kw_only=True)
class ApiCall(Event):
    """Infrastructure: an HTTP request, a database statement, an RPC, a message."""

    event_type: ClassVar[EventType] = "apis"

    method: str | None = None
    target: str | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failure(Event):
    """An error, linked to the event in which it happened. `logs` is the stack trace; `init_timestamp` is when."""

    event_type: ClassVar[EventType] = "errors"

    error_type: str | None = None
    code: str | None = None
    details: Json = None
    logs: str | None = None
    trigger_event_id: str | None = None
    trigger_event_type: EventType | None = None


EVENT_CLASSES: dict[str, type[Event]] = {cls.event_type: cls for cls in (LLMCall, ToolCall, Action, ApiCall, Failure)}


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the surviving events of a session add up to. Forms a group under `+` and `-`: replacing an event is exact.

    `cost` sums the priced model calls and the tools with a reported cost; `unpriced_llms` counts the model calls
    without one, so the cost is a lower bound when it is not 0. `dropped` comes from the processes, not from events.
    """

    events: int = 0
    llms: int = 0
    tools: int = 0
    actions: int = 0
    apis: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced_llms: int = 0
    truncated: int = 0
    dropped: int = 0

    @property
    def cost_is_lower_bound(self) -> bool:
        """True if at least one model call has no known price."""
        return self.unpriced_llms > 0

    @property
    def spent(self) -> Spent:
        """The cost, and the calls of which it is not known."""
        return Spent(self.cost, self.unpriced_llms)

    @classmethod
    def of(cls, *events: Event) -> Statistics:
        """What events add. `events` counts every kind but apis, which are folded away."""
        counts: dict[str, Any] = {"events": 0}
        for event in events:
            counts[event.event_type] = counts.get(event.event_type, 0) + 1
        counts["events"] = len(events) - counts.get("apis", 0)
        counts["truncated"] = sum(event.truncated for event in events)
        costs = [event.cost for event in events if isinstance(event, (LLMCall, ToolCall)) and event.cost]
        calls = [event for event in events if isinstance(event, LLMCall)]
        usage = Usage.total([call.usage for call in calls])
        return cls(
            **counts,
            prompt_tokens=usage.prompt_tokens or 0,
            completion_tokens=usage.completion_tokens or 0,
            cache_read_tokens=usage.cache_read or 0,
            cache_write_tokens=(usage.cache_write or 0) + (usage.cache_write_1h or 0),
            reasoning_tokens=usage.reasoning or 0,
            cost=functools.reduce(EXACT.add, costs, Decimal(0)),
            unpriced_llms=sum(call.is_unpriced for call in calls),
        )

    def __add__(self, other: Statistics) -> Statistics:
        return self._combine(other, 1)

    def __sub__(self, other: Statistics) -> Statistics:
        return self._combine(other, -1)

    def _combine(self, other: Statistics, sign: int) -> Statistics:
        values: dict[str, Any] = {
            name: getattr(self, name) + sign * getattr(other, name) for name in STATISTICS_FIELDS if name != "cost"
        }
        cost = EXACT.add(self.cost, EXACT.multiply(other.cost, Decimal(sign)))
        return Statistics(**values, cost=plain_decimal(cost))


@dataclass(frozen=True, slots=True)
class Spent:
    """US dollars, and the number of model calls without a known price. Sums; false if it is nothing."""

    cost: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(EXACT.add(self.cost, other.cost), self.unpriced + other.unpriced)

    def __bool__(self) -> bool:
        return bool(self.cost or self.unpriced)


STATISTICS_FIELDS = tuple(f.name for f in fields(Statistics))


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process that took part in a session. `started_at` is when the operating system started it."""

    host: str
    pid: int
    started_at: int
    boot_id: str | None = None
    seen_at: int | None = None
    ended_at: int | None = None
    dropped: int = 0
    host_env: Mapping[str, Json] | None = None


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent that took part in a session."""

    agent_id: str
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """One execution of a workflow, with everything that happened in it."""

    project_id: str
    session_id: str
    init_timestamp: int | None = None
    end_timestamp: int | None = None
    last_activity_at: int | None = None
    end_state: EndState = "Indeterminate"
    end_state_reason: str | None = None
    is_running: bool = False
    tags: tuple[str, ...] = ()
    video: str | None = None
    host_env: Mapping[str, Json] | None = None
    processes: tuple[Process, ...] = ()
    agents: tuple[Agent, ...] = ()
    statistics: Statistics = Statistics()

    @property
    def duration_ns(self) -> int | None:
        """From the start to the end, or to the last activity while there is no end."""
        until = self.end_timestamp or self.last_activity_at
        if self.init_timestamp is None or until is None:
            return None
        return max(0, until - self.init_timestamp)


# --- JSON ------------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIMES = frozenset({"init_timestamp", "end_timestamp", "last_activity_at", "started_at", "seen_at", "ended_at"})
_LATEST_NS = 253_402_300_799_999_999_999  # 9999-12-31T23:59:59.999999999Z, the last moment ISO 8601 here can say


def iso8601(time_ns: int) -> str:
    """`2026-11-22T13:40:00.123456Z`. Moments outside the years 1970 to 9999 are moved to the nearest one inside."""
    seconds, nanos = divmod(min(max(time_ns, 0), _LATEST_NS), 1_000_000_000)
    return f"{_whole_second(seconds)}.{nanos // 1000:06d}Z"


@functools.lru_cache(maxsize=1024)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def nanoseconds(iso: str) -> int:
    """The inverse of `iso8601`; takes any ISO 8601 moment, naive ones as UTC. Raises ValueError on other text."""
    moment = datetime.fromisoformat(iso[:-1] + "+00:00" if iso.endswith(("Z", "z")) else iso)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def plain_decimal(value: Decimal) -> Decimal:
    """The same number without trailing zeros, so that equal numbers are written alike: 0.10 and 0.1."""
    return value.normalize(EXACT) if value else Decimal(0)


def decimal_text(value: Decimal | None) -> str | None:
    """`0.000123`, never in exponent form; None stays None."""
    return None if value is None else format(plain_decimal(value), "f")


def to_json(record: Session | Event) -> dict[str, Json]:
    """The one public JSON shape of a session or an event, ready for `json.dumps`."""
    return _session_json(record) if isinstance(record, Session) else _event_json(record)


def _event_json(event: Event) -> dict[str, Json]:
    out: dict[str, Json] = {"event_type": event.event_type}
    for name in _field_names(type(event)):
        out[name] = _json_value(name, getattr(event, name))
    if isinstance(event, Failure):
        out["timestamp"] = out["init_timestamp"]
    return out


def _session_json(session: Session) -> dict[str, Json]:
    out = {name: _json_value(name, getattr(session, name)) for name in _field_names(Session)}
    statistics = out["statistics"]
    statistics["cost_is_lower_bound"] = session.statistics.cost_is_lower_bound
    duration = session.duration_ns
    statistics["duration_ms"] = None if duration is None else duration / 1_000_000
    return out


def _field_names(cls: type[Any]) -> tuple[str, ...]:
    return _FIELD_NAMES[cls]


def _json_value(name: str, value: Any) -> Json:
    if value is None:
        return None
    if name in _TIMES:
        return iso8601(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, (Usage, Price, Statistics, Process, Agent)):
        return {key: _json_value(key, getattr(value, key)) for key in _field_names(type(value))}
    if isinstance(value, tuple):
        return [_json_value("", item) for item in value]
    return value


def session_from_json(data: Mapping[str, Json]) -> Session:
    """The inverse of `to_json` for sessions, at the microsecond precision of JSON. Unknown keys are ignored."""
    values = _known(Session, data)
    values["tags"] = tuple(data.get("tags") or ())
    values["processes"] = tuple(Process(**_known(Process, item)) for item in data.get("processes") or ())
    values["agents"] = tuple(Agent(**_known(Agent, item)) for item in data.get("agents") or ())
    counts = _known(Statistics, data.get("statistics") or {})
    values["statistics"] = Statistics(**{**counts, "cost": Decimal(counts.get("cost") or 0)})
    return Session(**values)


def event_from_json(data: Mapping[str, Json]) -> Event:
    """The inverse of `to_json` for events. Unknown keys are ignored; an unknown `event_type` raises ValueError."""
    cls = EVENT_CLASSES.get(data.get("event_type", ""))
    if cls is None:
        raise ValueError(f"event_type is {data.get('event_type')!r}; expected one of {', '.join(EVENT_TYPES)}")
    values = _known(cls, data)
    values["extra"] = dict(data.get("extra") or {})
    if values.get("cost") is not None:
        values["cost"] = Decimal(str(values["cost"]))
    if cls is LLMCall:
        values["usage"] = Usage(**_known(Usage, data.get("usage") or {}))
        values["price"] = Price(**_known(Price, data["price"])) if data.get("price") else None
        values["finish_reasons"] = tuple(data.get("finish_reasons") or ())
    return cls(**values)


def _known(cls: type, data: Mapping[str, Json]) -> dict[str, Any]:
    values = {name: data[name] for name in _field_names(cls) if name in data}
    for name in _TIMES.intersection(values):
        values[name] = None if values[name] is None else nanoseconds(values[name])
    return values


def total(parts: Iterable[Statistics]) -> Statistics:
    """The sum of many statistics."""
    return functools.reduce(Statistics.__add__, parts, Statistics())


_FIELD_NAMES: dict[type[Any], tuple[str, ...]] = {
    cls: tuple(f.name for f in fields(cls))
    for cls in (Session, Process, Agent, Statistics, Usage, Price, *EVENT_CLASSES.values())
}
