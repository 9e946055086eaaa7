"""Session: the handle of one session in this process, on top of a root span and its markers."""

from __future__ import annotations

import functools
import inspect
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

from agentops_otel import context
from agentops_otel.budget import REASON, budgets
from agentops_otel.conventions.markers import KIND_SESSION, Marker, ProcessMark
from agentops_otel.errors import BudgetExceeded
from agentops_otel.guard import logger, quietly
from agentops_otel.privacy import Policy

if TYPE_CHECKING:
    from decimal import Decimal

    from agentops_otel import records
    from agentops_otel.events import Event
    from agentops_otel.ledger import Books, OnExceed
    from agentops_otel.records import Json

F = TypeVar("F", bound=Callable[..., Any])

MAX_ID = 256
"""Longest session id, in characters."""


class EndState(str, Enum):
    """How a session ended. Members are texts, too; `Fail` is AgentOps' older word for `Failure`."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    FAIL = "Failure"
    INDETERMINATE = "Indeterminate"


_END_STATES: Mapping[str, Any] = {"Fail": "Failure", **{state.value: state.value for state in EndState}}


class OwnTracer(NamedTuple):
    """What makes our spans, and chooses their ids. One value, because the host may set its provider while we run."""

    tracer: Tracer
    ids: PlannedIds


class SessionHome(Protocol):
    """What a session needs of the process it lives in."""

    @property
    def own(self) -> OwnTracer: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def app_url(self) -> str: ...

    def process(self, session_id: str) -> ProcessMark:
        """This process, as it is to be named in the session."""
        ...

    def host_env(self) -> Json:
        """The host environment, in AgentOps' shape."""
        ...

    def host_outline(self) -> Json:
        """What of it is known at once."""
        ...

    @property
    def gathered_host_env(self) -> Json:
        """All of it, if it has been gathered."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is queued."""
        ...

    def record_of(self, session_id: str) -> records.Session | None:
        """The session as all processes together have recorded it, None where that cannot be read."""
        ...

    @property
    def books(self) -> Books:
        """Where the cost of sessions can be looked up."""
        ...

    def budgeted(self) -> None:
        """The budget of a session has changed."""
        ...

    def whereabouts(self, session_id: str) -> list[str]:
        """Lines that tell where the session is kept and how to see more of it."""
        ...

    def closed(self, session: Session) -> None:
        """The session has been ended here."""
        ...


class PlannedIds(RandomIdGenerator):
    """Random ids, except where the next trace and span id of this thread have been planned."""

    def __init__(self, host: IdGenerator) -> None:
        self._host = host
        self._planned = threading.local()

    def plan(self, trace_id: int, span_id: int) -> None:
        """Give these ids to the next root span of this thread."""
        self._planned.ids = (trace_id, span_id)

    def clear(self) -> None:
        """Forget a plan that nobody used."""
        self._planned.ids = None

    def generate_trace_id(self) -> int:
        """The planned trace id, or one of the host's generator."""
        planned = getattr(self._planned, "ids", None)
        return planned[0] if planned else self._host.generate_trace_id()

    def generate_span_id(self) -> int:
        """The planned span id, once, or one of the host's generator."""
        planned = getattr(self._planned, "ids", None)
        self._planned.ids = None
        return planned[1] if planned else self._host.generate_span_id()


def root_of(session_id: str) -> tuple[int, int]:
    """Trace id and root span id of a session: a UUID is its trace id, other ids are hashed; the span id is derived.

    So a process that knows only the session id can parent its spans correctly.
    """
    try:
        trace_id = uuid.UUID(session_id).int
    except ValueError:
        import hashlib

        trace_id = int.from_bytes(hashlib.sha256(session_id.encode("utf-8", "replace")).digest()[:16], "big")
    return trace_id or 1, _mixed(trace_id >> 64 ^ trace_id & _64_BITS) or 1


_64_BITS = 0xFFFFFFFFFFFFFFFF


def _mixed(bits: int) -> int:
    """64 bits, each depending on all bits given. (hashlib would load OpenSSL at the start of every program.)

    Source: the finalizer of SplitMix64; Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
    """
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _64_BITS
    return bits ^ bits >> 31


