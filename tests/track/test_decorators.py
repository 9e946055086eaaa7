"""track: decorated calls of every kind are recorded and behave as if they were not decorated."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace

import agentops_otel as agentops
from agentops_otel.records import Action, Failure, ToolCall
from sessions.conftest import Recorded


@pytest.fixture
def session() -> agentops.Session:
    started = agentops.init(instrument_llm_calls=False)
    assert started is not None
    return started


def double(number: int, *rest: int, by: int = 2, **more: Any) -> int:
    return number * by


async def double_async(number: int, *rest: int, by: int = 2, **more: Any) -> int:
    await asyncio.sleep(0)
    return number * by


def count(number: int) -> Iterator[int]:
    yield from range(number)


async def count_async(number: int) -> AsyncIterator[int]:
    for one in range(number):
        await asyncio.sleep(0)
        yield one


async def _collect(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


CALLS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], Any]] = {
    "function": (double, lambda f: f(3), 6),
    "coroutine": (double_async, lambda f: asyncio.run(f(3)), 6),
    "generator": (count, lambda f: list(f(3)), {"yielded": [0, 1, 2]}),
    "async generator": (count_async, lambda f: asyncio.run(_collect(f(3))), {"yielded": [0, 1, 2]}),
}
KINDS = {
    "function": (inspect.isfunction,),
    "coroutine": (inspect.iscoroutinefunction,),
    "generator": (inspect.isgeneratorfunction,),
    "async generator": (inspect.isasyncgenfunction,),
}


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("form", ["bare", "parentheses", "named"])
@pytest.mark.parametrize("decorator", [agentops.record_action, agentops.record_tool, agentops.record_function])
def test_every_kind_of_function_is_recorded_and_stays_that_kind(
    decorator: Any, form: str, kind: str, session: agentops.Session, recorded: Recorded
) -> None:
    """Same result, same kind for `inspect`, same name; one event with arguments and result."""
    function, call, returns = CALLS[kind]
    forms = {"bare": decorator, "parentheses": decorator(), "named": decorator("my step")}
    decorated = forms[form](function)
    assert call(function) == call(decorated)
    assert all(is_kind(decorated) for is_kind in KINDS[kind])
    assert (function.__name__, inspect.signature(function)) == (decorated.__name__, inspect.signature(decorated))
    session.end_session("Success")
    (event,) = recorded.events()
    assert isinstance(event, ToolCall if decorator is agentops.record_tool else Action)
    assert ("my step" if form == "named" else function.__name__) == event.name
    assert event.params["number"] == 3
    assert returns == event.returns


def test_arguments_are_recorded_by_name_with_defaults(session: agentops.Session, recorded: Recorded) -> None:
    """Positional, variadic, keyword and default arguments; without self."""

    class Thing:
        @agentops.record_action
        def method(self, a: int, *rest: int, b: int = 2, **more: int) -> None:
            """A method."""

    Thing().method(1, 8, 9, c=3)
    session.end_session()
    assert recorded.events()[0].params == {"a": 1, "rest": [8, 9], "b": 2, "more": {"c": 3}}


@pytest.mark.parametrize("wrap", [staticmethod, classmethod])
def test_static_and_class_methods_in_either_order(wrap: Any, session: agentops.Session, recorded: Recorded) -> None:
    """The decorator may stand above or below staticmethod and classmethod."""

    def body(*args: Any) -> int:
        return 5

    above = type("Above", (), {"run": agentops.record_action(wrap(body))})
    below = type("Below", (), {"run": wrap(agentops.record_action(body))})
    assert (above().run(), below().run()) == (5, 5)
    session.end_session()
    assert [event.returns for event in recorded.events()] == [5, 5]


@pytest.mark.parametrize("kind", CALLS)
def test_a_failed_call_records_the_step_and_the_error_and_raises_what_it_raised(
    kind: str, session: agentops.Session, recorded: Recorded
) -> None:
    """The very exception object reaches the caller."""
    boom = ValueError("boom")
    _, call, _ = CALLS[kind]

    def function(number: int) -> int:
        raise boom

    async def coroutine(number: int) -> int:
        raise boom

    def generator(number: int) -> Iterator[int]:
        yield 1
        raise boom

    async def async_generator(number: int) -> AsyncIterator[int]:
        yield 1
        raise boom

    functions: dict[str, Any] = {
        "function": function,
        "coroutine": coroutine,
        "generator": generator,
        "async generator": async_generator,
    }
    with pytest.raises(ValueError, match="boom") as caught:
        call(agentops.record_action(functions[kind]))
    assert caught.value is boom
    session.end_session()
    step, error = recorded.events()
    assert isinstance(error, Failure)
    assert ("ValueError", "boom", step.event_id) == (error.error_type, error.details, error.trigger_event_id)
    assert "raise boom" in str(error.logs)


def test_a_generator_keeps_its_whole_protocol(session: agentops.Session, recorded: Recorded) -> None:
    """send, throw, return value and close reach the function; leaving early is no failure."""
    log: list[Any] = []

    @agentops.record_action
    def echo() -> Iterator[Any]:
        try:
            got = yield "first"
            log.append(got)
            try:
                yield "second"
            except KeyError as thrown:
                log.append(repr(thrown))
            yield "third"
        finally:
            log.append("closed")

    generator: Any = echo()
    assert (next(generator), generator.send(7), generator.throw(KeyError("k"))) == ("first", "second", "third")
    generator.close()
    assert log == [7, "KeyError('k')", "closed"]
    session.end_session()
    (event,) = recorded.events()
    assert event.returns == {"yielded": ["first", "second", "third"]}


def test_what_happens_inside_hangs_below_the_step(session: agentops.Session, recorded: Recorded) -> None:
    """Nested steps, also across generators: the step is current while its own code runs, and never outside of it."""
    inner = agentops.record_tool(double)

    @agentops.record_action
    def steps() -> Iterator[int]:
        for number in range(2):
            yield inner(number)

    outside = []
    for _ in steps():
        outside.append(trace.get_current_span().get_span_context().span_id)
    session.end_session()
    outer, *tools = recorded.events()
    assert [outer.span_id] * 2 == [tool.parent_id for tool in tools]
    assert [session.root.span_id] * 2 == outside


def test_session_keyword_chooses_and_is_not_passed_on(recorded: Recorded) -> None:
    """With several sessions the keyword decides; a function with such a parameter of its own gets it."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)
    one, two = agentops.start_session(["one"]), agentops.start_session(["two"])
    assert one is not None
    assert two is not None
    assert agentops.record_action(double)(2, session=one) == 4

    @agentops.record_action
    def own(session: agentops.Session) -> agentops.Session:
        return session

    assert one is own(session=one)
    agentops.end_all_sessions()
    assert [session.statistics.actions for session in recorded.sessions()] == [2, 0]


