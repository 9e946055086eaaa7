"""Ways that clients of OpenAI's wire have in common."""

from __future__ import annotations

from .matrix import Way


def chat_ways(model: str) -> list[Way]:
    """`chat.completions.create`, whole and streamed."""
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
        ),
    ]


def completion_ways(model: str) -> list[Way]:
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
            tools=False,
        ),
    ]
