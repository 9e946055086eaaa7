"""What the one wrapper promises, shown with the real client."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from agentops_otel.instruments.registry import Installation, install
from agentops_otel.testing import Failure, ModelServer, Reply, Tokens, ToolRequest
from agentops_otel.testing.replies import count_tokens

from .conftest import Spans

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": HELLO}

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="offline", max_retries=0) as client:
        yield client


def async_client(server: ModelServer, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="offline", max_retries=0, **options)


def attributes(spans: Spans) -> dict[str, Any]:
    """Of the only span."""
    (span,) = spans()
    return dict(span.attributes or {})


def messages(spans: Spans, key: str) -> Any:
    return json.loads(attributes(spans)[key])


# --- what a span says ------------------------------------------------------------------------------------------------


def test_span_says_what_was_asked_and_answered(client, server, spans):
    """The attributes of a plain call, whole."""
    server.script(Reply(text="Hi", tokens=Tokens(2101, 40, cached=1536, reasoning=30, audio_in=5, audio_out=2)))
    client.chat.completions.create(
        **CHAT, temperature=0.5, top_p=1, max_tokens=9, seed=7, stop=["x"], n=1, frequency_penalty=0, logit_bias={}
    )
    found = attributes(spans)
    assert found.pop("gen_ai.response.id").startswith("chatcmpl-")
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_offline",
        "gen_ai.usage.input_tokens": 2101,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 1536,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.audio.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": int(server.base_url.split(":")[2].split("/")[0]),
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hello there"}]}]',
        "gen_ai.output.messages": (
            '[{"role":"assistant","parts":[{"type":"text","content":"Hi"}],"finish_reason":"stop"}]'
        ),
    } == found
    (span,) = spans()
    assert (span.name, span.kind.name) == ("chat gpt-4o-mini", "CLIENT")


def test_tool_calls_and_results_are_paired(client, server, spans):
    """A tool's call and its result carry the same id, whether they came as dicts or as objects of the client."""
    server.script(Reply(tools=[ToolRequest("weather", {"city": "Oslo"})]), Reply(text="Cold"))
    asking = client.chat.completions.create(**CHAT)
    call = asking.choices[0].message.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": "-3"}
    client.chat.completions.create(model="m", messages=[*HELLO, asking.choices[0].message, result])
    _, answered = spans()
    said = json.loads(answered.attributes["gen_ai.input.messages"])
    arguments = {"type": "tool_call", "id": call.id, "name": "weather", "arguments": {"city": "Oslo"}}
    assert [
        {"role": "user", "parts": [{"type": "text", "content": "Hello there"}]},
        {"role": "assistant", "parts": [arguments]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": call.id, "response": "-3"}]},
    ] == said


def test_streamed_and_plain_calls_say_the_same(client, server, spans):
    """Only the id, the way and the time tell a streamed call from a plain one."""
    tokens = Tokens(20, 10, cached=4, reasoning=3)
    reply = Reply(tools=[ToolRequest("a", {"x": 1}), ToolRequest("b")], text="Let me see", tokens=tokens)
    server.script(reply, reply)
    client.chat.completions.create(**CHAT, n=2)
    list(client.chat.completions.create(**CHAT, n=2, stream=True, stream_options={"include_usage": True}))
    plain, streamed = (dict(span.attributes) for span in spans())
    assert streamed.pop("gen_ai.request.stream") is True
    assert 0 < streamed.pop("gen_ai.response.time_to_first_chunk") < 60
    for said in (plain, streamed):
        own_id = said.pop("gen_ai.response.id").removeprefix("chatcmpl-")
        said["gen_ai.output.messages"] = said["gen_ai.output.messages"].replace(own_id, "ID").replace(" (2)", "")
    assert plain == streamed


def test_broken_stream_says_what_came(client, server, spans):
    """Text and error of a stream that broke are both there."""
    server.script(Reply(text="one two three", fail_after=3))
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(**CHAT, stream=True))
    assert messages(spans, "gen_ai.output.messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "one two "}]}
    ]
    assert attributes(spans)["error.type"] == "openai.APIError"


def test_failure_has_type_message_and_stack(client, server, spans):
    """The exception event names the client's exception and where it was raised."""
    server.script(Failure(status=429, message="Slow down."))
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**CHAT)
    (span,) = spans()
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "openai.RateLimitError"
    assert event.attributes["exception.message"] == str(raised.value)
    assert "test_failure_has_type" not in event.attributes["exception.message"]
    assert "Traceback" in event.attributes["exception.stacktrace"]
    assert span.status.description == f"RateLimitError: {raised.value}"


