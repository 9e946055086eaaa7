"""Decorators: record_action, record_tool, record_function, track_agent.

They work on functions, methods, coroutine functions, generators, async generators and classes, with and without
parentheses, and keep what `inspect` says of them. A decorated call is one span: current while it runs, so that what
happens inside hangs below it. A failed call records the action *and* the error. Without a session the function simply
runs. The keyword `session=` of a decorated call chooses the session and is not passed on, unless the function has a
parameter of that name.
"""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol, cast

from opentelemetry.trace import Span

from agentops_otel import context
from agentops_otel.context import Agent, attached
from agentops_otel.conventions.exceptions import record_failure
from agentops_otel.conventions.steps import StepOf, action_step, tool_step
from agentops_otel.guard import logger, quietly
from agentops_otel.privacy import Policy
from agentops_otel.sessions import Session, takes_session

MOST_YIELDED = 1_000
"""A generator's result keeps this many of the items it yielded."""


def record_action(event_name: Any = None) -> Any:
    """Record each call as an action: its arguments, result, duration, agent and failure.

    `event_name` becomes the action type; by default the function's name. On a class, constructing it is recorded.
    """
    return _decorator(event_name, action_step, "record_action")


def record_tool(tool_name: Any = None) -> Any:
    """Record each call as a tool execution; as `record_action` otherwise."""
    return _decorator(tool_name, tool_step, "record_tool")


def record_function(event_name: Any = None) -> Any:
    """AgentOps' older name of `record_action`."""
    return record_action(event_name)


def _decorator(name: Any, step_of: StepOf, decorator: str) -> Any:
    if callable(name) or isinstance(name, (staticmethod, classmethod)):
        return _decorated(name, step_of, name.__name__)
    if name is not None and not isinstance(name, str):
        logger.warning("%s(%r): the name is not a text; its str() is used", decorator, name)
    return lambda target: _decorated(target, step_of, str(name or getattr(target, "__name__", "call")))


def _decorated(target: Any, step_of: StepOf, name: str) -> Any:
    if isinstance(target, type):
        init = target.__init__  # type: ignore[misc]
        target.__init__ = _watched(init, _flights(init, step_of, name))  # type: ignore[misc]
        return target
    if isinstance(target, (staticmethod, classmethod)):
        return type(target)(_decorated(target.__func__, step_of, name))
    return _watched(target, _flights(target, step_of, name))


# --- one call, of any kind of function -------------------------------------------------------------------------------


class Watch(Protocol):
    """Follows one call. `active` is entered whenever the function's own code runs, never across a yield."""

    def active(self) -> attached: ...
    def yielded(self, item: Any) -> None: ...
    def returned(self, value: Any) -> None: ...
    def raised(self, error: BaseException) -> None: ...


StartWatch = Callable[[tuple[Any, ...], dict[str, Any]], Watch]


def _watched(func: Callable[..., Any], start: StartWatch) -> Any:
    """`func` as the same kind of function, each of its calls followed by a watch."""
    if inspect.isasyncgenfunction(func):
        wrap = _async_generator
    elif inspect.isgeneratorfunction(func):
        wrap = _generator
    elif inspect.iscoroutinefunction(func):
        wrap = _coroutine
    else:
        wrap = _function
    return functools.wraps(func)(wrap(func, start))


def _function(func: Callable[..., Any], start: StartWatch) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        watch = start(args, kwargs)
        try:
            with watch.active():
                value = func(*args, **kwargs)
        except BaseException as error:
            watch.raised(error)
            raise
        watch.returned(value)
        return value

    return call


def _coroutine(func: Callable[..., Any], start: StartWatch) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        watch = start(args, kwargs)
        try:
            with watch.active():
                value = await func(*args, **kwargs)
        except BaseException as error:
            watch.raised(error)
            raise
        watch.returned(value)
        return value

    return call


def _generator(func: Callable[..., Any], start: StartWatch) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        watch = start(args, kwargs)
        try:
            generator = func(*args, **kwargs)
            resume, given = generator.send, None
            while True:
                with watch.active():
                    item = resume(given)
                watch.yielded(item)
                try:
                    given = yield item
                    resume = generator.send
                except GeneratorExit:
                    with watch.active():
                        generator.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - whatever is thrown in goes on to the generator
                    resume, given = generator.throw, thrown
        except StopIteration as stop:
            watch.returned(stop.value)
            return stop.value
        except GeneratorExit:
            watch.returned(None)
            raise
        except BaseException as error:
            watch.raised(error)
            raise

    return call


def _async_generator(func: Callable[..., Any], start: StartWatch) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        watch = start(args, kwargs)
        try:
            generator = func(*args, **kwargs)
            resume, given = generator.asend, None
            while True:
                with watch.active():
                    item = await resume(given)
                watch.yielded(item)
                try:
                    given = yield item
                    resume = generator.asend
                except GeneratorExit:
                    with watch.active():
                        await generator.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - whatever is thrown in goes on to the generator
                    resume, given = generator.athrow, thrown
        except StopAsyncIteration:
            watch.returned(None)
        except GeneratorExit:
            watch.returned(None)
            raise
        except BaseException as error:
            watch.raised(error)
            raise

    return call


# --- steps -----------------------------------------------------------------------------------------------------------


