"""Cohere: v2 chat, embed and rerank; v1 chat, generate, embed and rerank; sync, async and streamed.

`ClientV2` and `Client` inherit these methods, so they are watched where they are defined. `embed` of v1 sends 96 texts
at a time: each of these is a call. Rerank is billed by searches, which are no tokens.

Source: cohere 5.21 to 7.3, v2/client.py and base_client.py.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.usage import COHERE
from agentops_otel.instruments.shapes import cohere, openai_chat
from agentops_otel.instruments.spec import Getter, Operation, Origin, Point, Provider, counted, first_of

_SAMPLING: dict[str, Getter] = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "stop_sequences": "stop_sequences",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}

CHAT = Operation(
    name="chat",
    request=_SAMPLING,
    response={"response_id": "id", "finish_reasons": cohere.finish_reasons, "usage": counted(COHERE)},
    messages_in=cohere.messages_in,
    messages_out=cohere.messages_out,
    tools=cohere.tools,
    output_type=cohere.output_type,
    fold=cohere.fold,
)

CHAT_V1 = Operation(
    name="chat",
    request=_SAMPLING,
    response={
        "response_id": first_of("response_id", "generation_id"),
        "finish_reasons": cohere.finish_reasons,
        "usage": counted(COHERE, "meta"),
    },
    messages_in=cohere.messages_in_v1,
    messages_out=cohere.messages_out_v1,
    system=cohere.system_v1,
    tools=cohere.tools,
    output_type=cohere.output_type,
    fold=cohere.fold_v1,
)

GENERATE = Operation(
    name="text_completion",
    request=_SAMPLING,
    response={"response_id": "id", "usage": counted(COHERE, "meta")},
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=cohere.generated,
)

EMBED = Operation(
    name="embeddings",
    request={"dimensions": "output_dimension", "encoding_formats": "embedding_types"},
    response={"response_id": "id", "usage": counted(COHERE, "meta")},
    messages_in=cohere.texts,
)

RERANK = Operation(
    name="rerank",
    response={"response_id": "id", "usage": counted(COHERE, "meta")},
    messages_in=cohere.ranked,
)


def _origin(client: Any) -> Origin:
    wrapper = getattr(client, "_client_wrapper", None) or client._raw_client._client_wrapper
    return Origin(wrapper.get_base_url())


_V2 = {"chat": CHAT, "chat_stream": CHAT, "embed": EMBED, "rerank": RERANK}
_V1 = {"chat": CHAT_V1, "chat_stream": CHAT_V1, "generate": GENERATE, "embed": EMBED, "rerank": RERANK}
_CLIENTS = (("cohere.v2.client", "V2Client", _V2), ("cohere.base_client", "BaseCohere", _V1))

PROVIDER = Provider(
    name="cohere",
    distribution="cohere",
    tested=">=5.21",
    points=[
        Point(module, f"{prefix}{client}.{method}", operation)
        for module, client, methods in _CLIENTS
        for prefix in ("", "Async")
        for method, operation in methods.items()
    ],
    origin=_origin,
)
