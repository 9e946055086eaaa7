"""Model Context Protocol: a tool call is one event, at the client and at the server, whatever spans mcp writes."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops_otel.dedupe import surviving
from agentops_otel.instruments.registry import install
from agentops_otel.privacy import Policy
from agentops_otel.records import Event, Failure, ToolCall
from agentops_otel.values import type_name

from .matrix import client_module, events_of

mcp = client_module("mcp")
stdio_client = client_module("mcp.client.stdio").stdio_client
weather_server = client_module("providers.programs.weather_server")

IS_FIRST = not hasattr(mcp, "Client")
"""Whether this is mcp 1, which writes no spans and has other doors."""

Recorded = Callable[[], list[Event]]
Told = tuple[str | None, Any, Any, str | None]
"""A tool call: name, arguments, what it gave, and the text of its error."""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Watches; mcp's own spans go the same way as ours."""
    yield from recording(monkeypatch, Policy("full", max_inline=1000))


def recording(monkeypatch: pytest.MonkeyPatch, policy: Policy) -> Iterator[Recorded]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    if not IS_FIRST:
        monkeypatch.setattr(import_module("mcp.shared._otel"), "_tracer", provider.get_tracer("mcp-python-sdk"))
    installation = install(provider.get_tracer("agentops_otel"), capture=policy)
    yield lambda: surviving(events_of(exporter.get_finished_spans()))
    installation.uninstall()


def over_stdio(use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `use` gives of a session with the server in a process of its own."""

    async def main() -> Any:
        program = mcp.StdioServerParameters(command=sys.executable, args=[weather_server.__file__])
        async with stdio_client(program) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()
            return await use(session)

    return asyncio.run(main())


def in_process(use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `use` gives of a session with the server in this process."""

    async def main() -> Any:
        async with AsyncExitStack() as stack:
            if IS_FIRST:
                connect = import_module("mcp.shared.memory").create_connected_server_and_client_session
                client = await stack.enter_async_context(connect(weather_server.server._mcp_server))
            else:
                client = await stack.enter_async_context(mcp.Client(weather_server.server))
            return await use(client)

    return asyncio.run(main())


@pytest.fixture(params=[over_stdio, in_process], ids=["stdio", "memory"])
def connected(request: pytest.FixtureRequest) -> Callable[[Callable[[Any], Awaitable[Any]]], Any]:
    """How client and server are connected."""
    found: Callable[[Callable[[Any], Awaitable[Any]]], Any] = request.param
    return found


def told(events: list[Event]) -> list[Told]:
    """The tool calls of these events."""
    errors = {one.trigger_event_id: one for one in events if isinstance(one, Failure)}
    return [
        (one.name, one.params, one.returns, str(errors[one.event_id].details) if one.event_id in errors else None)
        for one in events
        if isinstance(one, ToolCall)
    ]


def test_a_tool_call_is_one_event(connected, recorded: Recorded) -> None:
    """With arguments and result; mcp's own spans of the same call add none."""
    result = connected(lambda session: session.call_tool("weather", {"city": "Pécs"}))
    assert told(recorded()) == [("weather", {"city": "Pécs"}, given(result), None)]
    assert "sunny in Pécs" in str(given(result))


def given(result: Any) -> Any:
    """What is to be kept of a result with text alone."""
    structured = getattr(result, "structured_content", None) or getattr(result, "structuredContent", None)
    return structured or result.content[0].text


def test_a_tool_that_answers_with_an_error_has_failed(connected, recorded: Recorded) -> None:
    """The caller gets the answer, no exception; the call has one error, with its words."""
    result = connected(lambda session: session.call_tool("weather", {"city": "Atlantis"}))
    (call,) = told(recorded())
    assert call[:2] == ("weather", {"city": "Atlantis"})
    assert result.content[0].text in str(call[3])
    assert sum(isinstance(one, Failure) for one in recorded()) == 1


def test_an_exception_is_the_error_of_the_call(recorded: Recorded) -> None:
    """A session that has been left raises what it raises without us."""

    async def remember(session: Any) -> Any:
        return session

    left = over_stdio(remember)
    with pytest.raises(Exception) as raised:
        asyncio.run(left.call_tool("weather", {"city": "Pécs"}))
    events = recorded()
    assert [one[:3] for one in told(events)] == [("weather", {"city": "Pécs"}, None)]
    assert [one.error_type for one in events if isinstance(one, Failure)] == [type_name(raised.value)]


def test_a_picture_is_kept_by_its_digest(connected, recorded: Recorded) -> None:
    """Large blobs of a result are not written down."""
    connected(lambda session: session.call_tool("picture", {"size": 4000}))
    ((_, _, returns, _),) = told(recorded())
    text, blob = returns[0]["parts"]
    assert text == {"type": "text", "content": "the sky"}
    assert (blob["mime_type"], blob["modality"], blob["size"]) == ("image/png", "image", 3000)


def test_nothing_of_a_call_is_written_where_nothing_may_be(connected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither arguments, results nor the words of an error."""
    for recorded in recording(monkeypatch, Policy("none")):
        connected(lambda session: session.call_tool("weather", {"city": "Pécs"}))
        connected(lambda session: session.call_tool("weather", {"city": "Atlantis"}))
        calls = [(one.name, one.params, one.returns) for one in recorded() if isinstance(one, ToolCall)]
        assert calls == [("weather", None, None)] * 2


def test_calls_at_once_are_apart(connected, recorded: Recorded) -> None:
    """Each has its own arguments and result."""
    cities = [f"city {number}" for number in range(20)]

    async def use(session: Any) -> Any:
        return await asyncio.gather(*(session.call_tool("weather", {"city": city}) for city in cities))

    connected(use)
    calls = sorted(
        (params["city"], city in str(returns))
        for city in cities
        for _, params, returns, _ in told(recorded())
        if params["city"] == city
    )
    assert calls == sorted((city, True) for city in cities)


def test_the_function_stays_what_it_is(recorded: Recorded) -> None:
    """A coroutine function, by its own name."""
    call_tool = mcp.ClientSession.call_tool
    assert inspect.iscoroutinefunction(call_tool)
    assert (call_tool.__name__, call_tool.__module__) == ("call_tool", "mcp.client.session")


def test_a_cancelled_call_ends(recorded: Recorded) -> None:
    """The span of a task that was cancelled does not stay open."""

    async def use(session: Any) -> None:
        task = asyncio.ensure_future(session.call_tool("weather", {"city": "Pécs"}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    over_stdio(use)
    assert [one[0] for one in told(recorded())] == ["weather"]
