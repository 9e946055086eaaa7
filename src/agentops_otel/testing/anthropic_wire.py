"""The Anthropic wire, seen from the server: messages, plain and streamed, and the counting of tokens.

Source: the API reference, as the client `anthropic` 2.12 reads it (its `types` package).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agentops_otel.testing.openai_wire import Endpoint, last_text, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]

_ERRORS = {
    400: ("invalid_request_error", "Invalid value for a parameter."),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "The model does not exist."),
    429: ("rate_limit_error", "Rate limit reached for requests."),
    529: ("overloaded_error", "Overloaded"),
}
_FINISH = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    kind, message = _ERRORS.get(failure.status, ("api_error", "Internal server error"))
    return {"type": "error", "error": {"type": failure.code or kind, "message": failure.message or message}}


def _read(body: Json) -> Asked:
    messages = body.get("messages") or []
    format_ = (body.get("output_config") or {}).get("format") or {}
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        text=last_text(messages),
        prompt=[body.get("system"), messages],
        tools=[(tool["name"], tool["input_schema"]) for tool in body.get("tools") or () if "input_schema" in tool],
        tool_answered=any(block.get("type") == "tool_result" for block in _blocks(messages)),
        schema=format_.get("schema"),
        reasons=bool(body.get("thinking")),
    )


def _blocks(messages: list[Json]) -> Iterator[Json]:
    for message in messages:
        content = message.get("content")
        yield from content if isinstance(content, list) else ()


def _usage(answer: Answer) -> Json:
    """What was read from the cache or written to it stands beside `input_tokens`."""
    tokens = answer.tokens
    if tokens is None:
        return {}
    usage = {
        "input_tokens": tokens.input - tokens.cached - tokens.written,
        "cache_creation_input_tokens": tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
        "service_tier": "standard",
    }
    return {"usage": usage}


def _content(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.tokens is not None and answer.tokens.reasoning:
        blocks.append({"type": "thinking", "thinking": "Thinking offline.", "signature": "offline"})
    if answer.text or not answer.tools:
        blocks.append({"type": "text", "text": answer.refusal or answer.text, "citations": None})
    for index, tool in enumerate(answer.tools):
        call = {"type": "tool_use", "id": f"toolu_{answer.id}_{index}", "name": tool.name}
        blocks.append({**call, "input": dict(tool.arguments)})
    return blocks


def _message(body: Json, answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": _content(answer),
        "stop_reason": _FINISH.get(answer.finish, answer.finish),
        "stop_sequence": None,
        **_usage(answer),
    }


def _events(body: Json, answer: Answer) -> Iterator[Event]:
    def event(kind: str, **fields: Any) -> Event:
        return Event({"type": kind, **fields}, kind)

    whole = _message(body, answer)
    usage = whole.get("usage", {})
    started = {**usage, "output_tokens": 1, "output_tokens_details": None}
    yield event("message_start", message={**whole, "content": [], "stop_reason": None, "usage": started})
    yield event("ping")
    for index, block in enumerate(whole["content"]):
        empty, deltas = _streamed(block)
        yield event("content_block_start", index=index, content_block=empty)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    counted = {name: usage[name] for name in ("output_tokens", "output_tokens_details") if name in usage}
    yield event("message_delta", delta=ended, usage=counted or {"output_tokens": 0})
    yield event("message_stop")


def _streamed(block: Json) -> tuple[Json, list[Json]]:
    """A block as it starts, and what is added to it."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
    text = json.dumps(block["input"])
    parts = [text[start : start + 8] for start in range(0, len(text), 8)]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _count(body: Json, answer: Answer) -> Json:
    return {"input_tokens": count_tokens([body.get("system"), body.get("messages")])}


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_OVERLOADED = Event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/messages": Endpoint(_read, _message, _events, _OVERLOADED, error=error_body),
    "/v1/messages/count_tokens": Endpoint(_read, _count, _no_events, _OVERLOADED, error=error_body),
}
"""What is served, by path."""
