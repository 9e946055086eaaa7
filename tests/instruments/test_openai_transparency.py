"""The caller sees with us what it sees without us, and every call leaves exactly one span.

The tests run with whatever `openai` is installed; CI runs them with the newest and with the oldest supported one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pydantic
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import StatusCode

from agentops_otel.instruments.registry import install
from agentops_otel.testing import Body, Failure, ModelServer, Reply, Tokens

from .conftest import Spans

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": HELLO}
STREAM: dict[str, Any] = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
COUNTED = (11, 8)
UNKNOWN = (None, None)
CUT = "openai.APIConnectionError" if openai.__version__ >= "3" else "httpx.RemoteProtocolError"
"""What a cut stream raises; older clients let the error of their HTTP library pass."""
has_responses = hasattr(openai.OpenAI, "responses")


class Forecast(pydantic.BaseModel):
    city: str


def helpers(client: Any) -> Any:
    """Where `parse` and `stream` are: in openai 1.40 under beta."""
    chat = client.chat.completions
    return chat if hasattr(chat, "parse") else client.beta.chat.completions


def shown(value: Any) -> Any:
    """A value as the caller sees it, less the ids that differ from request to request."""
    if isinstance(value, pydantic.BaseModel):
        text = re.sub(r"(chatcmpl-|resp_|msg_|call_|fc_|rs_)[0-9a-f_]+", r"\1ID", value.model_dump_json(warnings=False))
        return type(value).__name__, re.sub(r'"created(_at)?":[0-9.]+', "", text)
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value if isinstance(value, (str, int, float, type(None))) else value.__class__.__name__


@contextmanager
def raises(*kinds: type[BaseException]) -> Iterator[list[Any]]:
    """What was raised, as the caller sees it."""
    told: list[Any] = []
    try:
        yield told
    except kinds as error:
        told += [type(error).__name__, str(error), str(getattr(error, "body", None))]


# --- sync ways to call -----------------------------------------------------------------------------------------------


def plain(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(**CHAT)


def two_choices(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(**CHAT, n=2)


def to_the_end(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(**STREAM)
    return [isinstance(stream, openai.Stream), *stream, *stream]


def by_next(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(**STREAM)
    chunks = [next(stream)]
    while (chunk := next(stream, None)) is not None:
        chunks.append(chunk)
    return chunks


def two_choices_streamed(client: openai.OpenAI) -> Any:
    return list(client.chat.completions.create(**STREAM, n=2))


def left_and_resumed(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(**STREAM)
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        break
    return [*chunks, "left", *stream]


def broken_off(client: openai.OpenAI) -> Any:
    for chunk in client.chat.completions.create(**STREAM):
        return chunk
    return None


def with_block(client: openai.OpenAI) -> Any:
    with client.chat.completions.create(**STREAM) as stream:
        return [isinstance(stream, openai.Stream), next(stream), next(stream)]


def failing_in_block(client: openai.OpenAI) -> Any:
    with raises(ValueError) as told, client.chat.completions.create(**STREAM) as stream:
        next(stream)
        raise ValueError("the caller's own")
    return told


def closed(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(**STREAM)
    first = next(stream)
    return [first, stream.close(), stream.response.is_closed, hasattr(stream, "aclose")]


def dropped(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(**STREAM)
    return next(stream)


def raw(client: openai.OpenAI) -> Any:
    response = client.chat.completions.with_raw_response.create(**CHAT)
    return [type(response).__name__, response.status_code, response.parse(), response.parse()]


def raw_stream(client: openai.OpenAI) -> Any:
    response = client.chat.completions.with_raw_response.create(**STREAM)
    return [response.status_code, response.http_request.method, *response.parse()]


def streaming_response(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return [response.status_code, response.parse(), response.is_closed]


def streaming_response_read(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return len(response.read())


def streaming_response_lines(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**STREAM) as response:
        return len(list(response.iter_lines()))


def streaming_response_stream(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**STREAM) as response:
        return list(response.parse())


def parsed(client: openai.OpenAI) -> Any:
    return helpers(client).parse(**CHAT, response_format=Forecast)


def stream_helper(client: openai.OpenAI) -> Any:
    with helpers(client).stream(**CHAT, stream_options={"include_usage": True}) as stream:
        return [*[event.type for event in stream], stream.get_final_completion()]


def stream_helper_final(client: openai.OpenAI) -> Any:
    with helpers(client).stream(**CHAT, stream_options={"include_usage": True}) as stream:
        return stream.get_final_completion()


def stream_helper_left(client: openai.OpenAI) -> Any:
    kept = []
    with helpers(client).stream(**CHAT) as stream:
        kept.append(stream)
        return next(stream).type


def stream_helper_unused(client: openai.OpenAI) -> Any:
    return helpers(client).stream(**CHAT)


def embeddings(client: openai.OpenAI) -> Any:
    return client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])


def refused(client: openai.OpenAI) -> Any:
    with raises(openai.APIError) as told:
        client.chat.completions.create(**CHAT)
    return told


def refused_stream(client: openai.OpenAI) -> Any:
    with raises(openai.APIError) as told:
        client.chat.completions.create(**STREAM)
    return told


def failing_stream(client: openai.OpenAI) -> Any:
    chunks: list[Any] = []
    with raises(Exception) as told:
        chunks.extend(client.chat.completions.create(**STREAM))
    return [len(chunks), told]


def wrong_arguments(client: openai.OpenAI) -> Any:
    with raises(TypeError) as told:
        client.chat.completions.create(messages=HELLO)  # type: ignore[call-overload]
    return told


def responses(client: openai.OpenAI) -> Any:
    return client.responses.create(model="gpt-4o", input="Hello there")


def responses_streamed(client: openai.OpenAI) -> Any:
    return list(client.responses.create(model="gpt-4o", input="Hello there", stream=True))


def responses_helper(client: openai.OpenAI) -> Any:
    with client.responses.stream(model="gpt-4o", input="Hello there") as stream:
        return [*[event.type for event in stream], stream.get_final_response()]


def responses_parsed(client: openai.OpenAI) -> Any:
    return client.responses.parse(model="gpt-4o", input="Hello there", text_format=Forecast)


def responses_raw(client: openai.OpenAI) -> Any:
    return client.responses.with_raw_response.create(model="gpt-4o", input="Hello there").parse()


@dataclass(frozen=True)
class Way:
    """A way to call: what the server is scripted to do, and what the span must say."""

    run: Callable[[Any], Any]
    usage: tuple[int | None, int | None] = COUNTED
    error: str | None = None
    script: Sequence[Any] = ()
    spans: int = 1


_FAILED = Reply(fail_after=2)
_CUT = Reply(cut_after=2)

SYNC = [
    Way(plain),
    Way(plain, script=[Failure(status=500), Reply()]),
    Way(plain, usage=UNKNOWN, script=[Reply(tokens=None)]),
    Way(plain, usage=(2101, 40), script=[Reply(tokens=Tokens(2101, 40, cached=1536, reasoning=30, audio_in=5))]),
    Way(plain, usage=UNKNOWN, script=[Body(content=b"not json", content_type="text/plain")]),
    Way(plain, usage=UNKNOWN, script=[Body(content=b'{"id": 7, "choices": null, "usage": {"prompt_tokens": "x"}}')]),
    Way(two_choices),
    Way(to_the_end),
    Way(by_next),
    Way(two_choices_streamed),
    Way(left_and_resumed),
    Way(broken_off, usage=UNKNOWN),
    Way(with_block, usage=UNKNOWN),
    Way(failing_in_block, usage=UNKNOWN),
    Way(closed, usage=UNKNOWN),
    Way(dropped, usage=UNKNOWN),
    Way(raw),
    Way(raw, usage=UNKNOWN, script=[Reply(tokens=None)]),
    Way(raw_stream),
    Way(streaming_response),
    Way(streaming_response_read),
    Way(streaming_response_lines, usage=UNKNOWN),
    Way(streaming_response_stream),
    Way(parsed, usage=(11, 5)),
    Way(stream_helper),
    Way(stream_helper_final),
    Way(stream_helper_left, usage=UNKNOWN),
    Way(stream_helper_unused, spans=0),
    Way(embeddings, usage=(4, None)),
    Way(refused, usage=UNKNOWN, error="openai.AuthenticationError", script=[Failure(status=401)]),
    Way(refused, usage=UNKNOWN, error="openai.RateLimitError", script=[Failure(status=429)] * 3),
    Way(refused, usage=UNKNOWN, error="openai.InternalServerError", script=[Failure(status=500)] * 3),
    Way(refused, usage=UNKNOWN, error="openai.APIConnectionError", script=[_CUT] * 3),
    Way(refused_stream, usage=UNKNOWN, error="openai.RateLimitError", script=[Failure(status=429)] * 3),
    Way(failing_stream, usage=UNKNOWN, error="openai.APIError", script=[_FAILED]),
    Way(failing_stream, usage=UNKNOWN, error=CUT, script=[_CUT]),
    Way(wrong_arguments, usage=UNKNOWN, error="TypeError"),
]
if has_responses:
    SYNC += [
        Way(responses, usage=(6, 8)),
        Way(responses_streamed, usage=(6, 8)),
        Way(responses_helper, usage=(6, 8)),
        Way(responses_parsed, usage=(6, 5)),
        Way(responses_raw, usage=(6, 8)),
    ]


# --- async ways to call ----------------------------------------------------------------------------------------------


async def a_plain(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(**CHAT)


async def a_task(client: openai.AsyncOpenAI) -> Any:
    return await asyncio.create_task(client.chat.completions.create(**CHAT))


async def a_to_the_end(client: openai.AsyncOpenAI) -> Any:
    stream = await client.chat.completions.create(**STREAM)
    return [isinstance(stream, openai.AsyncStream), *[chunk async for chunk in stream]]


async def a_by_anext(client: openai.AsyncOpenAI) -> Any:
    stream = await client.chat.completions.create(**STREAM)
    chunks = [await stream.__anext__()]
    while (chunk := await anext(stream, None)) is not None:
        chunks.append(chunk)
    return chunks


async def a_broken_off(client: openai.AsyncOpenAI) -> Any:
    async for chunk in await client.chat.completions.create(**STREAM):
        return chunk
    return None


async def a_with_block(client: openai.AsyncOpenAI) -> Any:
    async with await client.chat.completions.create(**STREAM) as stream:
        return [isinstance(stream, openai.AsyncStream), await anext(stream)]


async def a_closed(client: openai.AsyncOpenAI) -> Any:
    stream = await client.chat.completions.create(**STREAM)
    first = await anext(stream)
    return [first, await stream.close(), stream.response.is_closed]


async def a_dropped(client: openai.AsyncOpenAI) -> Any:
    stream = await client.chat.completions.create(**STREAM)
    return await anext(stream)


async def a_raw(client: openai.AsyncOpenAI) -> Any:
    response = await client.chat.completions.with_raw_response.create(**CHAT)
    return [type(response).__name__, response.parse()]


async def a_raw_stream(client: openai.AsyncOpenAI) -> Any:
    response = await client.chat.completions.with_raw_response.create(**STREAM)
    return [chunk async for chunk in response.parse()]


async def a_streaming_response(client: openai.AsyncOpenAI) -> Any:
    async with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return [response.status_code, await response.parse()]


async def a_streaming_response_json(client: openai.AsyncOpenAI) -> Any:
    async with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return sorted(await response.json())


async def a_parsed(client: openai.AsyncOpenAI) -> Any:
    return await helpers(client).parse(**CHAT, response_format=Forecast)


async def a_stream_helper(client: openai.AsyncOpenAI) -> Any:
    async with helpers(client).stream(**CHAT, stream_options={"include_usage": True}) as stream:
        return [*[event.type async for event in stream], await stream.get_final_completion()]


async def a_stream_helper_left(client: openai.AsyncOpenAI) -> Any:
    kept = []
    async with helpers(client).stream(**CHAT) as stream:
        kept.append(stream)
        return (await anext(stream)).type


async def a_embeddings(client: openai.AsyncOpenAI) -> Any:
    return await client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])


async def a_refused(client: openai.AsyncOpenAI) -> Any:
    with raises(openai.APIError) as told:
        await client.chat.completions.create(**CHAT)
    return told


async def a_failing_stream(client: openai.AsyncOpenAI) -> Any:
    chunks: list[Any] = []
    with raises(Exception) as told:
        async for chunk in await client.chat.completions.create(**STREAM):
            chunks.append(chunk)
    return [len(chunks), told]


async def a_responses(client: openai.AsyncOpenAI) -> Any:
    return await client.responses.create(model="gpt-4o", input="Hello there")


async def a_responses_helper(client: openai.AsyncOpenAI) -> Any:
    async with client.responses.stream(model="gpt-4o", input="Hello there") as stream:
        return [*[event.type async for event in stream], await stream.get_final_response()]


ASYNC = [
    Way(a_plain),
    Way(a_task),
    Way(a_to_the_end),
    Way(a_by_anext),
    Way(a_broken_off, usage=UNKNOWN),
    Way(a_with_block, usage=UNKNOWN),
    Way(a_closed, usage=UNKNOWN),
    Way(a_dropped, usage=UNKNOWN),
    Way(a_raw),
    Way(a_raw_stream),
    Way(a_streaming_response),
    Way(a_streaming_response_json),
    Way(a_parsed, usage=(11, 5)),
    Way(a_stream_helper),
    Way(a_stream_helper_left, usage=UNKNOWN),
    Way(a_embeddings, usage=(4, None)),
    Way(a_refused, usage=UNKNOWN, error="openai.RateLimitError", script=[Failure(status=429)] * 3),
    Way(a_failing_stream, usage=UNKNOWN, error="openai.APIError", script=[_FAILED]),
    Way(a_failing_stream, usage=UNKNOWN, error=CUT, script=[_CUT]),
]
if has_responses:
    ASYNC += [Way(a_responses, usage=(6, 8)), Way(a_responses_helper, usage=(6, 8))]


def call(server: ModelServer, way: Way) -> Any:
    """What the caller sees, with a client of its own."""
    server.script(*way.script)
    if not asyncio.iscoroutinefunction(way.run):
        with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
            return shown(way.run(client))

    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="offline") as client:
            run: Callable[[Any], Awaitable[Any]] = way.run
            return shown(await run(client))

    return asyncio.run(run())


def usage(span: ReadableSpan) -> tuple[Any, Any]:
    """What the provider told; an estimate is none of it."""
    attributes = span.attributes or {}
    if attributes.get("agentops.usage.estimated"):
        return None, None
    return attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens")


WAYS = [pytest.param(way, id=f"{index}-{way.run.__name__}") for index, way in enumerate([*SYNC, *ASYNC])]


@pytest.mark.parametrize("way", WAYS)
def test_caller_sees_the_same_and_one_span_is_left(
    way: Way, server: ModelServer, provider: TracerProvider, spans: Spans
):
    """Values, types, chunks and errors are those of the bare client; the span has the usage and the error."""
    bare = call(server, way)
    requests = [request.body for request in server.requests]
    installation = install(provider.get_tracer("test"))
    try:
        watched = call(server, way)
    finally:
        installation.uninstall()
    assert bare == watched
    assert requests * 2 == [request.body for request in server.requests]
    found = spans()
    assert [way.usage] * way.spans == [usage(span) for span in found]
    assert [way.error] * way.spans == [(span.attributes or {}).get("error.type") for span in found]
    status = StatusCode.ERROR if way.error else StatusCode.UNSET
    assert [status] * way.spans == [span.status.status_code for span in found]
    assert [1 if way.error else 0] * way.spans == [len(span.events) for span in found]
