"""Groq's client: every way to call it, with every outcome."""

from __future__ import annotations

from agentops_otel.records import Usage

from .compatible import chat_ways
from .matrix import Case, Matrix, Way, check, client_module

groq = client_module("groq")

MODEL = "llama-3.3-70b"

MATRIX = Matrix(
    client="groq",
    provider="groq",
    connect=lambda url: groq.Groq(base_url=url, api_key="offline", max_retries=0),
    connect_async=lambda url: groq.AsyncGroq(base_url=url, api_key="offline", max_retries=0),
    ways=[
        *chat_ways(MODEL),
        Way(
            name="embeddings.create",
            call=lambda client: client.embeddings.create(model="nomic", input="Hello there"),
            span="embeddings nomic",
            usage=Usage(input=1000),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
