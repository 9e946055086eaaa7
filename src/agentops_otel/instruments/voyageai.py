"""Voyage AI: embeddings of texts, of texts in context and of images, and reranking; sync and async.

Source: voyageai 0.3 to 0.5, client.py, client_async.py and object.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentops_otel.conventions.usage import EMBEDDINGS as EMBEDDINGS_USAGE
from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider
from agentops_otel.paths import at

EMBED = Operation(
    name="embeddings",
    request={"dimensions": "output_dimension"},
    response={"usage": lambda raw: EMBEDDINGS_USAGE.count(raw).usage},
    messages_in=lambda asked: openai_chat.inputs(asked.get("texts")),
)
EMBED_OTHERS = replace(EMBED, messages_in=lambda asked: openai_chat.inputs(asked.get("inputs")))
RERANK = replace(EMBED, name="rerank", request={}, messages_in=lambda asked: openai_chat.inputs(asked.get("query")))

_OPERATIONS = {
    "embed": EMBED,
    "contextualized_embed": EMBED_OTHERS,
    "multimodal_embed": EMBED_OTHERS,
    "rerank": RERANK,
}


def _origin(client: Any) -> Origin:
    return Origin(at(client, "_params.base_url"))


PROVIDER = Provider(
    name="voyageai",
    distribution="voyageai",
    tested=">=0.3.7",
    points=[
        Point(module, f"{name}.{method}", operation)
        for module, name in (("voyageai.client", "Client"), ("voyageai.client_async", "AsyncClient"))
        for method, operation in _OPERATIONS.items()
    ],
    origin=_origin,
)
