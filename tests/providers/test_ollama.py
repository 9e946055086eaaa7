"""Ollama's client: every way to call it, with every outcome."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer, Reply, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

ollama = client_module("ollama")

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT: dict[str, Any] = {"model": "llama3.2", "messages": HELLO}
GENERATE: dict[str, Any] = {"model": "llama3.2", "prompt": "Hello there"}
COUNTED = Usage(input=1000, output=50)
GENERATORS = {
    "with": "the stream is a generator",
    "with, raising": "the stream is a generator",
}


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client, closed by its own (since 0.6) or by what it holds."""
    client = ollama.Client(host=url)
    yield client
    client._client.close()


@asynccontextmanager
async def connected_async(url: str) -> AsyncIterator[Any]:
    """The asynchronous one."""
    client = ollama.AsyncClient(host=url)
    yield client
    await client._client.aclose()


MATRIX = Matrix(
    client="ollama",
    provider="ollama",
    connect=connected,
    connect_async=connected_async,
    ways=[
        Way(name="chat", call=lambda client: client.chat(**CHAT), span="chat llama3.2", usage=COUNTED),
        Way(
            name="chat, streamed",
            call=lambda client: client.chat(**CHAT, stream=True),
            span="chat llama3.2",
            streams=True,
            usage=COUNTED,
            lacks=GENERATORS,
        ),
        Way(
            name="generate",
            call=lambda client: client.generate(**GENERATE),
            span="text_completion llama3.2",
            usage=COUNTED,
            tools=False,
        ),
        Way(
            name="generate, streamed",
            call=lambda client: client.generate(**GENERATE, stream=True),
            span="text_completion llama3.2",
            streams=True,
            usage=COUNTED,
            tools=False,
            lacks=GENERATORS,
        ),
        Way(
            name="embed",
            call=lambda client: client.embed(model="nomic", input=["one", "two"]),
            span="embeddings nomic",
            usage=Usage(input=1000),
            tools=False,
        ),
        Way(
            name="embeddings",
            call=lambda client: client.embeddings(model="nomic", prompt="one"),
            span="embeddings nomic",
            usage=Usage(),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def test_the_functions_of_the_module_are_watched(server: ModelServer) -> None:
    """`ollama.chat` is a method of a client that was made before us; it is recorded once, also when installed again."""
    ollama.chat.__self__._client.base_url = server.url
    for _ in range(2):
        with recording() as recorded:
            ollama.chat("llama3.2", HELLO)
        assert [(one.name, one.request_model) for one in recorded()] == [("chat llama3.2", "llama3.2")]
    ollama.chat.__self__._client.close()


IMPORTED_LATER = """
import gc
from agentops_otel.testing import ModelServer
from providers.matrix import recording

for _ in range(2):
    with recording() as recorded:
        import ollama
        with ModelServer() as server:
            ollama.chat.__self__._client.base_url = server.url
            ollama.chat("llama3.2", [{"role": "user", "content": "Hello there"}])
    assert [one.name for one in recorded()] == ["chat llama3.2"], recorded()
"""


def test_the_functions_of_a_module_that_is_imported_later_are_watched() -> None:
    """Then `ollama.chat` is a method that is wrapped already: one event, and one again after installing again."""
    here = Path(__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", IMPORTED_LATER], cwd=here, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_was_asked_and_answered_is_told(server: ModelServer) -> None:
    """Messages, tools and options."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    asked = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Look", "images": [b"png"]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Pécs"}}}]},
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
    ]
    server.script(Reply(text="Sunny.", tools=[ToolRequest("weather", {"city": "Eger"})]))
    with recording() as recorded, connected(server.url) as client:
        client.chat("llama3.2", asked, tools=[tool], options={"temperature": 0.5, "num_predict": 9})
    [call] = recorded()
    assert call.prompt == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look"},
                {"type": "blob", "modality": "image", "content": "cG5n"},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": None, "name": "weather", "arguments": {"city": "Pécs"}}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": None, "response": "sunny", "name": "weather"}],
        },
    ]
    assert call.completion == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Sunny."},
                {"type": "tool_call", "id": None, "name": "weather", "arguments": {"city": "Eger"}},
            ],
            "finish_reason": "stop",
        }
    ]
    assert (call.params["temperature"], call.params["max_tokens"]) == (0.5, 9)
