"""IBM watsonx.ai: chat, text generation, embeddings and reranking; sync, async and streamed.

The model, or the deployment that stands for one, and default parameters belong to the object that is called.
`generate_text`, `embed_query` and `embed_documents` are made of the methods that are watched. A list of prompts or of
texts is one call, however many requests the client makes of it.

Source: ibm-watsonx-ai 1.5 to 1.8, foundation_models/inference/model_inference.py, embeddings and rerank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentops_otel.instruments.openai import CHAT as OPENAI_CHAT
from agentops_otel.instruments.shapes import openai_chat, watsonx
from agentops_otel.instruments.spec import Getter, Operation, Origin, Point, Provider, Route, first_of
from agentops_otel.paths import at

_SAMPLING: dict[str, Getter] = {
    "temperature": "params.temperature",
    "top_p": "params.top_p",
    "frequency_penalty": "params.frequency_penalty",
    "presence_penalty": "params.presence_penalty",
}

CHAT = replace(
    OPENAI_CHAT,
    request={
        **_SAMPLING,
        "max_tokens": first_of("params.max_completion_tokens", "params.max_tokens"),
        "seed": "params.seed",
        "stop_sequences": "params.stop",
        "choices": "params.n",
        "reasoning_level": "params.reasoning_effort",
    },
    response={**OPENAI_CHAT.response, "response_model": first_of("model_id", "model")},
    output_type=lambda asked: openai_chat.output_type({"response_format": at(asked, "params.response_format")}),
    fold=watsonx.fold,
)

GENERATE = Operation(
    name="text_completion",
    request={
        **_SAMPLING,
        "top_k": "params.top_k",
        "max_tokens": "params.max_new_tokens",
        "seed": "params.random_seed",
        "stop_sequences": "params.stop_sequences",
    },
    response={"response_model": watsonx.model, "finish_reasons": watsonx.stops, "usage": watsonx.usage},
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=watsonx.generated,
    fold=watsonx.fold_generated,
)
GENERATE_EACH = replace(GENERATE, fold=watsonx.fold_answers)

EMBED = Operation(
    name="embeddings",
    response={"response_model": watsonx.model, "usage": watsonx.usage},
    messages_in=lambda asked: openai_chat.inputs(asked.get("inputs")),
)
RERANK = replace(EMBED, name="rerank", messages_in=watsonx.ranked)


def _of_object(operation: Operation) -> Route:
    """The arguments, with the model and the parameters of the object that is called."""

    def route(called: Any, asked: Mapping[str, Any]) -> tuple[Operation, Mapping[str, Any]]:
        params = asked.get("params") or getattr(called, "params", None)
        chosen = GENERATE_EACH if asked.get("async_mode") else operation
        return chosen, {**asked, "model": at(called, "model_id"), "params": params}

    return route


def _origin(called: Any) -> Origin:
    return Origin(at(called, "_client.credentials.url"))


_ROOM = "ibm_watsonx_ai.foundation_models"
_CHATS = ("chat", "chat_stream", "achat", "achat_stream")
_GENERATIONS = ("generate", "generate_text_stream", "agenerate", "agenerate_stream")

PROVIDER = Provider(
    name="ibm.watsonx.ai",
    distribution="ibm-watsonx-ai",
    tested=">=1.5",
    points=[
        *(
            Point(f"{_ROOM}.inference.model_inference", f"ModelInference.{method}", _of_object(operation))
            for methods, operation in ((_CHATS, CHAT), (_GENERATIONS, GENERATE))
            for method in methods
        ),
        *(
            Point(f"{_ROOM}.embeddings.embeddings", f"Embeddings.{method}", _of_object(EMBED))
            for method in ("generate", "agenerate")
        ),
        Point(f"{_ROOM}.rerank.rerank", "Rerank.generate", _of_object(RERANK)),
    ],
    origin=_origin,
)
