"""The Mistral wire, seen from the server, below a path of its own: that of OpenAI, but streams always tell their usage,
and calls of tools come in one piece. No reasoning tokens are counted.

Source: the client `mistralai` 3.7, models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentops_otel.testing import openai_wire
from agentops_otel.testing.openai_wire import Endpoint, last_text, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure

Json = dict[str, Any]

_CHAT = openai_wire.ENDPOINTS["/v1/chat/completions"]
_ERRORS = {400: "Invalid request", 401: "Unauthorized", 404: "Invalid model", 429: "Requests rate limit exceeded"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    message = failure.message or _ERRORS.get(failure.status, "Internal server error")
    return {"object": "error", "message": message, "type": "error", "code": failure.code}


def _usage(answer: Answer) -> Json:
    """The client requires it; where none is to be told it is empty."""
    tokens = answer.tokens
    if tokens is None:
        return {}
    counts = {"prompt_tokens": tokens.input, "completion_tokens": tokens.output}
    total = {"total_tokens": tokens.input + tokens.output}
    return {**counts, **total, "prompt_tokens_details": {"cached_tokens": tokens.cached}}


def _read_prompt(body: Json) -> Asked:
    prompt = str(body.get("prompt", ""))
    return Asked(model=str(body.get("model", "")), stream=bool(body.get("stream")), text=prompt, prompt=prompt)


def _read_agent(body: Json) -> Asked:
    messages = body.get("messages")
    asked = _CHAT.read({**body, "model": "mistral-medium-2508"})
    return replace(asked, text=last_text(messages))


def _plain(body: Json, answer: Answer) -> Json:
    return {**_CHAT.plain({}, answer), "usage": _usage(answer)}


def _events(body: Json, answer: Answer) -> Iterator[Event]:
    whole = _CHAT.plain({}, answer)
    head = {"id": whole["id"], "object": "chat.completion.chunk", "created": whole["created"], "model": whole["model"]}
    [choice] = whole["choices"]

    def chunk(delta: Json, finish: str | None = None, **more: Any) -> Event:
        return Event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(answer.text):
        yield chunk({"content": piece})
    called = [{**call, "index": index} for index, call in enumerate(choice["message"].get("tool_calls") or ())]
    last = {"content": "", **({"tool_calls": called} if called else {})}
    usage = {} if answer.tokens is None else {"usage": _usage(answer)}
    yield chunk(last, choice["finish_reason"], **usage)


def _embeddings(body: Json, answer: Answer) -> Json:
    whole = openai_wire.ENDPOINTS["/v1/embeddings"].plain(body, answer)
    return {**whole, "id": answer.id, "usage": {**_usage(answer), "completion_tokens": 0} if answer.tokens else {}}


_FAILED = Event({"object": "error", "message": "The model broke down.", "type": "internal_server_error"})

ENDPOINTS: dict[str, Endpoint] = {
    f"/mistral/v1/{path}": Endpoint(read, plain, events, _FAILED, Event("[DONE]"), error_body)
    for path, read, plain, events in (
        ("chat/completions", _CHAT.read, _plain, _events),
        ("agents/completions", _read_agent, _plain, _events),
        ("fim/completions", _read_prompt, _plain, _events),
        ("embeddings", openai_wire.ENDPOINTS["/v1/embeddings"].read, _embeddings, _events),
    )
}
"""What is served, by path."""