class Session:
    """One execution of a workflow, as this process sees it. Made by `start_session` or `init`, not directly.

    Also a context manager, sync and async: leaving the block ends the session `Success`, or `Failure` with the
    exception as reason. Every method may be called from any thread.
    """

    def __init__(self, home: SessionHome, session_id: str, tags: tuple[str, ...], *, joined: bool) -> None:
        self._home = home
        self._joined = joined
        self._lock = threading.RLock()
        self._tags = [home.policy.text(tag) for tag in tags]
        self._video: str | None = None
        self._end_state: str = "Indeterminate"
        self._end_state_reason: str | None = None
        self._running = True
        self._announced = False
        self._described = False
        self._started_ns = time.time_ns()
        self._ended_ns: int | None = None
        self._counts: Counter[str] = Counter()
        self._last: records.Session | None = None
        self._attached: list[context.attached] = []
        self.key = session_id
        self.root, self._span = self._start_root()

    # --- starting ---------------------------------------------------------------------------------------------------

    def _start_root(self) -> tuple[SpanContext, Span | None]:
        trace_id, span_id = root_of(self.key)
        if self._joined:
            return context.sampled(trace_id, span_id, is_remote=True), None
        around = trace.get_current_span().get_span_context()
        tracer, ids = self._home.own
        ids.plan(trace_id, span_id)
        try:
            span = tracer.start_span(
                "session",
                context=otel_context.Context(),
                attributes=Marker().attributes(self.key, KIND_SESSION),
                links=[Link(around)] if around.is_valid else [],
                start_time=self._started_ns,
            )
        finally:
            ids.clear()
        root = span.get_span_context()
        return (root if root.is_valid else context.sampled(trace_id, span_id, is_remote=False)), span

    @property
    def announced(self) -> bool:
        """Whether the start marker of this process was exported."""
        return self._announced

    def announce(self) -> None:
        """Export the start marker: the session is visible from now on."""
        self._announced = True
        env = self._home.gathered_host_env
        self._described = env is not None
        process = self._home.process(self.key)._replace(host_env=env)
        self._mark(Marker(started=not self._joined, tags_added=self._tags or None, process=process))

    def forked(self) -> None:
        """This is a forked child: the root span is the parent's to end, and the child has not been announced."""
        self._lock = threading.RLock()
        self._span, self._joined, self._announced = None, True, False
        ledger = budgets.of(self.key)
        if ledger is not None:
            ledger.forked()

    def activate(self) -> None:
        """Make the session current in this context, until it ends."""
        attached = context.attached(context.with_session(self))
        attached.__enter__()
        self._attached.append(attached)

    def _deactivate(self) -> None:
        while self._attached:
            self._attached.pop().__exit__()

    @property
    def tracer(self) -> Tracer:
        """Makes spans that the host's sampler cannot drop."""
        return self._home.own.tracer

    @property
    def policy(self) -> Policy:
        """What of prompts, arguments and results may be recorded."""
        return self._home.policy

    @property
    def books(self) -> Books:
        """Where the cost of sessions can be looked up by now."""
        return self._home.books

    def _mark(self, marker: Marker, at_ns: int | None = None) -> None:
        with quietly("exporting a session marker"):
            at_ns = at_ns or time.time_ns()
            span = self.tracer.start_span(
                "session.marker",
                context=context.with_session(self, otel_context.Context()),
                attributes=marker.attributes(self.key),
                start_time=at_ns,
            )
            span.end(at_ns)

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def session_id(self) -> uuid.UUID | str:
        """The id: a UUID, or the text that was inherited. `str()` of it is what is stored."""
        try:
            return uuid.UUID(self.key)
        except ValueError:
            return self.key

    @property
    def session_url(self) -> str:
        """Where `agentops-otel serve` shows the session."""
        return f"{self._home.app_url}/sessions/{self.key}"

    @property
    def is_running(self) -> bool:
        """Whether it has not been ended in this process."""
        return self._running

    @property
    def tags(self) -> list[str]:
        """The tags given in this process, in order."""
        return list(self._tags)

    @property
    def video(self) -> str | None:
        """The URL of a recording."""
        return self._video

    @property
    def init_timestamp(self) -> str:
        """When it was started (or joined) here; ISO 8601, UTC."""
        return _iso8601(self._started_ns)

    @property
    def end_timestamp(self) -> str | None:
        """When it was ended here; ISO 8601, UTC; None while it runs."""
        return None if self._ended_ns is None else _iso8601(self._ended_ns)

    @property
    def end_state(self) -> str:
        """Success, Failure or Indeterminate; the last while it runs."""
        return self._end_state

    @property
    def end_state_reason(self) -> str | None:
        """Why it ended so."""
        return self._end_state_reason

    @property
    def host_env(self) -> Json:
        """The host environment, in AgentOps' shape. Gathered when first asked for; takes about a tenth of a second."""
        return self._home.host_env()

    def describe_host(self) -> None:
        """Export the host environment, once; called from a background thread."""
        if self._running and not self._described:
            self._described = True
            self._mark(Marker(process=self._home.process(self.key)._replace(host_env=self._home.host_env())))

    def _last_of_process(self) -> ProcessMark:
        """This process at the end, with the outline of its host where there was no time for more."""
        process = self._home.process(self.key)
        return process if self._described else process._replace(host_env=self._home.host_outline())

    @property
    def event_counts(self) -> dict[str, int]:
        """Events by kind, over all processes where the store can be asked: llms, tools, actions, apis, errors."""
        from agentops_otel.records import EVENT_TYPES

        record = self._recorded()
        return {kind: getattr(record.statistics, kind) if record else self._counts[kind] for kind in EVENT_TYPES}

    @property
    def token_cost(self) -> Decimal:
        """US dollars so far; a lower bound where calls have no known price."""
        from decimal import Decimal

        record = self._recorded()
        return record.statistics.cost if record else Decimal(0)

    def __repr__(self) -> str:
        return f"<Session {self.key} {'running' if self._running else self._end_state}>"

    # --- what happens in it -----------------------------------------------------------------------------------------

    def record(self, event: Event, flush_now: bool = False) -> None:
        """Record an event. The same event recorded again replaces what was recorded before; after the end, nothing."""
        from agentops_otel.events import Event

        if not isinstance(event, Event):
            logger.warning("record(%r): not an event; give an ActionEvent, LLMEvent, ToolEvent or ErrorEvent", event)
            return
        if not self._running:
            logger.warning("record: session %s has ended; the event is not recorded", self.key)
            return
        with quietly("recording an event"):
            self._record(event)
        if flush_now:
            self._home.flush(FLUSH_S)

    def _record(self, event: Event) -> None:
        from agentops_otel.capture import event_as
        from agentops_otel.conventions.agentops import EVENT_REVISION
        from agentops_otel.conventions.writeback import attributes_of
        from agentops_otel.events import record_of

        now_ns = time.time_ns()
        if event.end_timestamp is None:
            event.end_timestamp = _iso8601(now_ns)
        record = event_as(self.policy, record_of(event, self.key, now_ns))
        if event.session_id is None:
            event.session_id = self.session_id
            self._counts[record.event_type] += 1
        attributes = attributes_of(record)
        span = self.tracer.start_span(
            record.name,
            context=context.parent_context(self),
            kind=SpanKind.CLIENT if record.event_type == "llms" else SpanKind.INTERNAL,
            attributes={**attributes, EVENT_REVISION: now_ns},
            start_time=record.init_timestamp,
        )
        span.end(record.end_timestamp)

    def add_tags(self, tags: Any) -> None:
        """Append tags, a list or one text, without duplicates."""
        new = [tag for tag in map(self.policy.text, checked_tags(tags)) if tag not in self._tags]
        if new and self._may_change("add_tags"):
            self._tags.extend(new)
            self._mark(Marker(tags_added=new))

    def set_tags(self, tags: Any) -> None:
        """Replace all tags by a list or one text."""
        if self._may_change("set_tags"):
            self._tags = [self.policy.text(tag) for tag in checked_tags(tags)]
            self._mark(Marker(tags_set=self._tags))

    def set_video(self, video: str) -> None:
        """Attach the URL of a recording."""
        if self._may_change("set_video"):
            self._video = video
            self._mark(Marker(video=str(video)))

    def create_agent(self, name: str, agent_id: str | None = None) -> str:
        """Make an agent known; returns its id."""
        agent_id = str(agent_id or uuid.uuid4())
        if self._may_change("create_agent"):
            self._mark(Marker(agent=(agent_id, str(name))))
        return agent_id

    def _may_change(self, call: str) -> bool:
        if not self._running:
            logger.warning("%s: session %s has ended; nothing changes", call, self.key)
        return self._running

    def patch(self, func: F) -> F:
        """`func` with the keyword `session=self` filled in."""

        @functools.wraps(func)
        def patched(*args: Any, **kwargs: Any) -> Any:
            kwargs["session"] = self
            return func(*args, **kwargs)

        return patched  # type: ignore[return-value]

    # --- what it may cost -------------------------------------------------------------------------------------------

    def budget(
        self,
        usd: Decimal | float | str | None,
        on_exceed: OnExceed = "raise",
        *,
        unpriced: Literal["allow", "refuse"] | Decimal | float | str = "allow",
        reserve: Decimal | float | str = 0,
    ) -> None:
        """Make no model call of this session any more once it has cost `usd` US dollars; None takes the budget away.

        What a call beyond the budget meets: "raise", BudgetExceeded; "end", the same after the session has ended
        Failure with the reason "budget"; a function, which is called with that exception instead: what it raises
        reaches the caller, and if it returns the call is made. `unpriced` says what a call without a known price
        counts for: nothing ("allow"), so many dollars, or it is not made ("refuse"). `reserve` is what a call under way
        is taken to cost until it has ended. Given again, the new terms hold. Raises InvalidValueError.
        """
        if usd is None:
            budgets.remove(self.key)
        else:
            from agentops_otel.ledger import Ledger, terms_of

            terms = terms_of(usd, on_exceed, unpriced, reserve)
            known = budgets.of(self.key)
            if isinstance(known, Ledger):
                known.terms = terms
            else:
                budgets.put(Ledger(self, terms))
        self._home.budgeted()

    # --- what it came to --------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Deliver what was recorded up to now; False if that took longer than two seconds, or failed."""
        return self._home.flush(FLUSH_S)

    def _recorded(self) -> records.Session | None:
        if self._running or self._last is None:
            with quietly("reading the session back"):
                self.flush()
                self._last = self._home.record_of(self.key)
        return self._last

    def get_analytics(self) -> dict[str, int | str]:
        """LLM calls, Tool calls, Actions, Errors (counts), Duration ("2m 3.0s") and Cost (US dollars), up to now."""
        counts = self.event_counts
        until_ns = self._ended_ns or time.time_ns()
        cost = self.token_cost
        return {
            "LLM calls": counts["llms"],
            "Tool calls": counts["tools"],
            "Actions": counts["actions"],
            "Errors": counts["errors"],
            "Duration": duration_text((until_ns - self._started_ns) / 1e9),
            "Cost": cost_text(cost) if cost else "0.00",
        }

    def summary(self) -> str:
        """The session as a table for a terminal, with the path of the store and the command that shows more."""
        from agentops_otel.text import session_table

        record = self._recorded()
        if record is None:
            return f"session {self.key}: {self._end_state}; nothing was recorded yet"
        return "\n".join([session_table(record), *self._home.whereabouts(self.key)])

    # --- ending -----------------------------------------------------------------------------------------------------

    def end_session(
        self,
        end_state: str = "Indeterminate",
        end_state_reason: str | None = None,
        video: str | None = None,
    ) -> str | None:
        """End the session, deliver everything, and return what it cost in US dollars, as text ("0.012305").

        The cost covers all processes where the store can be asked, and is a lower bound where calls have no known
        price. `end_state` is Success, Failure (or Fail) or Indeterminate; another word is warned about and becomes
        Indeterminate. Ending it again changes nothing and returns None.
        """
        state = _state_of(end_state)
        if state is None:
            named = ", ".join(EndState)
            logger.warning("end_state=%r is not one of %s: the session ends Indeterminate", end_state, named)
            end_state_reason = end_state_reason or f"unknown end state {end_state!r}"
        with self._lock:
            if not self._running:
                logger.warning("end_session: session %s has ended already, as %s", self.key, self._end_state)
                return None
            self._running = False
            self._ended_ns = time.time_ns()
        if end_state_reason is not None:
            end_state_reason = self.policy.text(str(end_state_reason))
        self._end_state, self._end_state_reason = state or "Indeterminate", end_state_reason
        self._video = video or self._video
        with quietly("ending a session"):
            self._finish(video)
        return cost_text(self.token_cost)

    def _finish(self, video: str | None) -> None:
        if not self._announced:
            self.announce()
        end = Marker(
            end_state=_state_of(self._end_state),
            end_state_reason=self._end_state_reason,
            video=video,
            process=self._last_of_process(),
        )
        if self._span is None:
            self._mark(end, self._ended_ns)
        else:
            self._span.set_attributes(end.attributes(self.key, KIND_SESSION))
            if self._end_state == "Failure":
                self._span.set_status(Status(StatusCode.ERROR, self._end_state_reason))
            self._span.end(self._ended_ns)
        self._last = None
        self._deactivate()
        self._home.closed(self)

    def failing(self, reason: str, error: BaseException | None = None) -> None:
        """Say that the session fails, without ending it: a later explicit end still wins."""
        from agentops_otel.facts import EndRank

        self._mark(Marker(end_state="Failure", end_state_reason=reason, end_rank=EndRank.SIGNAL))
        if error is not None:
            self._record_error(error)

    def _record_error(self, error: BaseException) -> None:
        from agentops_otel.events import ErrorEvent

        self.record(ErrorEvent(exception=error))

    def leave(self) -> None:
        """The process exits: say goodbye and close the root span, without an end state."""
        if not self._running:
            return
        self._running = False
        self._deactivate()
        if not self._announced:  # a forked child that did nothing
            return
        self._mark(Marker(process=self._last_of_process()._replace(ended=True)))
        if self._span is not None:
            self._span.end()

    def __enter__(self) -> Session:
        """Make the session current here too: a task or thread may not have the context that it was started in."""
        if self._running and not context.is_named(self):
            self.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._running:
            return
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.end_session("Success")
            return
        if isinstance(error, Exception):
            self._record_error(error)
        self.end_session("Failure", reason_of(error, self.policy))

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


