"""Which session and which agent are current.

Both travel in the OpenTelemetry context, so they follow asyncio tasks, explicit `context=` arguments and whatever
copies contextvars. A process also knows its active sessions: where the context says nothing and exactly one session is
active, that one is meant; of several, none is guessed.
"""

from __future__ import annotations

import sys
from typing import NamedTuple, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, Tracer

SESSION_BAGGAGE = "agentops.session.id"
"""The baggage entry that carries a session id to other processes."""

_SESSION = otel_context.create_key("agentops_otel.session")
_AGENT = otel_context.create_key("agentops_otel.agent")


class ActiveSession(Protocol):
    """What makers of spans need of a session that is going on in this process."""

    @property
    def key(self) -> str:
        """The session id as text, as it is stamped on spans."""
        ...

    @property
    def root(self) -> SpanContext:
        """The root span, the parent of spans that have no other."""
        ...

    @property
    def tracer(self) -> Tracer:
        """Makes spans that the host's sampler cannot drop."""
        ...

    @property
    def is_running(self) -> bool:
        """False once it has been ended here."""
        ...


class Agent(NamedTuple):
    """The agent on whose behalf something is done."""

    agent_id: str
    name: str


class ActiveSessions:
    """The sessions that are going on in this process, by id. Reads and writes are atomic; no lock is taken."""

    def __init__(self) -> None:
        self._by_id: dict[str, ActiveSession] = {}
        self._by_trace: dict[int, ActiveSession] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, session: ActiveSession) -> None:
        """Make a session known."""
        self._by_id[session.key] = session
        self._by_trace[session.root.trace_id] = session

    def discard(self, session: ActiveSession) -> None:
        """Forget a session; one that is not known is no error."""
        self._by_id.pop(session.key, None)
        self._by_trace.pop(session.root.trace_id, None)

    def get(self, session_id: str) -> ActiveSession | None:
        """The active session with that id."""
        return self._by_id.get(session_id)

    def of_trace(self, trace_id: int) -> ActiveSession | None:
        """The active session whose root trace that is."""
        return self._by_trace.get(trace_id)

    def sole(self) -> ActiveSession | None:
        """The one active session, None if there are none or several."""
        sessions = list(self._by_id.values())
        return sessions[0] if len(sessions) == 1 else None

    def all(self) -> list[ActiveSession]:
        """Every active session, oldest first."""
        return list(self._by_id.values())


active = ActiveSessions()
"""The sessions of this process. A fact about the process, as the contextvars are, hence a module's."""


def current(context: Context | None = None) -> ActiveSession | None:
    """The session that is meant in `context` (default: the current one); None if there is none or it is ambiguous."""
    if context is None:
        context = otel_context.get_current()
    session = context.get(_SESSION)
    if session is not None and session.is_running:  # type: ignore[attr-defined]
        return session  # type: ignore[return-value]
    if not len(active):
        return None
    parent = trace.get_current_span(context).get_span_context()
    if parent.is_valid:
        known = active.of_trace(parent.trace_id)
        if known is not None:
            return known
    return _carried(context) or active.sole()


def is_named(session: ActiveSession) -> bool:
    """Whether the current context itself says that it is in this session."""
    return otel_context.get_value(_SESSION) is session


def _carried(context: Context) -> ActiveSession | None:
    """The active session that the baggage names. Where nobody has imported baggage, the context holds none."""
    baggage = sys.modules.get("opentelemetry.baggage")
    get = getattr(baggage, "get_baggage", None)
    carried = get(SESSION_BAGGAGE, context) if get is not None else None
    return active.get(carried) if isinstance(carried, str) else None


def entered() -> ActiveSession | None:
    """The session that the current context was made for, even if it has ended."""
    return otel_context.get_current().get(_SESSION)  # type: ignore[return-value]


def agent(context: Context | None = None) -> Agent | None:
    """The current agent, None outside of any."""
    found = otel_context.get_value(_AGENT, context)
    return found if isinstance(found, Agent) else None


def with_session(session: ActiveSession, context: Context | None = None) -> Context:
    """`context` inside `session`: the session is current and its root span is the parent of new spans."""
    return otel_context.set_value(_SESSION, session, trace.set_span_in_context(remote_parent(session.root), context))


def with_agent(who: Agent, context: Context | None = None) -> Context:
    """`context` on behalf of an agent."""
    return otel_context.set_value(_AGENT, who, context)


def with_span(span: Span, context: Context | None = None) -> Context:
    """`context` with the span as the parent of new spans."""
    return trace.set_span_in_context(span, context)


def here() -> Context:
    """The current context."""
    return otel_context.get_current()


def parent_context(session: ActiveSession | None) -> Context:
    """The context in which a span of ours starts: the current one where it has a span, else the session's root."""
    context = otel_context.get_current()
    if session is None:
        return context
    if current(context) is session and trace.get_current_span(context).get_span_context().is_valid:
        return context
    return with_session(session, context)


def remote_parent(span_context: SpanContext) -> NonRecordingSpan:
    """A parent known only by its ids."""
    return NonRecordingSpan(span_context)


def sampled(trace_id: int, span_id: int, *, is_remote: bool) -> SpanContext:
    """The context of a sampled span with these ids."""
    return SpanContext(trace_id, span_id, is_remote=is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class attached:
    """Make `context` current for a block.

    Leaving restores the context that was current before. Unlike `detach` this cannot fail when the block ends in
    another task or thread than it began in (a closed generator); then nothing is restored.
    """

    __slots__ = ("_before", "_context")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._before: Context | None = None

    def __enter__(self) -> None:
        self._before = otel_context.get_current()
        otel_context.attach(self._context)

    def __exit__(self, *exc_info: object) -> None:
        if self._before is not None and otel_context.get_current() is self._context:
            otel_context.attach(self._before)
