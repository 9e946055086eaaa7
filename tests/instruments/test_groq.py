"""Groq's client: the caller sees what it sees without us, and every call leaves exactly one span."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Any

import groq
import pydantic
import pytest
from opentelemetry.sdk.trace import TracerProvider

from agentops_otel.instruments.registry import install
from agentops_otel.testing import Failure, ModelServer, Reply, Tokens

from .conftest import Spans

ASKED: dict[str, Any] = {"model": "llama-3.3-70b", "messages": [{"role": "user", "content": "Hello there"}]}
REPLY = Reply(text="Offline it is.", tokens=Tokens(1000, 50, cached=600))
WHOLE = ("chat llama-3.3-70b", "groq", ("stop",), 1000, 600, 50)


def told(span: Any) -> tuple[Any, ...]:
    """Name, provider, finish reasons and tokens of a span."""
    said = span.attributes
    counts = ("input_tokens", "cache_read.input_tokens", "output_tokens")
    return (
        span.name,
        said["gen_ai.provider.name"],
        said.get("gen_ai.response.finish_reasons"),
        *(said.get(f"gen_ai.usage.{count}") for count in counts),
    )


def shown(value: Any) -> Any:
    """A value as the caller sees it, less the ids that differ from request to request."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, pydantic.BaseModel):
        text = re.sub(r"(chatcmpl-|req_)[0-9a-f]+", r"\1ID", value.model_dump_json(warnings=False))
        return type(value).__name__, re.sub(r'"created":[0-9]+', "", text)
    return value


def plain(client: groq.Groq) -> Any:
    return client.chat.completions.create(**ASKED)


def streamed(client: groq.Groq) -> Any:
    stream = client.chat.completions.create(**ASKED, stream=True)
    return [isinstance(stream, groq.Stream), *stream]


def raw(client: groq.Groq) -> Any:
    return client.chat.completions.with_raw_response.create(**ASKED).parse()


async def async_plain(client: groq.AsyncGroq) -> Any:
    return await client.chat.completions.create(**ASKED)


async def async_streamed(client: groq.AsyncGroq) -> Any:
    return [chunk async for chunk in await client.chat.completions.create(**ASKED, stream=True)]


async def run(body: Callable[[groq.AsyncGroq], Any], url: str) -> Any:
    async with groq.AsyncGroq(base_url=url, api_key="offline", max_retries=0) as client:
        return await body(client)


def answer_of(way: Callable[[Any], Any], url: str) -> Any:
    """What the caller sees, by a client of its own."""
    if inspect.iscoroutinefunction(way):
        return shown(asyncio.run(run(way, url)))
    with groq.Groq(base_url=url, api_key="offline", max_retries=0) as client:
        return shown(way(client))


@pytest.mark.parametrize("way", [plain, streamed, raw, async_plain, async_streamed])
def test_every_way_to_call_is_unchanged_and_is_one_span(
    way: Callable[[Any], Any], server: ModelServer, provider: TracerProvider, spans: Spans
):
    """Same values as without us, and one span with the whole usage."""
    server.script(REPLY, REPLY)
    without = answer_of(way, server.url)
    installation = install(provider.get_tracer("test"))
    try:
        assert answer_of(way, server.url) == without
    finally:
        installation.uninstall()
    assert [told(span) for span in spans()] == [WHOLE]


def test_an_error_is_the_clients_and_is_told(server, spans, installed):
    """Raised as without us; one span that failed."""
    server.script(Failure(status=429))
    client = groq.Groq(base_url=server.url, api_key="offline", max_retries=0)
    with client, pytest.raises(groq.RateLimitError):
        client.chat.completions.create(**ASKED)
    [span] = spans()
    assert (span.attributes["error.type"], [event.name for event in span.events]) == (
        "groq.RateLimitError",
        ["exception"],
    )


def test_embeddings_are_one_span(server, spans, installed):
    """With what they were asked and what it cost."""
    with groq.Groq(base_url=server.url, api_key="offline") as client:
        client.embeddings.create(model="nomic", input="Hello there")
    assert [told(span) for span in spans()] == [("embeddings nomic", "groq", None, 3, None, None)]
