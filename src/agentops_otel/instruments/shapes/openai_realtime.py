"""The realtime wire of OpenAI: items of a conversation, whose sound is told by its transcript.

Source: openai 3.54, types/realtime.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.instruments.shapes import openai_responses
from agentops_otel.paths import member
from agentops_otel.records import Message


def messages_in(asked: Any) -> list[Message]:
    """The conversation before the answer."""
    return [_message(item) for item in asked["input"]]


def messages_out(response: Any) -> list[Message] | None:
    """All items of the answer as one message."""
    items = member(response, "output")
    if not items:
        return None
    message: Message = {"role": "assistant", "parts": [part for item in items for part in _message(item)["parts"]]}
    reasons = openai_responses.finish_reasons(response)
    return [{**message, "finish_reason": reasons[0]}] if reasons else [message]


def _message(item: Any) -> Message:
    if member(item, "type") != "message":
        return openai_responses.message_of(item)
    said = [member(part, "text") or member(part, "transcript") for part in member(item, "content") or ()]
    return {"role": member(item, "role") or "", "parts": [{"type": "text", "content": one} for one in said if one]}
