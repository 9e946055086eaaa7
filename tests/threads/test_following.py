"""Sessions follow into threads, and nothing else about threads changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import context as otel_context

import agentops_otel as agentops
from agentops_otel import Session, context, runtime

ORIGINALS = threading.Thread.start, ThreadPoolExecutor.submit


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """No runtime, session or span is left behind."""
    before = otel_context.get_current()
    yield
    runtime.stop()
    otel_context.attach(before)


@pytest.fixture
def sessions() -> tuple[Session, Session]:
    """Two at once, so that nothing but the context tells which one is meant; the second is current."""
    first, second = agentops.init(), agentops.start_session()
    assert first is not None
    assert second is not None
    return first, second


def here() -> Any:
    return context.entered()


def in_thread(make: Any = threading.Thread) -> Any:
    seen: list[Any] = []
    thread = make(target=lambda: seen.append(here()))
    thread.start()
    thread.join()
    return seen[0]


def test_a_thread_runs_in_the_session_of_whoever_started_it(sessions: tuple[Session, Session]) -> None:
    """Not of whoever made it."""
    assert in_thread() is sessions[1]


def test_a_thread_with_a_run_of_its_own_does_too(sessions: tuple[Session, Session]) -> None:
    """Subclasses override `run`; timers do."""
    seen: list[Any] = []

    class Own(threading.Thread):
        def run(self) -> None:
            seen.append((here(), "run" in vars(self)))

    for thread in (Own(), threading.Timer(0, lambda: seen.append((here(), False)))):
        thread.start()
        thread.join()
    assert seen == [(sessions[1], False)] * 2


def test_a_task_of_a_pool_runs_in_the_session_of_whoever_submitted_it(sessions: tuple[Session, Session]) -> None:
    """Whoever made the worker; a task submitted outside of any session is in none."""
    inside = otel_context.get_current()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(here).result() is sessions[1]
        assert list(pool.map(lambda _: here(), range(2))) == [sessions[1]] * 2
        otel_context.attach(context.with_session(sessions[0]))
        assert pool.submit(here).result() is sessions[0]
        otel_context.attach(otel_context.Context())
        assert pool.submit(here).result() is None
        otel_context.attach(inside)

        async def elsewhere() -> Any:
            return await asyncio.get_running_loop().run_in_executor(pool, here)

        assert asyncio.run(elsewhere()) is sessions[1]


def test_results_exceptions_names_and_states_are_those_of_the_thread(sessions: tuple[Session, Session]) -> None:
    """The excepthook gets the exception, `run` is the thread's own, a thread cannot be started twice."""
    caught: list[Any] = []
    before, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_value)
    try:
        error = ValueError("mine")

        def fail() -> None:
            raise error

        thread = threading.Thread(target=fail, name="named")
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
    finally:
        threading.excepthook = before
    assert (caught, thread.name, "run" in vars(thread)) == ([error], "named", False)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fail).exception() is error
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]


def test_stopping_restores_the_originals() -> None:
    """`stop_instrumenting`, or the end of the runtime."""
    agentops.init()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) != ORIGINALS
    agentops.stop_instrumenting()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == ORIGINALS
    assert in_thread() is None


def test_what_others_have_wrapped_since_stays_theirs() -> None:
    """Our wrapper below theirs then only passes on."""
    agentops.init()
    ours = threading.Thread.start

    def theirs(thread: threading.Thread) -> None:
        ours(thread)

    threading.Thread.start = theirs  # type: ignore[method-assign]
    try:
        agentops.stop_instrumenting()
        assert threading.Thread.start is theirs
        assert in_thread() is None
    finally:
        threading.Thread.start = ORIGINALS[0]  # type: ignore[method-assign]


def test_it_can_be_opted_out_of() -> None:
    """AGENTOPS_PROPAGATE_THREADS=false."""
    agentops.init(propagate_threads=False)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == ORIGINALS


def test_exporters_work_for_the_process(sessions: tuple[Session, Session]) -> None:
    """A session in their context would make their own calls part of it."""
    assert in_thread(lambda target: threading.Thread(target=target, name="OtelBatchSpanRecordProcessor")) is None
