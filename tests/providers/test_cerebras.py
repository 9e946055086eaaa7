"""Cerebras's client: every way to call it, with every outcome."""

from __future__ import annotations

from .compatible import chat_ways, completion_ways
from .matrix import Case, Matrix, check, client_module

sdk = client_module("cerebras.cloud.sdk")

MODEL = "llama-3.3-70b"

MATRIX = Matrix(
    client="cerebras-cloud-sdk",
    provider="cerebras",
    connect=lambda url: sdk.Cerebras(
        base_url=f"{url}/cerebras", api_key="offline", max_retries=0, warm_tcp_connection=False
    ),
    connect_async=lambda url: sdk.AsyncCerebras(
        base_url=f"{url}/cerebras", api_key="offline", max_retries=0, warm_tcp_connection=False
    ),
    ways=[
        *chat_ways(MODEL),
        *completion_ways(MODEL),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
