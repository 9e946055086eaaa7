"""The text generation wire of Hugging Face's inference endpoints, seen from the server. Chat is OpenAI's, at its path.

Source: the client `huggingface_hub` 2.4, inference/_generated/types/text_generation.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentops_otel.testing.openai_wire import Endpoint, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    return {"error": failure.message or "It failed.", "error_type": failure.code or "generation"}


def _read(body: Json) -> Asked:
    prompt = str(body.get("inputs", ""))
    return Asked(model="", stream=bool(body.get("stream")), text=prompt, prompt=prompt)


def _details(answer: Answer) -> Json:
    reason = {"stop": "eos_token"}.get(answer.finish, answer.finish)
    return {"finish_reason": reason, "generated_tokens": answer.tokens.output if answer.tokens else 0, "prefill": []}


def _generate(body: Json, answer: Answer) -> Any:
    return [{"generated_text": answer.text, "details": {**_details(answer), "tokens": []}}]


def _events(body: Json, answer: Answer) -> Iterator[Event]:
    texts = pieces(answer.text)
    for index, piece in enumerate(texts):
        token = {"id": index, "text": piece, "logprob": -0.5, "special": False}
        is_last = index == len(texts) - 1
        ended = {"generated_text": answer.text, "details": _details(answer)} if is_last else {}
        yield Event({"index": index, "token": token, "generated_text": None, "details": None, **ended})


def _embed(body: Json, answer: Answer) -> Any:
    return [[((count_tokens(body.get("inputs")) + place) % 8 - 4) / 4 for place in range(8)]]


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_FAILED = Event({"error": "The model broke down.", "error_type": "generation"})

ENDPOINTS: dict[str, Endpoint] = {
    "/hf/generate": Endpoint(_read, _generate, _events, _FAILED, error=error_body),
    "/hf/embed": Endpoint(_read, _embed, _no_events, _FAILED, error=error_body),
}
"""What is served, by path."""
