"""Anthropic's client: the caller sees what it sees without us, and every call leaves exactly one span.

The client's own spans, which it has since 1.x, go to the same provider in all of these tests.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import anthropic
import pydantic
import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentops_otel
from agentops_otel import runtime
from agentops_otel.instruments.registry import install
from agentops_otel.testing import Failure, ModelServer, Reply, Tokens, ToolRequest

from .conftest import Spans

MODEL = "claude-haiku-4-5"
ASKED: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello there"}],
    "system": "Be brief.",
}
USAGE = Tokens(1000, 50, cached=600, written=100, reasoning=10)
REPLY = Reply(text="Offline it is.", tokens=USAGE)
WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


HAS_OWN_SPANS = hasattr(anthropic._base_client.BaseClient, "_tracer")
HAS_PARSE = hasattr(anthropic.resources.Messages, "parse")
HAS_TOOL_RUNNER = hasattr(anthropic, "beta_tool")


class Forecast(pydantic.BaseModel):
    city: str


def shown(value: Any) -> Any:
    """A value as the caller sees it, less the ids that differ from request to request."""
    if isinstance(value, pydantic.BaseModel):
        return re.sub(r"(msg|toolu)_[0-9a-f]+", r"\1_ID", repr(value))
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


# --- ways to call ----------------------------------------------------------------------------------------------------


def plain(client: anthropic.Anthropic) -> Any:
    return client.messages.create(**ASKED)


def streamed(client: anthropic.Anthropic) -> Any:
    stream = client.messages.create(**ASKED, stream=True)
    return [isinstance(stream, anthropic.Stream), *stream]


def in_with(client: anthropic.Anthropic) -> Any:
    with client.messages.create(**ASKED, stream=True) as stream:
        return list(stream)


def helper(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**ASKED) as stream:
        return [isinstance(stream, anthropic.MessageStream), *stream]


def helper_text(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**ASKED) as stream:
        return list(stream.text_stream)


def helper_final(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**ASKED) as stream:
        return [stream.get_final_message(), stream.get_final_text(), stream.current_message_snapshot]


def raw(client: anthropic.Anthropic) -> Any:
    response = client.messages.with_raw_response.create(**ASKED)
    return [type(response).__name__, response.status_code, response.parse()]


def raw_stream(client: anthropic.Anthropic) -> Any:
    response = client.messages.with_raw_response.create(**ASKED, stream=True)
    return list(response.parse())


def streaming_response(client: anthropic.Anthropic) -> Any:
    with client.messages.with_streaming_response.create(**ASKED) as response:
        return [response.status_code, response.parse()]


def beta(client: anthropic.Anthropic) -> Any:
    return client.beta.messages.create(**ASKED)


def beta_helper(client: anthropic.Anthropic) -> Any:
    with client.beta.messages.stream(**ASKED) as stream:
        return [*stream, stream.get_final_message()]


def run(body: Callable[[anthropic.AsyncAnthropic], Any]) -> Callable[[str], Any]:
    """An async way to call, with a client and a loop of its own."""

    def call(url: str) -> Any:
        async def all_of_it() -> Any:
            async with anthropic.AsyncAnthropic(base_url=url, api_key="offline", max_retries=0) as client:
                return await body(client)

        return asyncio.run(all_of_it())

    call.__name__ = body.__name__
    return call


async def async_plain(client: anthropic.AsyncAnthropic) -> Any:
    return await client.messages.create(**ASKED)


async def async_streamed(client: anthropic.AsyncAnthropic) -> Any:
    return [event async for event in await client.messages.create(**ASKED, stream=True)]


async def async_helper(client: anthropic.AsyncAnthropic) -> Any:
    async with client.messages.stream(**ASKED) as stream:
        return [text async for text in stream.text_stream], await stream.get_final_message()


async def async_raw(client: anthropic.AsyncAnthropic) -> Any:
    response = await client.messages.with_raw_response.create(**ASKED)
    parsed = response.parse()
    return await parsed if asyncio.iscoroutine(parsed) else parsed


async def async_beta_helper(client: anthropic.AsyncAnthropic) -> Any:
    async with client.beta.messages.stream(**ASKED) as stream:
        return [event async for event in stream]


def sync(body: Callable[[anthropic.Anthropic], Any]) -> Callable[[str], Any]:
    """A sync way to call, with a client of its own."""

    def call(url: str) -> Any:
        with anthropic.Anthropic(base_url=url, api_key="offline", max_retries=0) as client:
            return body(client)

    call.__name__ = body.__name__
    return call


WAYS = [
    *map(
        sync,
        (
            plain,
            streamed,
            in_with,
            helper,
            helper_text,
            helper_final,
            raw,
            raw_stream,
            streaming_response,
            beta,
            beta_helper,
        ),
    ),
    *map(run, (async_plain, async_streamed, async_helper, async_raw, async_beta_helper)),
]


@pytest.fixture
def own(provider: TracerProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider of the test is the global one, to which the client sends its own spans."""
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)


