"""Anthropic's client: the ways that other clients have, too. Its own are in tests/instruments/test_anthropic.py."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

anthropic = client_module("anthropic")

ASKED: dict[str, Any] = {
    "model": "claude-opus-4",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "Hello there"}],
}

MATRIX = Matrix(
    client="anthropic",
    provider="anthropic",
    connect=lambda url: anthropic.Anthropic(base_url=url, api_key="offline", max_retries=0),
    connect_async=lambda url: anthropic.AsyncAnthropic(base_url=url, api_key="offline", max_retries=0),
    ways=[
        Way(
            name="messages.create",
            call=lambda client: client.messages.create(**ASKED),
            span="chat claude-opus-4",
        ),
        Way(
            name="messages.create, streamed",
            call=lambda client: client.messages.create(**ASKED, stream=True),
            span="chat claude-opus-4",
            streams=True,
            early=Usage(input=400, cache_read=600),
            uncounted=Usage(output=0),
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
