"""Groq: chat completions; sync, async, streamed and raw. The wire is OpenAI's, but streams always tell their usage.

Source: groq 0.13 to 1.7, resources/chat/completions.py and types/chat/chat_completion_chunk.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentops_otel.instruments.openai import CHAT, EMBEDDINGS
from agentops_otel.instruments.shapes import openai_chat, stainless
from agentops_otel.instruments.spec import Point, Provider


def _fold(state: openai_chat.Folded | None, chunk: Any) -> openai_chat.Folded:
    """The last chunk has the usage under `x_groq`, asked for or not."""
    folded = openai_chat.fold(state, chunk)
    extra = chunk.x_groq
    if extra is not None and extra.usage is not None:
        folded.usage = extra.usage
    return folded


GROQ_CHAT = replace(CHAT, fold=_fold)

PROVIDER = Provider(
    name="groq",
    distribution="groq",
    tested=">=0.13",
    points=[
        Point("groq.resources.chat.completions", "Completions.create", GROQ_CHAT),
        Point("groq.resources.chat.completions", "AsyncCompletions.create", GROQ_CHAT),
        Point("groq.resources.embeddings", "Embeddings.create", EMBEDDINGS),
        Point("groq.resources.embeddings", "AsyncEmbeddings.create", EMBEDDINGS),
    ],
    origin=stainless.origin,
    raw=stainless.RAW,
)
