"""Mistral: chat, agents, fill-in-the-middle and embeddings; sync, async, streamed and parsed.

`parse` and `parse_stream` call `complete` and `stream`, which are watched. The client's own spans are off unless
MISTRAL_SDK_TELEMETRY says otherwise; then both tell of one call, which is counted once. The modules of 1.x are
not below `client`.

Source: mistralai 1.9.3 to 3.7, chat.py, agents.py, fim.py and embeddings.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentops_otel.conventions.usage import EMBEDDINGS as EMBEDDINGS_USAGE
from agentops_otel.conventions.usage import MISTRAL
from agentops_otel.instruments.shapes import mistral, openai_chat
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider, counted, each

CHAT = Operation(
    name="chat",
    request={
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "max_tokens": "max_tokens",
        "seed": "random_seed",
        "stop_sequences": "stop",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
        "choices": "n",
        "reasoning_level": "reasoning_effort",
        "service_tier": "service_tier",
    },
    response={
        "response_id": "id",
        "response_model": "model",
        "finish_reasons": each("choices.finish_reason"),
        "usage": counted(MISTRAL),
    },
    messages_in=mistral.messages_in,
    messages_out=mistral.messages_out,
    tools=openai_chat.tools,
    output_type=openai_chat.output_type,
    fold=mistral.fold,
)

FIM = replace(CHAT, name="text_completion", messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")))

EMBEDDINGS = Operation(
    name="embeddings",
    request={"dimensions": "output_dimension", "encoding_formats": "output_dtype"},
    response={"response_id": "id", "response_model": "model", "usage": counted(EMBEDDINGS_USAGE)},
    messages_in=lambda asked: openai_chat.inputs(asked.get("inputs")),
)


def _origin(resource: Any) -> Origin:
    url, _ = resource.sdk_configuration.get_server_details()
    return Origin(url)


_METHODS = {
    "chat.Chat.complete": CHAT,
    "chat.Chat.stream": CHAT,
    "agents.Agents.complete": CHAT,
    "agents.Agents.stream": CHAT,
    "fim.Fim.complete": FIM,
    "fim.Fim.stream": FIM,
    "embeddings.Embeddings.create": EMBEDDINGS,
}


def _point(room: str, method: str, operation: Operation) -> Point:
    module, path = method.split(".", 1)
    return Point(f"{room}.{module}", path, operation)


PROVIDER = Provider(
    name="mistral_ai",
    distribution="mistralai",
    tested=">=1.9.3",
    points=[
        _point(room, f"{method}{suffix}", operation)
        for room in ("mistralai.client", "mistralai")
        for method, operation in _METHODS.items()
        for suffix in ("", "_async")
    ],
    origin=_origin,
)
