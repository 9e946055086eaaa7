"""OpenAI's client: the ways that others have, too. Its own are in tests/instruments/test_openai_transparency.py."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

openai = client_module("openai")

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there"}]}
STREAM: dict[str, Any] = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
ITEMS: dict[str, Any] = {"model": "gpt-4o", "input": "Hello there"}

MATRIX = Matrix(
    client="openai",
    provider="openai",
    connect=lambda url: openai.OpenAI(base_url=f"{url}/v1", api_key="offline", max_retries=0),
    connect_async=lambda url: openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="offline", max_retries=0),
    ways=[
        Way(
            name="chat.completions.create",
            call=lambda client: client.chat.completions.create(**CHAT),
            span="chat gpt-4o",
        ),
        Way(
            name="chat.completions.create, streamed",
            call=lambda client: client.chat.completions.create(**STREAM),
            span="chat gpt-4o",
            streams=True,
        ),
        Way(
            name="responses.create",
            call=lambda client: client.responses.create(**ITEMS),
            span="chat gpt-4o",
            since="1.66",
        ),
        Way(
            name="responses.create, streamed",
            call=lambda client: client.responses.create(**ITEMS, stream=True),
            span="chat gpt-4o",
            streams=True,
            since="1.66",
        ),
        Way(
            name="embeddings.create",
            call=lambda client: client.embeddings.create(model="text-embedding-3-small", input="Hello there"),
            span="embeddings text-embedding-3-small",
            usage=Usage(input=1000),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
