"""Together's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

together = client_module("together")

ASKED: dict[str, Any] = {"model": "llama-3.3-70b", "messages": [{"role": "user", "content": "Hello there"}]}

MATRIX = Matrix(
    client="together",
    provider="together_ai",
    connect=lambda url: together.Together(base_url=f"{url}/together", api_key="offline", max_retries=0),
    connect_async=lambda url: together.AsyncTogether(base_url=f"{url}/together", api_key="offline", max_retries=0),
    ways=[
        Way(
            name="chat.completions.create",
            call=lambda client: client.chat.completions.create(**ASKED),
            span="chat llama-3.3-70b",
        ),
        Way(
            name="chat.completions.create, streamed",
            call=lambda client: client.chat.completions.create(**ASKED, stream=True),
            span="chat llama-3.3-70b",
            streams=True,
        ),
        Way(
            name="completions.create",
            call=lambda client: client.completions.create(model="llama-3.3-70b", prompt="Hello there"),
            span="text_completion llama-3.3-70b",
            tools=False,
        ),
        Way(
            name="completions.create, streamed",
            call=lambda client: client.completions.create(model="llama-3.3-70b", prompt="Hello there", stream=True),
            span="text_completion llama-3.3-70b",
            streams=True,
            tools=False,
        ),
        Way(
            name="embeddings.create",
            call=lambda client: client.embeddings.create(model="bge", input="Hello there"),
            span="embeddings bge",
            usage=Usage(input=1000),
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
