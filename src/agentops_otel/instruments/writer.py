"""Writer: chat and completions; sync, async, streamed, parsed, by the stream helper and raw. Chat is OpenAI's wire.

`parse` and `stream` call `chat`; completions tell no tokens. Source: writer-sdk 2.0 to 3.0, resources and types.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentops_otel.instruments.openai import CHAT, COMPLETIONS
from agentops_otel.instruments.shapes import stainless
from agentops_otel.instruments.shapes.openai_chat import Folded, FoldedChoice
from agentops_otel.instruments.spec import Helper, Provider
from agentops_otel.paths import member


def _fold(state: Folded | None, chunk: Any) -> Folded:
    """A chunk of a completion is a piece of text and nothing else."""
    state = state or Folded()
    piece = member(chunk, "value")
    if piece:
        state.by_index.setdefault(0, FoldedChoice()).pieces.append(piece)
    return state


_CHAT = "writerai.resources.chat"

PROVIDER = Provider(
    name="writer",
    distribution="writer-sdk",
    tested=">=2.0.0",
    points=[
        *stainless.points(_CHAT, "ChatResource", CHAT, "chat", "parse"),
        *stainless.points("writerai.resources.completions", "CompletionsResource", replace(COMPLETIONS, fold=_fold)),
    ],
    helpers=[Helper(_CHAT, "ChatResource.stream"), Helper(_CHAT, "AsyncChatResource.stream")],
    origin=stainless.origin,
    raw=stainless.RAW,
)
