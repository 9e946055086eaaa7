"""The Groq wire, seen from the server: that of OpenAI under a path of its own, with the usage of streams in `x_groq`.

Source: the client `groq` 1.7, types/chat/chat_completion_chunk.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentops_otel.testing import openai_wire
from agentops_otel.testing.openai_wire import Endpoint
from agentops_otel.testing.replies import Answer, Event

_CHAT = openai_wire.ENDPOINTS["/v1/chat/completions"]


def _events(body: dict[str, Any], answer: Answer) -> Iterator[Event]:
    *earlier, last = _CHAT.events(body, answer)
    yield from earlier
    usage = _CHAT.plain(body, answer).get("usage")
    yield replace(last, data={**last.data, "x_groq": {"id": f"req_{answer.id}", "usage": usage}})


ENDPOINTS: dict[str, Endpoint] = {
    "/openai/v1/chat/completions": replace(_CHAT, events=_events),
    "/openai/v1/embeddings": openai_wire.ENDPOINTS["/v1/embeddings"],
}
"""What is served, by path."""
