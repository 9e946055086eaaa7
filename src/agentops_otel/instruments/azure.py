"""Azure AI Inference (Foundry and GitHub models): chat completions and embeddings; sync, async and streamed.

The wire is OpenAI's. The whole body may be given as one argument. Source: azure-ai-inference 1.0.0b9, _patch.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops_otel.instruments.openai import CHAT, EMBEDDINGS
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider, Route


def _with_body(operation: Operation) -> Route:
    def route(client: Any, asked: Mapping[str, Any]) -> tuple[Operation, Mapping[str, Any]]:
        body = asked.get("body")
        return operation, body if isinstance(body, dict) else asked

    return route


def _origin(client: Any) -> Origin:
    return Origin(client._config.endpoint)


_METHODS = {
    "ChatCompletionsClient.complete": CHAT,
    "EmbeddingsClient.embed": EMBEDDINGS,
    "ImageEmbeddingsClient.embed": EMBEDDINGS,
}

PROVIDER = Provider(
    name="azure.ai.inference",
    distribution="azure-ai-inference",
    tested=">=1.0.0b9",
    points=[
        Point(module, path, _with_body(operation))
        for module in ("azure.ai.inference._patch", "azure.ai.inference.aio._patch")
        for path, operation in _METHODS.items()
    ],
    origin=_origin,
)
