"""Way × mode × outcome, for any client: the caller sees what it sees without us, and every call leaves one event.

A file of tests describes its client as a `Matrix`: how to connect, and the ways to call. Everything that can become of
a call is written here once, for clients that block and for asynchronous ones.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import os
import re
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.facts import EventFact
from agentops_otel.instruments.registry import install
from agentops_otel.records import Event, Failure, LLMCall, Usage
from agentops_otel.testing import Body, ModelServer, Reply, Tokens, ToolRequest
from agentops_otel.testing import Failure as Refusal
from agentops_otel.values import type_name

TOKENS = Tokens(1000, 50, cached=600, reasoning=20)
TEXT = "Offline it is, in more chunks than one."
WHOLE = Usage(input=400, cache_read=600, output=30, reasoning=20)
"""What TOKENS are in disjoint buckets."""
UNKNOWN = Usage()


def client_module(name: str) -> Any:
    """The module of a client. Where it is not installed its tests are skipped; in CI that is a failure."""
    try:
        with warnings.catch_warnings():  # an old client may not be quite at home in today's pydantic
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} is not installed", allow_module_level=True)


def version(text: str) -> list[int]:
    """The three numbers of a version, to compare."""
    return [int(number) for number in [*re.findall(r"\d+", text), 0, 0][:3]]


# --- what a file of tests says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to call a client: `call` gets the client and returns whatever the client returns.

    `usage` is what the event holds after the whole of TOKENS has come, `early` what it holds of a stream that was left
    or broke, `uncounted` where the server tells no usage. A way that only `is_sync` (or `is_async`) is left out of the
    other mode. `since` is the first version of the client that has it. `lacks` names outcomes that do not exist for it,
    and why: the documentation tells them. `later` names those that the client has only since a version.
    """

    name: str
    call: Callable[[Any], Any]
    span: str
    streams: bool = False
    usage: Usage = WHOLE
    early: Usage = UNKNOWN
    uncounted: Usage = UNKNOWN
    tools: bool = True
    is_sync: bool = True
    is_async: bool = True
    since: str = "0"
    lacks: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)

    def as_of(self, installed: list[int]) -> Way:
        """The way, lacking what the installed version lacks."""
        missing = {name: f"only since {first}" for name, first in self.later.items() if version(first) > installed}
        return replace(self, lacks={**self.lacks, **missing})


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A client: how to connect to the URL of a server, and its ways. Retries are to be off or quick.

    What `connect` returns is closed after the calls, if it can be. `serve` makes the server, where it is not HTTP that
    the client speaks.
    """

    client: str
    provider: str
    connect: Callable[[str], Any] | None
    connect_async: Callable[[str], Any] | None
    ways: Sequence[Way]
    serve: Callable[[], Any] = ModelServer

    def cases(self) -> list[Case]:
        """Every way of the installed version, in every mode, with every outcome that there is for it."""
        try:
            installed = version(metadata.version(self.client))
        except metadata.PackageNotFoundError:  # one that is not beside the others; its file says why
            return []
        ways = [way.as_of(installed) for way in self.ways if version(way.since) <= installed]
        of_then = replace(self, ways=ways)
        return [
            Case(of_then, way, mode, outcome)
            for way in ways
            for mode in self.modes(way)
            for outcome in OUTCOMES
            if of_then.has(way, mode, outcome)
        ]

    def has(self, way: Way, mode: str, outcome: Outcome) -> bool:
        """Whether the outcome is tried: many calls at once in one way of a client, a streamed one if there is any."""
        if outcome.at_once > 1:
            able = [one for one in self.ways if outcome.name not in one.lacks and mode in self.modes(one)]
            if way is not next((one for one in able if one.streams), able[0] if able else None):
                return False
        return outcome.fits(way, mode)

    def modes(self, way: Way) -> list[str]:
        """ "sync", "async" or both."""
        modes = []
        if self.connect is not None and way.is_sync:
            modes.append("sync")
        if self.connect_async is not None and way.is_async:
            modes.append("async")
        return modes


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    matrix: Matrix
    way: Way
    mode: str
    outcome: Outcome

    @property
    def id(self) -> str:
        """The same on every worker."""
        return f"{self.way.name}-{self.mode}-{self.outcome.name}".replace(" ", "_")

    @property
    def left(self) -> Usage:
        """What the event holds in the end."""
        way = self.way
        known = {"whole": way.usage, "early": way.early, "uncounted": way.uncounted}
        return known.get(self.outcome.leaves, UNKNOWN)


# --- reading, the same for both modes --------------------------------------------------------------------------------


class Reader:
    """A stream that blocks, behind methods that are awaited, so that what is done with streams is written once."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def take(self, most: int | None = None) -> list[Any]:
        """Chunks, by a loop that is left after `most`."""
        chunks = []
        for chunk in self.stream:
            chunks.append(chunk)
            if len(chunks) == most:
                break
        return chunks

    async def close(self) -> None:
        """By the method that it has."""
        self.stream.close()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[Any]:
        """The stream in a `with` block."""
        with self.stream as inner:
            yield type(self)(inner)


