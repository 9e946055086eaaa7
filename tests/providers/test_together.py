"""Together's client: every way to call it, with every outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agentops_otel.records import Usage

from .compatible import chat_ways, completion_ways, left_responses_are_closed  # noqa: F401  of the client 1.x
from .matrix import Case, Matrix, Way, check, client_module

together = client_module("together")

aiohttp = client_module("aiohttp")


@asynccontextmanager
async def connected_async(url: str) -> AsyncIterator[Any]:
    """The client; that of 1.x with a session of the program's, for it cannot close what is left of its own."""
    client = together.AsyncTogether(base_url=f"{url}/together", api_key="offline", max_retries=0)
    if hasattr(client, "__aenter__"):
        async with client:
            yield client
        return
    answers: list[Any] = []

    async def note(session: Any, context: Any, ended: Any) -> None:
        answers.append(ended.response)

    noting = aiohttp.TraceConfig()
    noting.on_request_end.append(note)
    async with aiohttp.ClientSession(trace_configs=[noting]) as session:
        together.aiosession.set(session)
        try:
            yield client
        finally:
            for answer in answers:
                answer.close()


MODEL = "llama-3.3-70b"

MATRIX = Matrix(
    client="together",
    provider="together_ai",
    connect=lambda url: together.Together(base_url=f"{url}/together", api_key="offline", max_retries=0),
    connect_async=connected_async,
    ways=[
        *chat_ways(MODEL, blocks_since="2.0"),
        *completion_ways(MODEL, blocks_since="2.0"),
        Way(
            name="embeddings.create",
            call=lambda client: client.embeddings.create(model="bge", input="Hello there"),
            span="embeddings bge",
            usage=Usage(input=1000),
            tools=False,
        ),
        Way(
            name="images.generate",
            call=lambda client: client.images.generate(model="flux", prompt="A cat", response_format="base64"),
            span="image_generation flux",
            usage=Usage(),
            tools=False,
        ),
        Way(
            name="rerank.create",
            call=lambda client: client.rerank.create(model="mxbai", query="Hello there", documents=["a", "b"]),
            span="rerank mxbai",
            usage=Usage(input=1000),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
