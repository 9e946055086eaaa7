"""LiteLLM: completion, text_completion, embedding and responses, each also with an `a`, whole and streamed.

Its functions are watched where programs and its Router look them up, in the module itself. The call that it makes by
the client of OpenAI is within, and so is not another. Answers and chunks are OpenAI's, with the provider beside them.
Source: litellm 1.79 to 1.106, main.py, chat_completions/dispatch.py and litellm_core_utils/streaming_handler.py.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from agentops_otel.instruments import openai
from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.instruments.spec import Getter, Operation, Point, Provider
from agentops_otel.paths import at

_HIDDEN = "_hidden_params"


class _Folded(openai_chat.Folded):
    """Chunks, and what is hidden in the first of them."""

    __slots__ = ("_hidden_params",)

    def __init__(self, hidden: Any) -> None:
        super().__init__()
        self._hidden_params = hidden


def _fold(state: openai_chat.Folded | None, chunk: Any) -> openai_chat.Folded:
    if state is None:
        state = _Folded(at(chunk, _HIDDEN))
        state.id, state.model = at(chunk, "id"), at(chunk, "model")
    return openai_chat.fold(state, chunk)


def _provider(asked: Any) -> str | None:
    """What is given, or stands before the name of the model; a call that fails tells it nowhere else."""
    given, model = asked.get("custom_llm_provider"), asked.get("model")
    known = at(sys.modules.get("litellm"), "provider_list") or ()
    prefix = model.partition("/")[0] if isinstance(model, str) and "/" in model else None
    return given if isinstance(given, str) else prefix if prefix in known else None


def _of(operation: Operation) -> Operation:
    """The operation of OpenAI's client, by whichever provider."""
    response: dict[str, Getter] = {**operation.response, "provider": f"{_HIDDEN}.custom_llm_provider"}
    return replace(operation, response=response, provider=_provider)


CHAT = replace(_of(openai.CHAT), fold=_fold)

_OPERATIONS = {
    "completion": CHAT,
    "text_completion": _of(openai.COMPLETIONS),
    "embedding": _of(openai.EMBEDDINGS),
    "responses": _of(openai.RESPONSES),
}

PROVIDER = Provider(
    name="litellm",
    distribution="litellm",
    tested=">=1.79.3",
    points=[
        Point("litellm", f"{prefix}{name}", operation)
        for name, operation in _OPERATIONS.items()
        for prefix in ("", "a")
    ],
)