def told(span: ReadableSpan) -> dict[str, Any]:
    """What a span says of tokens, and how it ended."""
    said = dict(span.attributes or {})
    return {
        "name": span.name,
        "provider": said.get("gen_ai.provider.name"),
        "model": said.get("gen_ai.response.model"),
        "finish": said.get("gen_ai.response.finish_reasons"),
        "input": said.get("gen_ai.usage.input_tokens"),
        "read": said.get("gen_ai.usage.cache_read.input_tokens"),
        "write": said.get("gen_ai.usage.cache_write.input_tokens"),
        "output": said.get("gen_ai.usage.output_tokens"),
        "reasoning": said.get("gen_ai.usage.reasoning.output_tokens"),
        "error": said.get("error.type"),
    }


WHOLE = {
    "name": f"chat {MODEL}",
    "provider": "anthropic",
    "model": MODEL,
    "finish": ("end_turn",),
    "input": 1000,
    "read": 600,
    "write": 100,
    "output": 50,
    "reasoning": 10,
    "error": None,
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_call_is_unchanged_and_is_one_span(way, server: ModelServer, provider, spans: Spans, own):
    """Same values as without us; one span with the whole usage, though the client would make one of its own."""
    server.script(REPLY)
    without = shown(way(server.url))
    before = len(spans())
    assert before == int(HAS_OWN_SPANS), "the client's own span"
    installation = install(provider.get_tracer("test"))
    server.script(REPLY)
    try:
        assert shown(way(server.url)) == without
    finally:
        installation.uninstall()
    assert [told(span) for span in spans()[before:]] == [WHOLE]


@pytest.mark.skipif(not HAS_PARSE, reason="this version of the client parses no answers")
def test_parsed_answers_keep_their_type(server, spans, installed, own):
    """Structured output is parsed as without us."""
    server.script(Reply(text='{"city": "Rome"}'))
    with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
        answer = client.messages.parse(**ASKED, output_format=Forecast)
    assert answer.parsed_output == Forecast(city="Rome")
    [span] = spans()
    assert span.attributes["gen_ai.output.type"] == "json"


def test_messages_tools_and_system_are_read(server, spans, installed):
    """Content blocks become parts; the tool call of the answer has its arguments, streamed or not."""
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Rome?"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "R"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}]},
    ]
    reply = Reply(tools=[ToolRequest("weather", {"city": "Rome"})], tokens=None, text="")
    asked = {**ASKED, "messages": messages, "tools": [WEATHER]}
    server.script(reply, Reply(tools=reply.tools, text=""))
    with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
        client.messages.create(**asked)
        list(client.messages.create(**asked, stream=True))
    for span in spans():
        said = {name: json.loads(str(value)) for name, value in span.attributes.items() if str(value).startswith("[{")}
        [[call]] = [message["parts"] for message in said["gen_ai.output.messages"]]
        assert (call["type"], call["name"], call["arguments"]) == ("tool_call", "weather", {"city": "Rome"})
        assert said["gen_ai.input.messages"] == [
            {"role": "user", "parts": [{"type": "text", "content": "Rome?"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "R"}}],
            },
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "t1", "response": "sunny"}]},
        ]
        assert said["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
        assert said["gen_ai.tool.definitions"][0]["name"] == "weather"


def test_stream_left_early_has_no_output_count(server, spans, installed):
    """The count that a stream begins with is a placeholder, and is not taken for the answer's."""
    server.script(REPLY)
    with (
        anthropic.Anthropic(base_url=server.url, api_key="offline") as client,
        client.messages.stream(**ASKED) as stream,
    ):
        next(iter(stream.text_stream))
    [span] = spans()
    assert (told(span)["input"], told(span)["output"], told(span)["error"]) == (1000, None, None)


@pytest.mark.parametrize("reply", [Failure(status=429), Failure(status=529), Reply(fail_after=4)])
def test_errors_are_the_clients_and_are_told(server, spans, installed, own, reply):
    """An HTTP error, and one in the midst of a stream: raised as without us, one span that failed."""
    server.script(reply)
    with (
        anthropic.Anthropic(base_url=server.url, api_key="offline", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(**ASKED) as stream,
    ):
        stream.until_done()
    [span] = spans()
    assert told(span)["error"].rpartition(".")[2] == type(caught.value).__name__
    assert [event.name for event in span.events] == ["exception"]


def test_manager_that_is_never_entered_is_no_call(server, spans, installed):
    """Nothing was asked."""
    with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
        client.messages.stream(**ASKED)
    assert (spans(), server.requests) == ([], [])


def test_counting_tokens_is_no_model_call(server, spans, installed):
    """It costs nothing and answers nothing."""
    with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
        assert client.messages.count_tokens(model=MODEL, messages=ASKED["messages"]).input_tokens > 0
    assert spans() == []


@pytest.mark.skipif(not HAS_OWN_SPANS, reason="this version of the client has no spans of its own")
def test_spans_that_the_program_sends_elsewhere_are_left_alone(server, spans, installed):
    """A client with a tracer provider of its own writes there what it always wrote."""
    elsewhere, theirs = InMemorySpanExporter(), TracerProvider()
    theirs.add_span_processor(SimpleSpanProcessor(elsewhere))
    asked: Any = {"tracer_provider": theirs}
    with anthropic.Anthropic(base_url=server.url, api_key="offline", open_telemetry=asked) as client:
        client.messages.create(**ASKED)
    assert [[span.name for span in made] for made in (spans(), elsewhere.get_finished_spans())] == [
        [f"chat {MODEL}"],
        ["anthropic.messages.create"],
    ]


@pytest.mark.skipif(not HAS_TOOL_RUNNER, reason="this version of the client has no tool runner")
def test_tool_runner_is_seen_by_its_calls(server, spans, installed):
    """Each request of the loop is one call."""

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    server.script(Reply(tools=[ToolRequest("weather", {"city": "Rome"})], text=""), Reply(text="Sunny."))
    with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
        runner = client.beta.messages.tool_runner(
            model=MODEL, max_tokens=100, messages=ASKED["messages"], tools=[weather]
        )
        runner.until_done()
    assert [told(span)["finish"] for span in spans()] == [("tool_use",), ("end_turn",)]


def test_call_in_a_session_is_one_event(home, server: ModelServer):
    """With the client's own spans on, the session counts one model call, at the cost of its cached tokens."""
    before = otel_context.get_current()
    try:
        session = agentops_otel.init()
        server.script(Reply(text="ok", tokens=Tokens(1000, 100, cached=600)))
        with anthropic.Anthropic(base_url=server.url, api_key="offline") as client:
            client.messages.create(**ASKED)
        cost = agentops_otel.end_session("Success")
    finally:
        runtime.stop()
        otel_context.attach(before)
    assert session is not None
    assert (session.event_counts["llms"], cost) == (1, "0.000960")