FLUSH_S = 2.0
"""Longest wait of `end_session`, `get_analytics` and `record(flush_now=True)` for the exporter."""


def _state_of(end_state: Any) -> records.EndState | None:
    return _END_STATES.get(str(getattr(end_state, "value", end_state)))


def reason_of(error: BaseException, policy: Policy) -> str:
    """`ValueError: no such city`, as far as content may be recorded; of a budget that is spent, its own word."""
    if isinstance(error, BudgetExceeded):
        return REASON
    text = policy.text(str(error)) if policy.captures else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _iso8601(at_ns: int) -> str:
    from agentops_otel.records import iso8601

    return iso8601(at_ns)


def cost_text(cost: Decimal) -> str:
    """US dollars with at least six decimals, and as many more as it takes to be exact."""
    from agentops_otel.records import decimal_text

    text = decimal_text(cost) or "0"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(6, '0')}"


def duration_text(seconds: float) -> str:
    """`0.4s`, `2m 3.0s`, `1h 0.1s`."""
    hours, rest = divmod(max(0.0, seconds), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{int(hours)}h"] * bool(hours) + [f"{int(minutes)}m"] * bool(minutes)
    return " ".join([*parts, f"{rest:.1f}s"])


def checked_tags(tags: Any) -> tuple[str, ...]:
    """Tags as texts without duplicates; a bare text is one tag; what is no text is warned about and turned into one."""
    if tags is None:
        return ()
    if isinstance(tags, str):
        return (tags,)
    try:
        given = list(tags)
    except TypeError:
        given = [tags]
    odd = [tag for tag in given if not isinstance(tag, str)]
    if odd or isinstance(tags, Mapping):
        logger.warning("tags=%r holds what is not a text: recorded by its str(); give a list of texts", tags)
    return tuple(dict.fromkeys(str(tag) for tag in given))


def takes_session(func: Callable[..., Any]) -> bool:
    """Whether a function has a parameter of its own named session."""
    try:
        return "session" in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False