def test_without_a_session_the_function_just_runs() -> None:
    """No init, no session, no error."""
    assert agentops.record_action(double)(3) == 6
    assert list(agentops.record_tool(count)(2)) == [0, 1]


def test_a_decorated_class_records_its_construction(session: agentops.Session, recorded: Recorded) -> None:
    """The class stays the class."""

    class Plan:
        def __init__(self, goal: str) -> None:
            self.goal = goal

    decorated = agentops.record_action("make plan")(Plan)
    assert decorated is Plan
    assert decorated("x").goal == "x"
    session.end_session()
    assert [(event.name, event.params) for event in recorded.events()] == [("make plan", {"goal": "x"})]


def test_agents_own_what_their_methods_do(session: agentops.Session, recorded: Recorded) -> None:
    """Each instance is an agent; nested agents, coroutines and generators attribute to the innermost."""

    @agentops.record_action
    def work(name: str) -> str:
        return name

    @agentops.track_agent
    class Worker:
        def run(self) -> str:
            return work("worker")

        async def run_async(self) -> str:
            await asyncio.sleep(0)
            return work("worker async")

        def stream(self) -> Iterator[str]:
            yield work("worker stream")

    @agentops.track_agent(name="Boss")
    class Manager:
        def run(self) -> None:
            worker = Worker(agentops_name="Temp")
            worker.run()
            work("boss")
            asyncio.run(worker.run_async())
            list(worker.stream())

    @agentops.track_agent(name="Function")
    def function() -> str:
        return work("function")

    Manager().run()
    function()
    work("nobody")
    session.end_session()
    assert [(event.params["name"], event.agent_name) for event in recorded.events()] == [
        ("worker", "Temp"),
        ("boss", "Boss"),
        ("worker async", "Temp"),
        ("worker stream", "Temp"),
        ("function", "Function"),
        ("nobody", None),
    ]
    assert sorted(str(agent.name) for agent in recorded.session().agents) == ["Boss", "Function", "Temp"]


def test_agents_of_two_threads_do_not_mix(session: agentops.Session, recorded: Recorded) -> None:
    """Agents come from the context, not from the stack."""

    @agentops.record_action
    def work(name: str) -> None:
        """Nothing."""

    @agentops.track_agent
    class Worker:
        role = "r"

        def run(self, name: str) -> None:
            work(name)

    workers = [Worker(agentops_name=f"w{number}") for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda worker: worker.run(worker.agentops_agent_name), workers))
    session.end_session()
    assert all(event.params["name"] == event.agent_name for event in recorded.events())


def test_a_partial_and_a_callable_object_may_be_decorated(session: agentops.Session, recorded: Recorded) -> None:
    """Whatever can be called can be recorded."""
    assert agentops.record_action("triple")(functools.partial(double, by=3))(3) == 9
    session.end_session()
    assert [event.name for event in recorded.events()] == ["triple"]
