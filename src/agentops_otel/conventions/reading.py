"""Reading: what a dialect read of one span. Dialect: what a vocabulary has to be able to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from agentops_otel.facts import SessionFacts
from agentops_otel.records import Json, Message, Price, Usage
from agentops_otel.spans import FlatSpan

Kind = Literal["session", "marker", "llms", "tools", "actions", "apis", "errors", "ignore"]
"""What a span is. "session" is the root span of a session, "marker" only carries session facts, "ignore" is a span that
repeats another (a pending span, a log twin) and becomes nothing."""


@dataclass(init=False)
class Reading:
    """What a dialect read of one span; None means that this dialect does not say.

    `usage` is in disjoint buckets: the dialect knows whether its vocabulary counts cached tokens inside the input.
    `consumed` says which attribute or span event was read into which field, so that the others survive in
    `Event.extra`: also those whose field the kind of event has no place for, or another dialect filled with something
    else. An attribute that is read into no field, as a version or a flag, has the empty text.
    `failed` says that it failed although its status does not.
    `marks` are sentences about what was contradictory or cut; they are kept in `Event.extra["otel"]`.
    """

    kind: Kind | None = None
    name: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    revision: int | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    params: Json = None
    returns: Json = None
    truncated: bool | None = None
    failed: bool | None = None
    # model calls
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    request_model: str | None = None
    response_id: str | None = None
    prompt: list[Message] | Json = None
    completion: list[Message] | Json = None
    usage: Usage | None = None
    cost: Decimal | None = None
    price: Price | None = None
    time_to_first_token_ms: float | None = None
    finish_reasons: tuple[str, ...] | None = None
    estimated: bool | None = None
    # tools, actions
    logs: Json = None
    action_type: str | None = None
    screenshot: str | None = None
    # apis
    method: str | None = None
    target: str | None = None
    status: str | None = None
    # errors
    error_type: str | None = None
    code: str | None = None
    details: Json = None
    trigger_event_id: str | None = None
    trigger_event_type: str | None = None
    # sessions
    session: SessionFacts | None = None

    consumed: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)

    def __init__(self, consumed: dict[str, str] | None = None, marks: list[str] | None = None, **said: Any) -> None:
        """Only what is said is set, so that a reading costs what it says: one is made for each span and vocabulary."""
        self.consumed = {} if consumed is None else consumed
        self.marks = [] if marks is None else marks
        vars(self).update(said)


class Dialect(Protocol):
    """One vocabulary of attributes. Stateless; `read` never raises on malformed values, it leaves the field None.

    `roots` are the first segments (`gen_ai` of `gen_ai.request.model`) of the attribute names it is made of; a span
    without any of them is not asked about. A vocabulary that goes by span names or events has no roots.
    """

    @property
    def name(self) -> str: ...

    @property
    def roots(self) -> frozenset[str]: ...

    def matches(self, span: FlatSpan) -> bool:
        """Whether the span speaks this vocabulary at all; cheap."""
        ...

    def read(self, span: FlatSpan) -> Reading:
        """What this vocabulary says of the span."""
        ...
