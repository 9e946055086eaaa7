"""Together: chat completions, completions, embeddings, reranking and images; sync, async, streamed and raw.

The wire is OpenAI's. The client of 1.x has other names for its resources, and no raw responses.
Source: together 1.5 to 3.1, resources and types.
"""

from __future__ import annotations

from agentops_otel.instruments.openai import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, RERANK
from agentops_otel.instruments.shapes import stainless
from agentops_otel.instruments.spec import Provider

_ROOM = "together.resources"

PROVIDER = Provider(
    name="together_ai",
    distribution="together",
    tested=">=1.5.30",
    points=[
        *stainless.points(f"{_ROOM}.chat.completions", "CompletionsResource", CHAT),
        *stainless.points(f"{_ROOM}.completions", "CompletionsResource", COMPLETIONS),
        *stainless.points(f"{_ROOM}.embeddings", "EmbeddingsResource", EMBEDDINGS),
        *stainless.points(f"{_ROOM}.rerank", "RerankResource", RERANK),
        *stainless.points(f"{_ROOM}.images", "ImagesResource", IMAGES, "generate"),
        *stainless.points(f"{_ROOM}.chat.completions", "ChatCompletions", CHAT),
        *stainless.points(f"{_ROOM}.completions", "Completions", COMPLETIONS),
        *stainless.points(f"{_ROOM}.embeddings", "Embeddings", EMBEDDINGS),
        *stainless.points(f"{_ROOM}.rerank", "Rerank", RERANK),
        *stainless.points(f"{_ROOM}.images", "Images", IMAGES, "generate"),
    ],
    origin=stainless.origin,
    raw=stainless.RAW,
)
