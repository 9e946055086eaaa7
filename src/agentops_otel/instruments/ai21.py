"""AI21: chat completions of Jamba; sync, async and streamed. The wire is OpenAI's.

Source: ai21 4.0 to 4.3, clients/studio/resources and models/chat.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.instruments.openai import CHAT
from agentops_otel.instruments.spec import Origin, Point, Provider


def _origin(resource: Any) -> Origin:
    return Origin(resource._client._base_url)


_ROOM = "ai21.clients.studio.resources.chat"

PROVIDER = Provider(
    name="ai21",
    distribution="ai21",
    tested=">=4.0.0",
    points=[
        Point(f"{_ROOM}.chat_completions", "ChatCompletions.create", CHAT),
        Point(f"{_ROOM}.async_chat_completions", "AsyncChatCompletions.create", CHAT),
    ],
    origin=_origin,
)