def test_embeddings_have_texts_and_input_tokens(client, spans):
    """What is embedded is the input; nothing is put out."""
    client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=4)
    found = attributes(spans)
    assert (found["gen_ai.operation.name"], found["gen_ai.embeddings.dimension.count"]) == ("embeddings", 4)
    assert found["gen_ai.usage.input_tokens"] == 4
    assert "gen_ai.usage.output_tokens" not in found


@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses")
def test_responses_have_instructions_items_and_reasons(client, server, spans):
    """Instructions are system instructions, items are messages, and calling a function is a reason to finish."""
    server.script(Reply(tools=[ToolRequest("weather", {"city": "Oslo"})], tokens=Tokens(9, 8, reasoning=5)))
    answer = client.responses.create(
        model="gpt-4o",
        instructions="Be terse.",
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {"type": "function_call", "call_id": "c1", "name": "where", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "Oslo"},
        ],
        reasoning={"effort": "low"},
    )
    found = attributes(spans)
    call = next(item for item in answer.output if item.type == "function_call")
    assert found["openai.api.type"] == "responses"
    assert found["gen_ai.request.reasoning.level"] == "low"
    assert found["gen_ai.system_instructions"] == '[{"type":"text","content":"Be terse."}]'
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "where", "arguments": {}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "Oslo"}]},
    ]
    assert json.loads(found["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Thinking offline."},
                {"type": "tool_call", "id": call.call_id, "name": "weather", "arguments": {"city": "Oslo"}},
            ],
            "finish_reason": "tool_calls",
        }
    ]
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_messages_are_those_of_the_call(client, spans):
    """An agent appends to its list, and changes messages in it, while the answer is still coming."""
    conversation = [{"role": "user", "content": "first"}]
    stream = client.chat.completions.create(model="m", messages=conversation, stream=True)
    conversation[0]["content"] = "changed"
    conversation.append({"role": "user", "content": "second"})
    list(stream)
    assert messages(spans, "gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "first"}]}
    ]


def test_iterator_of_messages_is_left_to_the_client(client, server, spans):
    """Messages that come from an iterator reach the provider; we do not look at them."""
    client.chat.completions.create(model="m", messages=(message for message in HELLO))
    assert server.requests[0].body["messages"] == HELLO
    assert "gen_ai.input.messages" not in attributes(spans)


def refuse(request: Any) -> None:
    """No test leaves this machine."""
    raise openai.OpenAIError("no network")


@pytest.mark.parametrize(
    ("base_url", "name", "port"),
    [
        ("https://api.deepseek.com/v1", "deepseek", 443),
        ("https://x.openai.azure.com/openai", "azure.ai.openai", 443),
        ("http://models.example:8080", "openai", 8080),
    ],
)
def test_provider_is_told_by_the_host(spans, base_url, name, port):
    """The same client talks to many providers."""
    http = openai.DefaultHttpxClient(event_hooks={"request": [refuse]})
    options: dict[str, Any] = {"base_url": base_url, "api_key": "offline", "http_client": http, "max_retries": 0}
    with openai.OpenAI(**options) as client, pytest.raises(openai.OpenAIError):
        client.chat.completions.create(**CHAT)
    found = attributes(spans)
    assert (found["gen_ai.provider.name"], found["server.port"]) == (name, port)


# --- where a span is -------------------------------------------------------------------------------------------------


def test_span_is_current_while_the_client_works(server, spans):
    """What instruments HTTP finds our span as its parent."""
    seen: list[str] = []
    hook = {"request": [lambda request: seen.append(trace.get_current_span().name)]}
    http = openai.DefaultHttpxClient(event_hooks=hook)
    with openai.OpenAI(base_url=server.base_url, api_key="offline", http_client=http) as client:
        client.chat.completions.create(**CHAT)
        list(client.chat.completions.create(**CHAT, stream=True))
    assert seen == ["chat gpt-4o-mini"] * 2


