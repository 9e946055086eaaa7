"""The only wrapper: it watches one function and makes one span of every call, whatever the function returns.

A `Flight` *departs* when the call really begins and *lands* exactly once: when the value is there, or when the stream,
manager or raw response that was handed over has come to its end. The wrapper looks at the result, never at whether the
call was awaited, so sync and async calls take the same path. Whatever goes wrong in here is held back by `quietly`; the
caller gets what the client returned or raised.

The span is current while the client works on the request, so that HTTP instrumentation nests below it. It is never
current while the caller's code runs between two chunks.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import time
import weakref
from _thread import LockType, allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wrapt
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer

from agentops_otel import context as sessions
from agentops_otel.budget import Account, Asked, budgets
from agentops_otel.conventions import emit
from agentops_otel.conventions.exceptions import record_failure
from agentops_otel.guard import quietly
from agentops_otel.instruments import deferred, watchers
from agentops_otel.instruments.jobs import followed
from agentops_otel.instruments.spec import Operation, Provider, Route
from agentops_otel.instruments.taken import Taken, call_of
from agentops_otel.privacy import Policy

_IN_CALL = "agentops_otel.in_call"
_COLLECTS = "agentops_otel.collects_flights"
_NEIGHBOURS_IN_CALL = "suppress_language_model_instrumentation"
(_SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())
"""Under which the API keeps the current span."""
_MARKS = {_IN_CALL: True, _NEIGHBOURS_IN_CALL: True}
_STOPS = frozenset(
    {
        *_MARKS,
        "suppress_instrumentation",
        otel_context._SUPPRESS_INSTRUMENTATION_KEY,
        "opentelemetry.genai.client.inference.context",
    }
)
"""Keys of the context under which a call is not ours to record: somebody records it already, or nobody should.

Sources: OpenTelemetry (both spellings of suppress_instrumentation), OpenLLMetry, opentelemetry-util-genai 1.3b0.
"""


class Tower:
    """What all flights of one installation share. Once closed, every call passes as if not wrapped.

    It also knows whether the garbage collector is at work on a thread. The collector may run anywhere, even while that
    thread holds a lock of a span processor, so a flight that it finds must not end its span there.
    """

    __slots__ = ("_collecting_in", "_landing", "is_open", "jobs", "policy", "tracer")

    def __init__(self, tracer: Tracer, policy: Policy) -> None:
        self.tracer = tracer
        """Makes the spans of calls outside of any session."""
        self.policy = policy
        """What of prompts, answers and arguments may be written down."""
        self.is_open = True
        self.jobs: weakref.WeakValueDictionary[str, Flight] = weakref.WeakValueDictionary()
        """Calls that go on, by the ids that their provider gave them."""
        self._collecting_in: int | None = None
        self._landing: list[LockType] = []
        """One for each thread that lands a flight; held until it has."""
        gc.callbacks.append(self._note_collection)

    def close(self) -> None:
        """Let every call pass from now on; the lost flights that are being landed are waited for."""
        self.is_open = False
        self.settle(SETTLE_S)
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)

    def _note_collection(self, phase: str, info: dict[str, int]) -> None:
        self._collecting_in = get_ident() if phase == "start" else None

    def land_lost(self, flight: Flight) -> None:
        """Land a flight whose result is gone: here, or on a thread of its own if the collector found it."""
        if self._collecting_in == get_ident():
            landed = allocate_lock()
            landed.acquire()
            self._landing.append(landed)
            with contextlib.suppress(RuntimeError):  # the interpreter is shutting down
                start_new_thread(self._land_apart, (flight, landed))
                return
            self._landing.remove(landed)
        flight.land()

    def _land_apart(self, flight: Flight, landed: LockType) -> None:
        flight.land()
        self._landing.remove(landed)
        landed.release()

    def settle(self, timeout_s: float) -> None:
        """Wait until the lost flights that are being landed on threads of their own have ended their spans."""
        deadline = time.monotonic() + timeout_s
        for landed in [*self._landing]:
            landed.acquire(timeout=max(0.0, deadline - time.monotonic()))


SETTLE_S = 0.5
"""Longest wait for the spans of calls whose results the garbage collector has found."""


def watched(
    original: Any,
    provider: Provider,
    operation: Operation | Route,
    tower: Tower,
    *,
    prepares: bool = False,
    names: Sequence[str] = (),
) -> Any:
    """`original` as a function that records each of its calls. `names` are those of what it takes as `*args`."""
    names = names or positional_names(original)
    departs_later = prepares or _only_prepares(original)

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not tower.is_open or is_recorded_elsewhere(otel_context.get_current()):
            return wrapped(*args, **kwargs)
        asked: Mapping[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
        chosen: Operation | None
        if isinstance(operation, Operation):
            chosen = operation
        else:
            chosen, asked = _routed(operation, instance, asked)
            if chosen is None:
                return wrapped(*args, **kwargs)
        flight = Flight(tower, provider, chosen, instance, asked)
        try:
            if departs_later:
                result = wrapped(*args, **kwargs)
            else:
                with watchers.aloft(flight):
                    result = wrapped(*args, **kwargs)
        except BaseException as error:
            flight.land(error=error)
            raise
        return flight.hand_over(result)

    call.tower = tower  # type: ignore[attr-defined]
    return wrapt.FunctionWrapper(original, call)


def _routed(route: Route, instance: Any, asked: Mapping[str, Any]) -> tuple[Operation | None, Mapping[str, Any]]:
    with quietly("telling what is called"):
        found = route(instance, asked)
        if found is not None:
            return found
    return None, asked


def tower_of(wrapper: Any) -> Tower | None:
    """The tower whose calls a wrapper of ours watches; None for anybody else's."""
    found = getattr(getattr(wrapper, "_self_wrapper", None), "tower", None)
    return found if isinstance(found, Tower) else None


