"""Hugging Face's InferenceClient: chat_completion (also as `chat.completions.create`), text_generation and
feature_extraction; sync, async and streamed.

Chat is the wire of OpenAI, and streams have their usage only where it is asked for. Text generation counts what it
generated, where `details` are asked for, and no prompt; feature extraction counts nothing.

Source: huggingface_hub 0.36 to 2.4, inference/_client.py and inference/_generated/_async_client.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentops_otel.conventions.usage import Shape
from agentops_otel.instruments.openai import CHAT as OPENAI_CHAT
from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider, counted
from agentops_otel.paths import at, member
from agentops_otel.records import Message

GENERATED = Shape(completion=("generated_tokens",))


def _chat_chunk(state: Any, chunk: Any) -> Any:
    return openai_chat.fold(state, chunk) if member(chunk, "choices") is not None else state


def _pieces(state: dict[str, Any] | None, chunk: Any) -> dict[str, Any]:
    """Texts, or tokens with details of which the last has the counts."""
    state = state or {"generated_text": "", "details": None}
    text = chunk if isinstance(chunk, str) else at(chunk, "token.text")
    details = None if isinstance(chunk, str) else member(chunk, "details")
    return {"generated_text": state["generated_text"] + (text or ""), "details": details or state["details"]}


def _generated(response: Any) -> list[Message] | None:
    text = response if isinstance(response, str) else member(response, "generated_text")
    if not isinstance(text, str):
        return None
    return [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]


def _finish(response: Any) -> list[str] | None:
    reason = at(response, "details.finish_reason")
    return [reason] if isinstance(reason, str) else None


CHAT = replace(OPENAI_CHAT, fold=_chat_chunk)

GENERATE = Operation(
    name="text_completion",
    request={
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "max_tokens": "max_new_tokens",
        "seed": "seed",
        "stop_sequences": "stop",
        "frequency_penalty": "frequency_penalty",
    },
    response={"usage": counted(GENERATED, "details"), "finish_reasons": _finish},
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=_generated,
    fold=_pieces,
)

FEATURES = Operation(
    name="embeddings",
    request={"dimensions": "dimensions", "encoding_formats": "encoding_format"},
    messages_in=lambda asked: openai_chat.inputs(asked.get("text")),
)


def _origin(client: Any) -> Origin:
    """A model may be the URL of an endpoint; else the hub sends the request on."""
    model = client.model
    return Origin(model if isinstance(model, str) and model.startswith("http") else None)


_METHODS = {"chat_completion": CHAT, "text_generation": GENERATE, "feature_extraction": FEATURES}
_CLIENTS = (
    ("huggingface_hub.inference._client", "InferenceClient"),
    ("huggingface_hub.inference._generated._async_client", "AsyncInferenceClient"),
)

PROVIDER = Provider(
    name="huggingface",
    distribution="huggingface-hub",
    tested=">=0.36",
    points=[
        Point(module, f"{client}.{method}", operation)
        for module, client in _CLIENTS
        for method, operation in _METHODS.items()
    ],
    origin=_origin,
)
