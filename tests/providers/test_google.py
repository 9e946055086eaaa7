"""Google's Gen AI client: every way to call it, with every outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer, Reply, Tokens, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

genai = client_module("google.genai")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own

ASKED: dict[str, Any] = {"model": "gemini-2.5-flash", "contents": "Hello there"}
NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the stream is a generator")


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client of the Gemini API."""
    client = genai.Client(api_key="offline", http_options={"base_url": url})
    yield client
    (client if hasattr(client, "close") else client._api_client._httpx_client).close()


@asynccontextmanager
async def connected_async(url: str) -> AsyncIterator[Any]:
    """The asynchronous one, which lives as long as the other."""
    with connected(url) as client:
        yield client.aio
        await (client.aio if hasattr(client.aio, "aclose") else client._api_client._async_httpx_client).aclose()


MATRIX = Matrix(
    client="google-genai",
    provider="gcp.gemini",
    connect=connected,
    connect_async=connected_async,
    ways=[
        Way(
            name="models.generate_content",
            call=lambda client: client.models.generate_content(**ASKED),
            span="chat gemini-2.5-flash",
        ),
        Way(
            name="models.generate_content_stream",
            call=lambda client: client.models.generate_content_stream(**ASKED),
            span="chat gemini-2.5-flash",
            streams=True,
            lacks=NO_BLOCK,
        ),
        Way(
            name="chats.send_message",
            call=lambda client: client.chats.create(model="gemini-2.5-flash").send_message("Hello there"),
            span="chat gemini-2.5-flash",
        ),
        Way(
            name="models.embed_content",
            call=lambda client: client.models.embed_content(model="text-embedding-004", contents=["one", "two"]),
            span="embeddings text-embedding-004",
            usage=Usage(),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def weather(city: str) -> str:
    """How it is there."""
    return f"sunny in {city}"


weather.__annotations__ = {"city": str, "return": str}  # clients before 2.x do not read those that are texts


def test_every_round_of_automatic_function_calling_is_counted(server: ModelServer) -> None:
    """One call of the program, two requests, two events: what was paid is the sum."""
    server.script(
        Reply(text="", tools=[ToolRequest("weather", {"city": "Eger"})], tokens=Tokens(100, 10)),
        Reply(text="Sunny.", tokens=Tokens(150, 5)),
    )
    with recording() as recorded, connected(server.url) as client:
        answer = client.models.generate_content(**ASKED, config={"tools": [weather], "temperature": 0.5})
    assert answer.text == "Sunny."
    first, second = recorded()
    assert [one.usage.prompt_tokens for one in (first, second)] == [100, 150]
    assert first.completion[0]["parts"] == [
        {"type": "tool_call", "id": None, "name": "weather", "arguments": {"city": "Eger"}}
    ]
    assert [message["role"] for message in second.prompt] == ["user", "assistant", "user"]
    assert second.prompt[2]["parts"][0]["response"] == {"result": "sunny in Eger"}
    assert (second.params["temperature"], second.completion[0]["parts"][0]["content"]) == (0.5, "Sunny.")