def collecting(original: Any, tower: Tower) -> Any:
    """`original`, whose manager ends the watched calls that were made when it was entered."""

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        if not tower.is_open or watchers.kind_of(type(result), None) != "manager":
            return result
        return watchers.watch("manager", result, _Collector())

    return wrapt.FunctionWrapper(original, call)


def silenced(original: property, is_private: Callable[[Any], bool], tower: Tower) -> property:
    """A client's own tracer, None within the calls that are watched."""

    def tracer(client: Any) -> Any:
        if tower.is_open and otel_context.get_value(_IN_CALL):
            with quietly("silencing a client's own spans"):
                if not is_private(client):
                    return None
        return original.__get__(client, type(client))

    return property(tracer)


class Silenced(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A client's own tracer as a variable of a module, whose spans are none within the calls that are watched.

    They would be current while the caller reads a stream, and what was current before them comes back at its end.
    """

    def __init__(self, tracer: Any, tower: Tower) -> None:
        super().__init__(tracer)
        self._self_tower = tower

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        """As the client's own."""
        if self._self_tower.is_open and otel_context.get_value(_IN_CALL):
            return contextlib.nullcontext(INVALID_SPAN)
        return self.__wrapped__.start_as_current_span(*args, **kwargs)


def seen_through(original: Any, tower: Tower) -> Any:
    """A metaclass's `__instancecheck__`, to which a watched result is what it watches."""

    def test(wrapped: Callable[..., bool], cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        (instance,) = args
        return isinstance(instance.__wrapped__, cls) if watchers.is_watched(instance) else wrapped(instance)

    test.tower = tower  # type: ignore[attr-defined]
    return wrapt.FunctionWrapper(original, test)


def is_recorded_elsewhere(context: Context) -> bool:
    """Whether a call in this context is recorded by somebody already, or suppressed."""
    if context.keys().isdisjoint(_STOPS):
        return False
    return any(context.get(key) for key in _STOPS)


def positional_names(function: Any) -> tuple[str, ...]:
    """The names of the parameters that may be given by position, without self."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = parameters if inspect.ismethod(function) else parameters[1:]
    return tuple(p.name for p in own if p.kind in positional)


def _only_prepares(function: Any) -> bool:
    """Whether a call only makes an object whose body runs later: a coroutine or a generator."""
    inner = inspect.unwrap(function)
    return any(
        test(inner) for test in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    )


class Flight(Taken):
    """One model call from its request to its end. For one thread at a time, as the clients' streams are."""

    __slots__ = ("__weakref__", "_context", "_has_landed", "_instance", "_ledger", "_source", "_span", "_tower")

    def __init__(
        self, tower: Tower, provider: Provider, operation: Operation, instance: Any, asked: Mapping[str, Any]
    ) -> None:
        super().__init__(
            provider,
            operation,
            {key: _kept(value) if type(value) is list else value for key, value in asked.items()},
        )
        self._tower = tower
        self._instance = instance
        self._context: Context | None = None
        self._span: Span | None = None
        self._source: Any = None
        self._ledger: Account | None = None
        self._has_landed = False

    def admit(self) -> None:
        """Raise BudgetExceeded where the session of the call has spent its budget; the call is then not made."""
        if self._context is not None or self._has_landed or not budgets:
            return
        try:
            self._ledger = budgets.admit(self, self._asked)
        except BaseException:
            if self._source is not None:
                self._source.close()
            raise

    def _asked(self) -> Asked:
        self._look_where_to()
        call = call_of(self, capture=False)
        return Asked(call.provider, call.request_model)

    def depart(self) -> Context:
        """Start the span if it has not started; the context in which the client works on the request."""
        if self._context is not None:
            return self._context
        if self._has_landed:
            return otel_context.get_current()
        session = sessions.current()
        parent = sessions.parent_context(session)
        tracer = self._tower.tracer if session is None else session.tracer
        name = emit.span_name(self.operation.name, self.asked.get(self.operation.model))
        self._span = tracer.start_span(name, parent, SpanKind.CLIENT, self.operation.opening)
        if self._ledger is not None:
            self._ledger.departed(self, self._span)
        self._context = Context({**parent, **_MARKS, _SPAN_KEY: self._span})
        collector = parent.get(_COLLECTS)
        if isinstance(collector, _Collector):
            collector.flights.append(self)
        self.started_s = time.perf_counter()
        self._look_where_to()
        return self._context

    def _look_where_to(self) -> None:
        """Where the call goes stands in the inside of the client, which may have moved."""
        try:
            self.origin = self.provider.origin(self._instance)
        except Exception as error:
            with quietly("telling where a model call goes"):
                raise error

    def hand_over(self, result: Any) -> Any:
        """What the caller gets: the value itself, after landing; or the result, watched until its end."""
        with quietly("watching the result of a model call"):
            if self._is_exchanged(result):
                return result
            job = self.provider.job
            if job is not None and type(result).__name__ == job.kind:
                followed(self, job, result, self._tower)
                return result
            kind = watchers.kind_of(type(result), self.provider)
            if kind == "value":
                self.land(result)
                return result
            if kind == "raw" and self._lands_raw(result):
                return result
            if kind == "coroutine":
                self._source = result
            return watchers.watch(kind, result, self)
        return result

    def _is_exchanged(self, result: Any) -> bool:
        """Whether the result only holds what is to be watched: that is exchanged in it, and the result stays itself."""
        provider, held, cls = self.provider, self.operation.holds, type(result).__name__
        if held is not None and self.head is None and isinstance(result, dict) and held in result:
            self.head = result.copy()
            result[held] = self.hand_over(result[held])
        elif cls in provider.streams_within:
            within = provider.streams_within[cls]
            setattr(result, within, self.hand_over(getattr(result, within)))
        else:
            return False
        return True

    def _lands_raw(self, raw: Any) -> bool:
        """Land with a raw response that is complete, so that it can be handed over as it is; False if it is not."""
        if self.asked.get("stream") is not True:
            self.see_body(raw)
        if self.body is None:
            return False
        self.land()
        return True

    def see(self, chunk: Any) -> None:
        """Take note of a chunk."""
        if self.first_chunk_s is None:
            self.first_chunk_s = time.perf_counter()
        fold = self.operation.fold
        if fold is not None:
            try:
                self.response = fold(self.response, chunk)
            except Exception as error:
                with quietly("reading a chunk of a model's answer"):
                    raise error

    def see_bytes(self, piece: bytes, *, is_last: bool) -> None:
        """Take note of a piece of a body; the call ends with the last one."""
        if not isinstance(self.body, bytearray):
            self.body = bytearray()
        self.body += piece
        if is_last:
            self.land()

    def see_body(self, raw: Any) -> None:
        """Take note of a raw response, as far as its body has been read."""
        if self.provider.raw is not None:
            self.body = self.provider.raw.body(raw)

    def land(self, response: Any = None, *, error: BaseException | None = None) -> None:
        """End the span with what is known; every time but the first is ignored. One that never departed has no span.

        A generator or coroutine that its owner closed (GeneratorExit) was left early, which is no error.
        """
        if self._has_landed:
            return
        self._has_landed = True
        span, self._span, self._context, self._instance = self._span, None, None, None
        ledger, self._ledger = self._ledger, None
        if span is not None:
            self._end(span, response, error)
        if ledger is not None:
            ledger.done(self, span)

    def _end(self, span: Span, response: Any, error: BaseException | None) -> None:
        with quietly("ending the span of a model call"):
            if response is not None:
                self.response = response
            if error is not None and not isinstance(error, GeneratorExit):
                record_failure(span, error, capture=self._tower.policy.captures, keep=self._tower.policy.text)
            deferred.set_attributes(span, self._attributes)
        span.end()

    def _attributes(self) -> emit.Attributes:
        policy = self._tower.policy
        return emit.attributes(call_of(self, capture=policy.captures), capture=policy.captures, keep=policy.value)

    def __del__(self) -> None:
        """A call whose result was dropped has ended. A coroutine that never ran made none, and only warns once."""
        if self._source is not None:
            self._source.close()
        if not self._has_landed:
            self._tower.land_lost(self)


def _kept(messages: list[Any]) -> list[Any]:
    """Agents append to their list of messages, and change messages, after the call: this is as it was."""
    return [message.copy() if type(message) is dict else message for message in messages]


class _Collector:
    """Stands for the calls that are made while a manager is entered; lands them all when it is left."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []

    def admit(self) -> None:
        """The calls are asked themselves."""

    def depart(self) -> Context:
        return otel_context.set_value(_COLLECTS, self)

    def hand_over(self, result: Any) -> Any:
        return result

    def see(self, chunk: Any) -> None:
        """A manager has no chunks of its own."""

    def see_bytes(self, piece: bytes, *, is_last: bool) -> None:
        """Nor has it a body."""

    def see_body(self, raw: Any) -> None:
        """Nor is it a raw response."""

    def land(self, response: Any = None, *, error: BaseException | None = None) -> None:
        for flight in self.flights:
            flight.land()