def test_span_is_not_current_between_chunks(client, provider, spans):
    """What the caller does between two chunks belongs to the caller's own span."""
    with provider.get_tracer("caller").start_as_current_span("mine") as mine:
        for _ in client.chat.completions.create(**CHAT, stream=True):
            assert trace.get_current_span() is mine
        assert trace.get_current_span() is mine
    call = next(span for span in spans() if span.name.startswith("chat"))
    assert call.parent.span_id == mine.get_span_context().span_id


def test_gathered_calls_are_siblings(server, provider, spans):
    """Fifty calls at once: fifty spans, each with its own answer, all below the caller's span."""

    async def ask() -> list[str]:
        async with async_client(server) as client:
            with provider.get_tracer("caller").start_as_current_span("mine"):
                answers = await asyncio.gather(*[client.chat.completions.create(**CHAT) for _ in range(50)])
        return [answer.id for answer in answers]

    ids = asyncio.run(ask())
    *calls, mine = spans()
    assert sorted(ids) == sorted(call.attributes["gen_ai.response.id"] for call in calls)
    assert {mine.context.span_id} == {call.parent.span_id for call in calls}


@pytest.mark.parametrize(
    "key",
    [
        "suppress_instrumentation",
        otel_context._SUPPRESS_INSTRUMENTATION_KEY,
        "suppress_language_model_instrumentation",
        "opentelemetry.genai.client.inference.context",
    ],
    ids=["everybody", "everybody, by the key of the API", "OpenLLMetry", "OpenTelemetry GenAI"],
)
def test_call_that_is_recorded_elsewhere_leaves_no_span(client, spans, key):
    """Neighbours say in the context that they record a call, or that nobody should."""
    token = otel_context.attach(otel_context.set_value(key, True))
    client.chat.completions.create(**CHAT)
    otel_context.detach(token)
    assert spans() == []


def test_neighbours_are_told_that_a_call_is_recorded(server, spans):
    """OpenLLMetry's wrappers below ours find their own key and keep quiet."""
    seen: list[Any] = []
    key = "suppress_language_model_instrumentation"
    http = openai.DefaultHttpxClient(event_hooks={"request": [lambda _: seen.append(otel_context.get_value(key))]})
    with openai.OpenAI(base_url=server.base_url, api_key="offline", http_client=http) as client:
        client.chat.completions.create(**CHAT)
    assert (seen, otel_context.get_value(key)) == ([True], None)


# --- how a call ends -------------------------------------------------------------------------------------------------


def test_dropped_stream_ends_its_span(client, spans):
    """Nobody closed it; that it is gone is enough."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    next(stream)
    assert spans() == []
    del stream
    assert [span.name for span in spans()] == ["chat gpt-4o-mini"]


def test_reading_a_raw_response_again_starts_nothing(server, provider, spans):
    """What comes after the end of a call belongs to no call."""
    started = Started()
    provider.add_span_processor(started)

    async def ask() -> None:
        client = async_client(server)
        async with client, client.chat.completions.with_streaming_response.create(**CHAT) as response:
            first, again = await response.parse(), await response.parse()
            assert first is again

    asyncio.run(ask())
    assert (started.names, len(spans())) == (["chat gpt-4o-mini"], 1)


class Started(SpanProcessor):
    """Names of the spans that were started."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        self.names.append(span.name)


class Announced(SpanProcessor):
    """Sets an event when a span ends."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.thread: int | None = None

    def on_end(self, span: ReadableSpan) -> None:
        self.thread = threading.get_ident()
        self.ended.set()


def test_stream_in_a_cycle_ends_its_span(client, provider, spans):
    """The garbage collector may run while this very thread holds a lock of a span processor: it must not end a span."""
    announced = Announced()
    provider.add_span_processor(announced)
    stream = client.chat.completions.create(**CHAT, stream=True)
    next(stream)
    cycle: list[Any] = [stream]
    cycle.append(cycle)
    del stream, cycle
    gc.collect()
    assert announced.ended.wait(10)
    assert announced.thread != threading.get_ident()
    assert [span.name for span in spans()] == ["chat gpt-4o-mini"]


class Slow(SpanProcessor):
    """Takes its time before a span is handed on."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        time.sleep(0.2)
        self.seen.append(span.name)


