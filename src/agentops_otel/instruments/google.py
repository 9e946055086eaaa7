"""Google Gen AI: models generate_content, its stream, and embed_content; chats by the calls they make; sync and async.

`generate_content` sends a request for every round of automatic function calling and of continuation; each is a call of
its own, so the private methods that send one are watched. The Gemini API and Vertex differ in the provider's name.

Source: google-genai 1.10 to 3.4, models.py.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.usage import GOOGLE
from agentops_otel.instruments.shapes import google
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider, counted

GENERATE = Operation(
    name="chat",
    request={
        "temperature": "config.temperature",
        "top_p": "config.top_p",
        "top_k": "config.top_k",
        "max_tokens": "config.max_output_tokens",
        "seed": "config.seed",
        "stop_sequences": "config.stop_sequences",
        "frequency_penalty": "config.frequency_penalty",
        "presence_penalty": "config.presence_penalty",
        "choices": "config.candidate_count",
        "reasoning_level": google.reasoning_level,
    },
    response={
        "response_id": "response_id",
        "response_model": "model_version",
        "finish_reasons": google.finish_reasons,
        "usage": counted(GOOGLE, "usage_metadata"),
    },
    messages_in=google.messages_in,
    messages_out=google.messages_out,
    system=google.system,
    tools=google.tools,
    output_type=google.output_type,
    fold=google.fold,
)

EMBED = Operation(
    name="embeddings",
    request={"dimensions": "config.output_dimensionality"},
    messages_in=google.messages_in,
)


def _origin(models: Any) -> Origin:
    client = models._api_client
    provider = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
    return Origin(client._http_options.base_url, provider)


_METHODS = {"_generate_content": GENERATE, "_generate_content_stream": GENERATE, "embed_content": EMBED}

PROVIDER = Provider(
    name="gcp.gemini",
    distribution="google-genai",
    tested=">=1.10",
    points=[
        Point("google.genai.models", f"{models}.{method}", operation)
        for models in ("Models", "AsyncModels")
        for method, operation in _METHODS.items()
    ],
    origin=_origin,
)