class _Flight:
    """One decorated call: its span is opened before and ended once after it. Without a session it does nothing."""

    def __init__(self, session: Session | None, span: Span | None, step_of: StepOf) -> None:
        self._session = session
        self._span = span
        self._step_of = step_of
        around = context.parent_context(session)
        self._context = around if span is None else context.with_span(span, around)
        self._items: list[Any] | None = None
        self._count = 0

    def active(self) -> attached:
        return attached(self._context)

    def yielded(self, item: Any) -> None:
        self._count += 1
        self._items = self._items or []
        if self._count <= MOST_YIELDED:
            self._items.append(item)

    def returned(self, value: Any) -> None:
        def write(span: Span, policy: Policy) -> None:
            if policy.captures:
                span.set_attributes(self._step_of.returned(policy.value(self._result(value))))

        self._land(write)

    def raised(self, error: BaseException) -> None:
        self._land(lambda span, policy: record_failure(span, error, capture=policy.captures, keep=policy.text))

    def _land(self, write: Callable[[Span, Policy], None]) -> None:
        span, self._span = self._span, None
        if span is None or self._session is None:
            return
        with quietly("recording a decorated call"):
            write(span, self._session.policy)
        span.end()

    def _result(self, value: Any) -> Any:
        if self._items is None:
            return value
        out: dict[str, Any] = {"yielded": self._items}
        if self._count > MOST_YIELDED:
            out["yielded_count"] = self._count
        return out if value is None else {**out, "returned": value}


def _flights(func: Callable[..., Any], step_of: StepOf, name: str) -> StartWatch:
    signature = _signature(func)
    own_session = takes_session(func)

    def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Flight:
        chosen = kwargs.get("session")
        if isinstance(chosen, Session):
            session: Session | None = chosen
            if not own_session:
                del kwargs["session"]
        else:
            session = cast("Session | None", context.current())
        span = None
        if session is not None and session.is_running:
            with quietly("opening a decorated call"):
                policy = session.policy
                params = policy.value(_arguments(signature, args, kwargs)) if policy.captures else None
                span = session.tracer.start_span(
                    step_of.span_name(name),
                    context=context.parent_context(session),
                    attributes=step_of.attributes(name, params),
                )
        return _Flight(session, span, step_of)

    return start


def _signature(func: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(func)
    except (TypeError, ValueError):
        return None


def _arguments(signature: inspect.Signature | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by parameter name, defaults included, without self and cls."""
    try:
        if signature is None:
            raise TypeError
        bound = signature.bind(*args, **kwargs)
    except TypeError:  # the call itself is wrong, or cannot be known: what was given is shown
        return {**{str(number): value for number, value in enumerate(args)}, **kwargs}
    bound.apply_defaults()
    return {name: value for name, value in bound.arguments.items() if name not in ("self", "cls")}


# --- agents ----------------------------------------------------------------------------------------------------------


def track_agent(name: Any = None) -> Any:
    """Attribute what a class's methods (or a function) do to an agent.

    On a class each instance is an agent, with `agentops_agent_id` and `agentops_agent_name`. Its name is the keyword
    `agentops_name` of the constructor (not passed on), else `name`, else `self.role`, else the class's name. On a
    function the agent is made at decoration. The agent is current while its methods run, and in whatever they start
    with a copied context.
    """
    if isinstance(name, type) or inspect.isroutine(name):
        return _tracked(name, None)
    return lambda target: _tracked(target, None if name is None else str(name))


def _tracked(target: Any, name: str | None) -> Any:
    if isinstance(target, type):
        return _tracked_class(target, name)
    if not callable(target):
        raise TypeError(f"track_agent({target!r}): give a class or a function")
    agent = Agent(str(uuid.uuid4()), name or target.__name__)
    tracked = _watched(target, lambda args, kwargs: _Behalf(agent))
    tracked.agentops_agent_id, tracked.agentops_agent_name = agent
    return tracked


def _tracked_class(cls: type, name: str | None) -> type:
    for attribute, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not attribute.startswith("__"):
            setattr(cls, attribute, _watched(method, lambda args, kwargs: _Behalf(_agent_of(args))))
    init = cls.__init__  # type: ignore[misc]
    own_session = takes_session(init)

    @functools.wraps(init)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        given, session = kwargs.pop("agentops_name", None), kwargs.get("session")
        if isinstance(session, Session) and not own_session:
            del kwargs["session"]
        init(self, *args, **kwargs)
        with quietly("tracking an agent"):
            self.agentops_agent_id = str(uuid.uuid4())
            self.agentops_agent_name = str(given or name or getattr(self, "role", None) or cls.__name__)
            session = session if isinstance(session, Session) else context.current()
            if isinstance(session, Session) and session.is_running:
                session.create_agent(self.agentops_agent_name, self.agentops_agent_id)

    cls.__init__ = construct  # type: ignore[misc]
    return cls


def _agent_of(args: tuple[Any, ...]) -> Agent | None:
    agent_id = getattr(args[0], "agentops_agent_id", None) if args else None
    return Agent(agent_id, args[0].agentops_agent_name) if agent_id else None


class _Behalf:
    """A call on behalf of an agent: the agent is current, nothing is recorded."""

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent

    def active(self) -> attached:
        return attached(context.with_agent(self._agent) if self._agent is not None else context.here())

    def yielded(self, item: Any) -> None:
        return None

    def returned(self, value: Any) -> None:
        return None

    def raised(self, error: BaseException) -> None:
        return None
