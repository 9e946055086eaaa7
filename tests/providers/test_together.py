"""Together's client: every way to call it, with every outcome."""

from __future__ import annotations

from agentops_otel.records import Usage

from .compatible import chat_ways, completion_ways
from .matrix import Case, Matrix, Way, check, client_module

together = client_module("together")

MODEL = "llama-3.3-70b"

MATRIX = Matrix(
    client="together",
    provider="together_ai",
    connect=lambda url: together.Together(base_url=f"{url}/together", api_key="offline", max_retries=0),
    connect_async=lambda url: together.AsyncTogether(base_url=f"{url}/together", api_key="offline", max_retries=0),
    ways=[
        *chat_ways(MODEL),
        *completion_ways(MODEL),
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