class AsyncReader(Reader):
    """An asynchronous stream."""

    async def take(self, most: int | None = None) -> list[Any]:
        """Chunks, by a loop that is left after `most`."""
        chunks = []
        async for chunk in self.stream:
            chunks.append(chunk)
            if len(chunks) == most:
                break
        return chunks

    async def close(self) -> None:
        """By the method that it has."""
        closing = getattr(self.stream, "aclose" if hasattr(self.stream, "aclose") else "close")()
        if inspect.isawaitable(closing):
            await closing

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[Any]:
        """The stream in an `async with` block."""
        async with self.stream as inner:
            yield type(self)(inner)


Begin = Callable[[], Awaitable[Any]]
"""Makes the call; the value, or a reader of the stream."""


async def answered(begin: Begin) -> Any:
    """The value."""
    return await begin()


async def read_to_the_end(begin: Begin) -> Any:
    """Every chunk, and none after the last."""
    reader = await begin()
    return [reader.stream.__class__, *await reader.take(), "again", *await reader.take()]


async def broken_off(begin: Begin) -> Any:
    """A loop that is left after the first chunk."""
    return await (await begin()).take(1)


async def left_and_resumed(begin: Begin) -> Any:
    """A second loop goes on where the first was left."""
    reader = await begin()
    return [*await reader.take(1), "left", *await reader.take()]


async def in_a_block(begin: Begin) -> Any:
    """`with` or `async with`, left after two chunks."""
    async with (await begin()).entered() as reader:
        return await reader.take(2)


async def failing_in_a_block(begin: Begin) -> Any:
    """The caller's own exception passes through, and is no failure of the call."""
    with told(ValueError) as seen:
        async with (await begin()).entered() as reader:
            await reader.take(1)
            raise ValueError("the caller's own")
    return [seen.shown]


async def failing_in_a_loop(begin: Begin) -> Any:
    """The caller's own exception between two chunks."""
    reader = await begin()
    with told(ValueError) as seen:
        await reader.take(1)
        raise ValueError("the caller's own")
    return [seen.shown]


async def closed(begin: Begin) -> Any:
    """By its own method, after the first chunk."""
    reader = await begin()
    return [*await reader.take(1), await reader.close()]


async def collected(begin: Begin) -> Any:
    """Dropped in a cycle: only the garbage collector finds it."""
    cycle: list[Any] = [await begin()]
    cycle.append(cycle)
    first = await cycle[0].take(1)
    del cycle
    gc.collect()
    return first


