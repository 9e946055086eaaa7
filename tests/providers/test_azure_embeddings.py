"""The client for embeddings of Azure AI Inference, with every outcome."""

from __future__ import annotations

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check
from .test_azure import aio, connect, inference, pytestmark

__all__ = ["pytestmark"]

MATRIX = Matrix(
    client="azure-ai-inference",
    provider="azure.ai.inference",
    connect=connect(inference, "EmbeddingsClient"),
    connect_async=connect(aio, "EmbeddingsClient"),
    ways=[
        Way(
            name="embed",
            call=lambda client: client.embed(input=["Hello there"], model="embed-v3"),
            span="embeddings embed-v3",
            usage=Usage(input=1000),
            tools=False,
        )
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
