"""The Ollama wire, seen from the server: chat, generate and embeddings; streams are lines of JSON.

Source: Ollama's API reference (docs/api.md), as the client `ollama` 0.6.3 reads it (_types.py). It counts no
cached and no reasoning tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from agentops_otel.testing.openai_wire import Endpoint, last_text, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]

_FINISH = {"tools": "stop"}
_ERRORS = {404: "model not found, try pulling it first", 400: "invalid request"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    return {"error": failure.message or _ERRORS.get(failure.status, "internal server error")}


def line(event: Event) -> bytes:
    """An event as a line of JSON."""
    return json.dumps(event.data).encode() + b"\n"


def _read_chat(body: Json) -> Asked:
    messages = body.get("messages") or []
    tools = [tool["function"] for tool in body.get("tools") or ()]
    return Asked(
        model=str(body.get("model", "")),
        stream=body.get("stream", True),
        text=last_text(messages),
        prompt=messages,
        tools=[(tool["name"], tool.get("parameters")) for tool in tools],
        tool_answered=any(message.get("role") == "tool" for message in messages),
        schema=body["format"] if isinstance(body.get("format"), dict) else None,
    )


def _read_generate(body: Json) -> Asked:
    prompt = str(body.get("prompt", ""))
    return Asked(
        model=str(body.get("model", "")),
        stream=body.get("stream", True),
        text=prompt,
        prompt=[body.get("system"), prompt],
        schema=body["format"] if isinstance(body.get("format"), dict) else None,
    )


def _read_embed(body: Json) -> Asked:
    given = body.get("input", body.get("prompt"))
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=given)


def _head(answer: Answer) -> Json:
    return {"model": answer.model, "created_at": datetime.fromtimestamp(answer.created, timezone.utc).isoformat()}


def _tail(answer: Answer) -> Json:
    """What the last line says besides the text."""
    durations = {"total_duration": 4_000_000, "load_duration": 1_000_000}
    tail = {"done": True, "done_reason": _FINISH.get(answer.finish, answer.finish), **durations}
    tokens = answer.tokens
    if tokens is None:
        return tail
    return {**tail, "prompt_eval_count": tokens.input, "eval_count": tokens.output, "eval_duration": 3_000_000}


def _tool_calls(answer: Answer) -> Json:
    calls = [{"function": {"name": tool.name, "arguments": dict(tool.arguments)}} for tool in answer.tools]
    return {"tool_calls": calls} if calls else {}


def _chat(body: Json, answer: Answer) -> Json:
    message = {"role": "assistant", "content": answer.text, **_tool_calls(answer)}
    return {**_head(answer), "message": message, **_tail(answer)}


def _chat_events(body: Json, answer: Answer) -> Iterator[Event]:
    def said(**message: Any) -> Json:
        return {**_head(answer), "message": {"role": "assistant", "content": "", **message}, "done": False}

    for piece in pieces(answer.text):
        yield Event(said(content=piece))
    if answer.tools:
        yield Event(said(**_tool_calls(answer)))
    yield Event({**said(), **_tail(answer)})


def _generate(body: Json, answer: Answer) -> Json:
    return {**_head(answer), "response": answer.text, **_tail(answer)}


def _generate_events(body: Json, answer: Answer) -> Iterator[Event]:
    for piece in pieces(answer.text):
        yield Event({**_head(answer), "response": piece, "done": False})
    yield Event({**_head(answer), "response": "", **_tail(answer)})


def _vector(text: Any) -> list[float]:
    return [((count_tokens(text) + place) % 8 - 4) / 4 for place in range(8)]


def _embed(body: Json, answer: Answer) -> Json:
    given = body.get("input")
    vectors = [_vector(text) for text in (given if isinstance(given, list) else [given])]
    whole: Json = {"model": answer.model, "embeddings": vectors, "total_duration": 4_000_000}
    return whole if answer.tokens is None else {**whole, "prompt_eval_count": answer.tokens.input}


def _embedding(body: Json, answer: Answer) -> Json:
    return {"embedding": _vector(body.get("prompt"))}


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_BROKE_DOWN = Event({"error": "the model runner has stopped"})
_LINES: Json = {"error": error_body, "framed": line, "content_type": "application/x-ndjson"}

ENDPOINTS: dict[str, Endpoint] = {
    "/api/chat": Endpoint(_read_chat, _chat, _chat_events, _BROKE_DOWN, **_LINES),
    "/api/generate": Endpoint(_read_generate, _generate, _generate_events, _BROKE_DOWN, **_LINES),
    "/api/embed": Endpoint(_read_embed, _embed, _no_events, _BROKE_DOWN, **_LINES),
    "/api/embeddings": Endpoint(_read_embed, _embedding, _no_events, _BROKE_DOWN, **_LINES),
}
"""What is served, by path."""
