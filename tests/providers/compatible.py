"""Ways that clients of OpenAI's wire have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .matrix import Way, client_module

requests = client_module("requests")


@pytest.fixture(autouse=True)
def left_responses_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients that speak through `requests` cannot close the response of a stream that was left."""
    sent: list[Any] = []
    send = requests.Session.send

    def noted(*args: Any, **kwargs: Any) -> Any:
        sent.append(send(*args, **kwargs))
        return sent[-1]

    monkeypatch.setattr(requests.Session, "send", noted)
    yield
    for response in sent:
        response.close()


def chat_ways(model: str, *, blocks_since: str = "0") -> list[Way]:
    """`chat.completions.create`, whole and streamed; streams are for a `with` block since a version of the client."""
    asked = {"model": model, "messages": [{"role": "user", "content": "Hello there"}]}
    return [
        Way(
            name="chat.completions.create",
            call=lambda client: client.chat.completions.create(**asked),
            span=f"chat {model}",
        ),
        Way(
            name="chat.completions.create, streamed",
            call=lambda client: client.chat.completions.create(**asked, stream=True),
            span=f"chat {model}",
            streams=True,
            later=_blocks(blocks_since),
        ),
    ]


def completion_ways(model: str, *, blocks_since: str = "0") -> list[Way]:
    """`completions.create`, whole and streamed."""
    return [
        Way(
            name="completions.create",
            call=lambda client: client.completions.create(model=model, prompt="Hello there"),
            span=f"text_completion {model}",
            tools=False,
        ),
        Way(
            name="completions.create, streamed",
            call=lambda client: client.completions.create(model=model, prompt="Hello there", stream=True),
            span=f"text_completion {model}",
            streams=True,
            later=_blocks(blocks_since),
            tools=False,
        ),
    ]


def _blocks(since: str) -> dict[str, str]:
    return {} if since == "0" else dict.fromkeys(("with", "with, raising"), since)
