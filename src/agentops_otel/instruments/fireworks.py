"""Fireworks: chat completions, completions, and messages on Anthropic's wire; sync, async, streamed and raw.

Source: fireworks-ai 1.2, resources and types.
"""

from __future__ import annotations

from agentops_otel.instruments.anthropic import MESSAGES
from agentops_otel.instruments.openai import CHAT, COMPLETIONS
from agentops_otel.instruments.shapes import stainless
from agentops_otel.instruments.spec import Provider

_ROOM = "fireworks.resources"

PROVIDER = Provider(
    name="fireworks",
    distribution="fireworks-ai",
    tested=">=1.2.0",
    points=[
        *stainless.points(f"{_ROOM}.chat.completions", "CompletionsResource", CHAT),
        *stainless.points(f"{_ROOM}.completions", "CompletionsResource", COMPLETIONS),
        *stainless.points(f"{_ROOM}.messages", "MessagesResource", MESSAGES),
    ],
    origin=stainless.origin,
    raw=stainless.RAW,
)
