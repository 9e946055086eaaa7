"""Fireworks's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

from .compatible import chat_ways, completion_ways
from .matrix import Case, Matrix, Way, check, client_module

fireworks = client_module("fireworks")

MODEL = "llama-3.3-70b"
ASKED: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hello there"}]}

MATRIX = Matrix(
    client="fireworks-ai",
    provider="fireworks",
    connect=lambda url: fireworks.Fireworks(base_url=f"{url}/fireworks", api_key="offline", max_retries=0),
    connect_async=lambda url: fireworks.AsyncFireworks(base_url=f"{url}/fireworks", api_key="offline", max_retries=0),
    ways=[
        *chat_ways(MODEL),
        *completion_ways(MODEL),
        Way(
            name="messages.create",
            call=lambda client: client.messages.create(**ASKED, max_tokens=99),
            span="chat llama-3.3-70b",
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
