"""AI21's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

import pytest

from .matrix import Case, Matrix, Way, check, client_module

ai21 = client_module("ai21")
chat = client_module("ai21.models.chat")

ASKED: dict[str, Any] = {"model": "jamba-mini", "messages": [chat.ChatMessage(role="user", content="Hello there")]}

MATRIX = Matrix(
    client="ai21",
    provider="ai21",
    connect=lambda url: ai21.AI21Client(api_host=f"{url}/ai21", api_key="offline", num_retries=0),
    connect_async=lambda url: ai21.AsyncAI21Client(api_host=f"{url}/ai21", api_key="offline", num_retries=0),
    ways=[
        Way(
            name="chat.completions.create",
            call=lambda client: client.chat.completions.create(**ASKED),
            span="chat jamba-mini",
            lacks={"no usage": "the client raises without"},
        ),
        Way(
            name="chat.completions.create, streamed",
            call=lambda client: client.chat.completions.create(**ASKED, stream=True),
            span="chat jamba-mini",
            streams=True,
        ),
    ],
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",  # of httpx and of the client itself, which leaves its connections open
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
