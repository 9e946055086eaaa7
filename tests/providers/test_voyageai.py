"""Voyage AI's client: every way to call it, with every outcome."""

from __future__ import annotations

import pytest

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

voyageai = client_module("voyageai")

INPUT = Usage(input=1000)
NEEDED = {"no usage": "the client raises without", "100 at once": "asynchronous calls open a session each"}

MATRIX = Matrix(
    client="voyageai",
    provider="voyageai",
    connect=lambda url: voyageai.Client(api_key="offline", base_url=f"{url}/voyageai"),
    connect_async=lambda url: voyageai.AsyncClient(api_key="offline", base_url=f"{url}/voyageai"),
    ways=[
        Way(
            name="embed",
            call=lambda client: client.embed(["Hello there"], model="voyage-3"),
            span="embeddings voyage-3",
            usage=INPUT,
            tools=False,
            lacks=NEEDED,
        ),
        Way(
            name="contextualized_embed",
            call=lambda client: client.contextualized_embed([["Hello", "there"]], model="voyage-context-3"),
            span="embeddings voyage-context-3",
            usage=INPUT,
            tools=False,
            lacks=NEEDED,
        ),
        Way(
            name="multimodal_embed",
            call=lambda client: client.multimodal_embed([["Hello there"]], model="voyage-multimodal-3"),
            span="embeddings voyage-multimodal-3",
            usage=INPUT,
            tools=False,
            lacks=NEEDED,
        ),
        Way(
            name="rerank",
            call=lambda client: client.rerank("Hello there", ["a", "b"], model="rerank-2"),
            span="rerank rerank-2",
            usage=INPUT,
            tools=False,
            lacks=NEEDED,
        ),
    ],
)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
