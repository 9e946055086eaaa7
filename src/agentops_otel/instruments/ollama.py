"""Ollama: chat, generate, embed and embeddings; sync, async and streamed; by a client or by the module's functions.

Those are bound methods of a client that the module makes when it is imported, so they are watched, too. The counts
know no cached and no reasoning tokens; `embeddings`, the older of the two, tells none at all.

Source: ollama 0.4.7 to 0.6.3, _client.py and _types.py.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.usage import EMBEDDINGS, OLLAMA
from agentops_otel.instruments.shapes import ollama, openai_chat
from agentops_otel.instruments.spec import Getter, Operation, Origin, Point, Provider, counted

_OPTIONS: dict[str, Getter] = {
    "temperature": "options.temperature",
    "top_p": "options.top_p",
    "top_k": "options.top_k",
    "max_tokens": "options.num_predict",
    "seed": "options.seed",
    "stop_sequences": "options.stop",
    "frequency_penalty": "options.frequency_penalty",
    "presence_penalty": "options.presence_penalty",
    "reasoning_level": "think",
}
_ANSWER: dict[str, Getter] = {
    "response_model": "model",
    "finish_reasons": ollama.finish_reasons,
    "usage": counted(OLLAMA, ""),
}

CHAT = Operation(
    name="chat",
    request=_OPTIONS,
    response=_ANSWER,
    messages_in=ollama.messages_in,
    messages_out=ollama.messages_out,
    tools=openai_chat.tools,
    output_type=ollama.output_type,
    fold=ollama.fold,
)

GENERATE = Operation(
    name="text_completion",
    request=_OPTIONS,
    response=_ANSWER,
    messages_in=ollama.prompted,
    messages_out=ollama.messages_out,
    system=ollama.system,
    output_type=ollama.output_type,
    fold=ollama.fold,
)

EMBED = Operation(
    name="embeddings",
    request={"dimensions": "dimensions"},
    response={"response_model": "model", "usage": counted(EMBEDDINGS, "")},
    messages_in=lambda asked: openai_chat.inputs(asked.get("input") or asked.get("prompt")),
)


def _origin(client: Any) -> Origin:
    return Origin(client._client.base_url)


_METHODS = {"chat": CHAT, "generate": GENERATE, "embed": EMBED, "embeddings": EMBED}

PROVIDER = Provider(
    name="ollama",
    distribution="ollama",
    tested=">=0.4.7",
    points=[
        *(
            Point("ollama._client", f"{client}.{method}", operation)
            for client in ("Client", "AsyncClient")
            for method, operation in _METHODS.items()
        ),
        *(Point("ollama", method, operation) for method, operation in _METHODS.items()),
    ],
    origin=_origin,
)