async def cancelled(begin: Begin) -> Any:
    """A task that is cancelled while it waits for the next chunk."""
    reader = await begin()
    first = await reader.take(1)
    waiting = asyncio.ensure_future(reader.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with told(asyncio.CancelledError) as seen:
        await waiting
    return Raised(seen.error, [first, seen.shown])


async def failing(begin: Begin) -> Any:
    """The value or the chunks, and what the client raises."""
    chunks: list[Any] = []
    with told(Exception) as seen:
        result = await begin()
        chunks += await result.take() if isinstance(result, Reader) else [result]
    return Raised(seen.error, [chunks, seen.shown])


@dataclass
class Raised:
    """What was seen, and the error that ended the call, if one did."""

    error: BaseException | None
    seen: Any


class Told:
    """An exception, as the caller sees it."""

    error: BaseException | None = None

    @property
    def shown(self) -> Any:
        return None if self.error is None else [type(self.error).__name__, shown(str(self.error))]


@contextmanager
def told(*kinds: type[BaseException]) -> Iterator[Told]:
    """Hold what the block raises."""
    seen = Told()
    try:
        yield seen
    except kinds as error:
        seen.error = error


# --- what may become of a call ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """`does` with a call while the server answers everything with `reply`. The event then has the usage `leaves`:
    "whole", "early", "uncounted", "none", or "any" where a broken answer may still tell something. `server` says what
    it does."""

    name: str
    does: Callable[[Begin], Awaitable[Any]]
    leaves: str
    reply: Any = field(default_factory=lambda: Reply(text=TEXT, tokens=TOKENS))
    streams: bool = False
    at_once: int = 1
    only: str | None = None
    server: str = "answers"

    def fits(self, way: Way, mode: str) -> bool:
        """Whether there is such a thing for that way to call."""
        if self.name == "tools" and not way.tools:
            return False
        if self.name in way.lacks and self.name not in BY_METHOD:
            return False
        return self.streams == way.streams and self.only in (None, mode)


CALLED = Reply(text="", tools=[ToolRequest("weather", {"city": "Pécs", "days": 2})], tokens=TOKENS)
BROKEN = {
    "not JSON": Body(content=b"<html>not json</html>"),
    "other JSON": Body(content=b'{"id": 7, "choices": null, "usage": {"prompt_tokens": "x"}}'),
    "a list": Body(content=b"[1, 2]"),
}
STREAMED_BROKEN = {
    "not JSON": Body(content=b"data: <html>\n\n", content_type="text/event-stream"),
    "unknown events": Body(
        content=b'event: new.thing\ndata: {"type": "new.thing", "choices": null}\n\n', content_type="text/event-stream"
    ),
}
ANSWER = Reply(text=TEXT, tokens=TOKENS)
UNCOUNTED = Reply(text=TEXT, tokens=None)
WAITING = replace(ANSWER, hold=threading.Event(), hold_after=2)
FAILING = replace(ANSWER, fail_after=2)
ERRORS = [
    Outcome(str(status), failing, "none", Refusal(status=status), streams, server=f"answers with status {status}")
    for streams in (False, True)
    for status in (401, 429, 500)
]
BY_METHOD = ("with", "with, raising", "close")
"""Outcomes that need a method of the stream. Where a way lacks them, it is checked that the client has none."""

OUTCOMES = [
    Outcome("answered", answered, "whole"),
    Outcome("tools", answered, "whole", CALLED, server="asks for a tool"),
    Outcome("no usage", answered, "uncounted", UNCOUNTED, server="tells no usage"),
    Outcome("100 at once", answered, "whole", at_once=100),
    *(outcome for outcome in ERRORS if not outcome.streams),
    Outcome("cut", failing, "none", replace(UNCOUNTED, cut_after=2), server="hangs up within the body"),
    *(Outcome(name, failing, "any", body, server=f"sends {name}") for name, body in BROKEN.items()),
    Outcome("to the end", read_to_the_end, "whole", streams=True),
    Outcome("tools", read_to_the_end, "whole", CALLED, streams=True, server="asks for a tool"),
    Outcome("no usage", read_to_the_end, "uncounted", UNCOUNTED, streams=True, server="tells no usage"),
    Outcome("break", broken_off, "early", streams=True),
    Outcome("resumed", left_and_resumed, "whole", streams=True),
    Outcome("with", in_a_block, "early", streams=True),
    Outcome("with, raising", failing_in_a_block, "early", streams=True),
    Outcome("raising", failing_in_a_loop, "early", streams=True),
    Outcome("close", closed, "early", streams=True),
    Outcome("collected", collected, "early", streams=True),
    Outcome("cancel", cancelled, "early", WAITING, streams=True, only="async", server="waits after two events"),
    Outcome("100 at once", read_to_the_end, "whole", streams=True, at_once=100),
    *(outcome for outcome in ERRORS if outcome.streams),
    Outcome("cut", failing, "early", replace(ANSWER, cut_after=2), streams=True, server="hangs up after two events"),
    Outcome("error event", failing, "early", FAILING, streams=True, server="tells of an error after two events"),
    *(
        Outcome(name, failing, "any", body, streams=True, server=f"sends {name}")
        for name, body in STREAMED_BROKEN.items()
    ),
]
"""Every outcome. Names are columns of docs/providers.md."""


# --- running a case --------------------------------------------------------------------------------------------------


def check(case: Case) -> None:
    """The caller sees with us what it sees without us, and there is one event with the right usage and error."""
    with case.matrix.serve() as server:
        server.script_always(case.outcome.reply)
        if case.outcome.name in case.way.lacks:
            with pytest.raises((AttributeError, TypeError)):
                run(case, server)
            return
        bare, error = run(case, server)
        requests = [request.body for request in server.requests]
        with recording() as recorded:
            watched, _ = run(case, server)
        again = [request.body for request in server.requests[len(requests) :]]
    assert bare == watched
    assert sorted(map(repr, requests)) == sorted(map(repr, again))
    check_events(case, recorded(), error)


def check_events(case: Case, events: Sequence[Event], error: BaseException | None) -> None:
    """One model call for each call that was made, and an error for each that failed."""
    calls = [event for event in events if isinstance(event, LLMCall)]
    errors = [event for event in events if isinstance(event, Failure)]
    assert [(case.way.span, case.matrix.provider)] * case.outcome.at_once == [(one.name, one.provider) for one in calls]
    if case.outcome.leaves != "any":
        left = {"whole": case.way.usage, "early": case.way.early, "none": UNKNOWN, "uncounted": case.way.uncounted}[
            case.outcome.leaves
        ]
        told = [UNKNOWN if one.estimated else one.usage or UNKNOWN for one in calls]
        assert [left] * len(calls) == told
    raised = [] if error is None else [type_name(error)]
    assert raised * len(calls) == [one.error_type for one in errors]
    assert all(one.details and one.logs for one in errors)


def run(case: Case, server: Any) -> tuple[Any, BaseException | None]:
    """What the caller sees, by a client of its own, and the error that ended the call."""
    result = asyncio.run(_run_async(case, server)) if case.mode == "async" else _now(_run_sync(case, server))
    error = result.error if isinstance(result, Raised) else None
    return shown(result.seen if isinstance(result, Raised) else result), error


async def _run_sync(case: Case, server: Any) -> Any:
    assert case.matrix.connect is not None
    async with AsyncExitStack() as stack:
        client = await _entered(stack, case.matrix.connect(server.url), is_async=False)

        async def begin() -> Any:
            result = case.way.call(client)
            return Reader(result) if case.way.streams else result

        if case.outcome.at_once == 1:
            return await case.outcome.does(begin)
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: _now(case.outcome.does(begin)), range(case.outcome.at_once)))


async def _run_async(case: Case, server: Any) -> Any:
    assert case.matrix.connect_async is not None
    async with AsyncExitStack() as stack:
        client = await _entered(stack, case.matrix.connect_async(server.url), is_async=True)

        async def begin() -> Any:
            result = case.way.call(client)
            result = await result if inspect.isawaitable(result) else result
            return AsyncReader(result) if case.way.streams else result

        if case.outcome.at_once == 1:
            return await case.outcome.does(begin)
        return await asyncio.gather(*(case.outcome.does(begin) for _ in range(case.outcome.at_once)))


async def _entered(stack: AsyncExitStack, client: Any, *, is_async: bool) -> Any:
    """The client, closed in the way it has when the stack is left."""
    if is_async and hasattr(client, "__aenter__"):
        return await stack.enter_async_context(client)
    if hasattr(client, "__enter__"):
        return stack.enter_context(client)
    if hasattr(client, "close"):
        stack.callback(client.close)
    return client


def _now(body: Any) -> Any:
    """Run what never waits."""
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a blocking call has waited")


@contextmanager
def recording() -> Iterator[Callable[[], list[Event]]]:
    """Watch every client; what was recorded is told when the block is left."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    installation = install(provider.get_tracer("test"))
    try:
        yield lambda: events_of(exporter.get_finished_spans())
    finally:
        installation.uninstall()
    gc.collect()


def events_of(spans: Sequence[ReadableSpan]) -> list[Event]:
    """The events that spans become."""
    return [fact.event for fact in AgentOpsSpanExporter().facts(spans) if isinstance(fact, EventFact)]


# --- showing ---------------------------------------------------------------------------------------------------------

_PER_REQUEST = re.compile(
    r"\bresp_[A-Za-z0-9+/=]{40,}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|[0-9a-f]{8}\d{6}|\breq_[0-9a-f]{8}\b|\b1[0-9]{9}\b|127\.0\.0\.1:\d+|\b0x[0-9a-f]{6,}"
    r"|\b20\d\d-\d\d-\d\dT[\d:.]+\d|\b\w{3}, \d\d \w{3} \d{4} [0-9:]{8} GMT\b"
)
"""Ids of the offline server, times of its clock, its port, and places in memory."""


def shown(value: Any, depth: int = 0) -> Any:
    """A value as the caller sees it, less what differs from request to request."""
    if isinstance(value, str):
        return _PER_REQUEST.sub("…", value)
    if isinstance(value, bytes):
        return ["bytes", shown(value.decode(errors="replace"))]
    if isinstance(value, (int, float, type(None), type)):
        return shown(str(value)) if isinstance(value, int) and value > 10**9 else value
    if depth > 12:
        return "…"
    if isinstance(value, Mapping):
        return {shown(key): shown(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(one, depth + 1) for one in value]
    return [value.__class__.__name__, shown(_inside(value), depth + 1)]


def _inside(value: Any) -> Any:
    """What an object of a client says."""
    dump = getattr(value, "model_dump_json", None)
    if callable(dump):
        with suppress(Exception):  # a model that was made without validation, of an answer that is none
            return dump(warnings=False)
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return None
    proto = getattr(value, "proto", value)
    if hasattr(proto, "SerializeToString"):
        return str(proto)
    return {name: one for name, one in getattr(value, "__dict__", {}).items() if not name.startswith("_")}