@pytest.mark.parametrize("ask", ["settle", "uninstall"])
def test_collected_stream_is_not_lost_to_who_looks_next(ask, client, provider, installed):
    """Its span ends on another thread; a flush and the end of watching wait for that."""
    slow = Slow()
    provider.add_span_processor(slow)
    cycle: list[Any] = [client.chat.completions.create(**CHAT, stream=True)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    installed.settle(10) if ask == "settle" else installed.uninstall()
    assert slow.seen == ["chat gpt-4o-mini"]


def test_coroutine_that_nobody_awaits_is_no_call(server, spans):
    """The client's own warning comes once, under the client's own name."""

    async def forget() -> None:
        async with async_client(server) as client:
            client.chat.completions.create(**CHAT)

    with pytest.warns(RuntimeWarning) as warned:
        asyncio.run(forget())
    assert ["never awaited" in str(warning.message) for warning in warned] == [True]
    assert "AsyncCompletions.create" in str(warned[0].message)
    assert (spans(), server.requests) == ([], [])


def test_cancelled_call_is_an_error(server, spans):
    """The task is cancelled while the provider thinks."""

    async def ask() -> None:
        asked = asyncio.Event()

        async def note(request: Any) -> None:
            asked.set()

        server.script(Reply(hold=threading.Event()))
        http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [note]})
        async with async_client(server, http_client=http) as client:
            task = asyncio.create_task(client.chat.completions.create(**CHAT))
            await asyncio.wait_for(asked.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(ask())
    assert attributes(spans)["error.type"] == "asyncio.exceptions.CancelledError"


def test_cancelled_stream_is_an_error(server, spans):
    """The task is cancelled between two chunks."""

    async def read() -> None:
        server.script(Reply(text="a b", hold=threading.Event(), hold_after=2))
        begun = asyncio.Event()

        async def consume(client: openai.AsyncOpenAI) -> None:
            async for _ in await client.chat.completions.create(**CHAT, stream=True):
                begun.set()

        async with async_client(server) as client:
            task = asyncio.create_task(consume(client))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(read())
    found = attributes(spans)
    assert (found["error.type"], found["gen_ai.request.stream"]) == ("asyncio.exceptions.CancelledError", True)


def test_stream_that_is_left_and_read_on_is_one_call(client, spans):
    """The span ends at the end of the stream, with all of it."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    for _ in stream:
        break
    assert spans() == []
    list(stream)
    assert messages(spans, "gen_ai.output.messages")[0]["parts"][0]["content"] == "Offline answer to: Hello there"


# --- what never happens ----------------------------------------------------------------------------------------------

SECRET = "the moon is made of cheese"


@pytest.fixture
def discreet(provider: TracerProvider, installed: Installation) -> Iterator[None]:
    """Watched again, without capture."""
    installed.uninstall()
    installation = install(provider.get_tracer("test"), capture=False)
    yield
    installation.uninstall()


def told(span: ReadableSpan) -> str:
    """Everything that leaves the process with a span."""
    return span.to_json()


@pytest.mark.usefixtures("discreet")
def test_without_capture_no_text_is_written_down(client, server, spans):
    """Neither prompt nor answer, tool, error message or source line; what a call cost is there."""
    message = [{"role": "user", "content": SECRET}]
    server.script(
        Reply(text=SECRET),
        Reply(tools=[ToolRequest("look", {"at": SECRET})]),
        Reply(text=SECRET, fail_after=3),
        Failure(status=400, message=f"Bad prompt: {SECRET}"),
    )
    client.chat.completions.create(model="m", messages=message, user=SECRET)
    client.chat.completions.create(model="m", messages=message)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="m", messages=message, stream=True))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "the moon is made of cheese"}])
    assert len(spans()) == 4
    assert [SECRET in told(span) for span in spans()] == [False] * 4
    assert spans()[0].attributes["gen_ai.usage.input_tokens"] == count_tokens(message)
    assert spans()[3].events[0].attributes["exception.message"] == "openai.BadRequestError"
    assert "in create" in spans()[3].events[0].attributes["exception.stacktrace"]


class Broken(SpanProcessor):
    """Raises at every turn."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        raise ValueError("ours, at the start")


@pytest.mark.usefixtures("not_strict")
def test_failure_of_ours_is_not_the_callers(client, provider, spans):
    """A span that cannot be started costs the span, not the call; the log says so once."""
    provider.add_span_processor(Broken())
    answers = [client.chat.completions.create(**CHAT), *client.chat.completions.create(**CHAT, stream=True)]
    assert len(answers) == 8


@pytest.fixture
def not_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production: our failures are logged."""
    monkeypatch.delenv("AGENTOPS_STRICT")
