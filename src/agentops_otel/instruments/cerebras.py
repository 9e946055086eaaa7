"""Cerebras: chat completions and completions; sync, async, streamed and raw. The wire is OpenAI's.

Source: cerebras-cloud-sdk 1.50 to 1.91, resources and types.
"""

from __future__ import annotations

from agentops_otel.instruments.openai import CHAT, COMPLETIONS
from agentops_otel.instruments.shapes import stainless
from agentops_otel.instruments.spec import Provider

_ROOM = "cerebras.cloud.sdk.resources"

PROVIDER = Provider(
    name="cerebras",
    distribution="cerebras-cloud-sdk",
    tested=">=1.50.0",
    points=[
        *stainless.points(f"{_ROOM}.chat.completions", "CompletionsResource", CHAT),
        *stainless.points(f"{_ROOM}.completions", "CompletionsResource", COMPLETIONS),
    ],
    origin=stainless.origin,
    raw=stainless.RAW,
)
