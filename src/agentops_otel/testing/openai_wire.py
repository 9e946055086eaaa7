"""The OpenAI wire, seen from the server: chat completions, responses and embeddings, plain and streamed.

Source: the API reference, as the client `openai` 3.54 reads it (its `types` package).
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops_otel.testing.replies import Answer, Asked, Event, Failure, ToolRequest, count_tokens

Json = dict[str, Any]

_ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Invalid value for a parameter."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    kind, code, message = _ERRORS.get(failure.status, _ERRORS[500])
    return {"error": {"message": failure.message or message, "type": kind, "param": None, "code": failure.code or code}}


def sse(event: Event) -> bytes:
    """An event of a stream of server-sent events."""
    name = f"event: {event.name}\n" if event.name else ""
    data = event.data if isinstance(event.data, str) else json.dumps(event.data)
    return f"{name}data: {data}\n\n".encode()


def _no_headers(answer: Answer) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one path is read and answered. `done` is what ends a stream, `failed` the event that tells an error, `error`
    the body of an HTTP error, `framed` an event as bytes, `headers` what an answer has besides those of HTTP.

    A path may have names in braces, "/model/{model}/converse": what stands there is put into the body that is read.
    """

    read: Callable[[Json], Asked]
    plain: Callable[[Json, Answer], Json]
    events: Callable[[Json, Answer], Iterator[Event]]
    failed: Event
    done: Event | None = None
    error: Callable[[Failure], Json] = error_body
    framed: Callable[[Event], bytes] = sse
    content_type: str = "text/event-stream; charset=utf-8"
    headers: Callable[[Answer], Mapping[str, str]] = _no_headers


def pieces(text: str) -> list[str]:
    """A text as the chunks of a stream bring it: word by word."""
    return re.findall(r"\S+\s*|\s+", text)


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def last_text(messages: Any, fallback: str = "") -> str:
    """What the user said last."""
    items = [item for item in messages if isinstance(item, dict)] if isinstance(messages, list) else []
    return next((_text_of(item.get("content")) for item in reversed(items) if item.get("role") == "user"), fallback)


# --- chat completions ------------------------------------------------------------------------------------------------

_CHAT_FINISH = {"tools": "tool_calls"}


def _read_chat(body: Json) -> Asked:
    messages = body.get("messages") or []
    format_ = body.get("response_format") or {}
    tools = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        text=last_text(messages),
        prompt=messages,
        tools=[(tool["name"], tool.get("parameters")) for tool in tools],
        tool_answered=any(isinstance(item, dict) and item.get("role") == "tool" for item in messages),
        schema=(format_.get("json_schema") or {}).get("schema") if format_.get("type") == "json_schema" else None,
        reasons=bool(body.get("reasoning_effort")),
    )


def _chat_usage(answer: Answer) -> Json | None:
    tokens = answer.tokens
    if tokens is None:
        return None
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": tokens.audio_in},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": tokens.audio_out,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat_tool(answer: Answer, index: int, tool: ToolRequest) -> Json:
    return {
        "id": f"call_{answer.id}_{index}",
        "type": "function",
        "function": {"name": tool.name, "arguments": json.dumps(dict(tool.arguments))},
    }


def _chat_head(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_offline",
    }


def _chat_texts(body: Json, answer: Answer) -> list[str]:
    """One text a choice; further choices are numbered so that they can be told apart."""
    count = body.get("n") or 1
    return [answer.text if index == 0 else f"{answer.text} ({index + 1})" for index in range(count)]


def _chat(body: Json, answer: Answer) -> Json:
    tools = [_chat_tool(answer, index, tool) for index, tool in enumerate(answer.tools)]
    finish = _CHAT_FINISH.get(answer.finish, answer.finish)
    choices = []
    for index, text in enumerate(_chat_texts(body, answer)):
        message: Json = {"role": "assistant", "content": text or None, "refusal": answer.refusal, "annotations": []}
        if tools:
            message["tool_calls"] = tools
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish})
    whole = {**_chat_head(answer, "chat.completion"), "choices": choices}
    usage = _chat_usage(answer)
    return whole if usage is None else {**whole, "usage": usage}


def _chat_events(body: Json, answer: Answer) -> Iterator[Event]:
    head = _chat_head(answer, "chat.completion.chunk")
    counted = bool((body.get("stream_options") or {}).get("include_usage"))
    if counted:
        head["usage"] = None

    def chunk(index: int, delta: Json, finish: str | None = None) -> Event:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Event({**head, "choices": [choice]})

    texts = _chat_texts(body, answer)
    for index in range(len(texts)):
        yield chunk(index, {"role": "assistant", "content": None if answer.tools else "", "refusal": None})
    for index, text in enumerate(texts):
        for piece in pieces(text):
            yield chunk(index, {"content": piece})
        for piece in pieces(answer.refusal or ""):
            yield chunk(index, {"refusal": piece})
        for delta in _chat_tool_deltas(answer):
            yield chunk(index, {"tool_calls": [delta]})
    for index in range(len(texts)):
        yield chunk(index, {}, _CHAT_FINISH.get(answer.finish, answer.finish))
    if counted and answer.tokens is not None:
        yield Event({**head, "choices": [], "usage": _chat_usage(answer)})


def _chat_tool_deltas(answer: Answer) -> Iterator[Json]:
    for index, tool in enumerate(answer.tools):
        whole = _chat_tool(answer, index, tool)
        arguments = whole["function"]["arguments"]
        yield {"index": index, **whole, "function": {"name": tool.name, "arguments": ""}}
        for start in range(0, len(arguments), 8):
            yield {"index": index, "function": {"arguments": arguments[start : start + 8]}}


# --- completions of a prompt -----------------------------------------------------------------------------------------


def _read_completions(body: Json) -> Asked:
    prompt = body.get("prompt")
    text = prompt if isinstance(prompt, str) else ""
    return Asked(model=str(body.get("model", "")), stream=bool(body.get("stream")), text=text, prompt=prompt)


def _completion(body: Json, answer: Answer) -> Json:
    choices = [
        {"index": index, "text": text, "logprobs": None, "finish_reason": answer.finish}
        for index, text in enumerate(_chat_texts(body, answer))
    ]
    whole = {**_completion_head(answer), "choices": choices}
    usage = _chat_usage(answer)
    return whole if usage is None else {**whole, "usage": usage}


def _completion_head(answer: Answer) -> Json:
    return {
        "id": f"cmpl-{answer.id}",
        "object": "text_completion",
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": "fp_offline",
    }


def _completion_events(body: Json, answer: Answer) -> Iterator[Event]:
    head = _completion_head(answer)
    for index, text in enumerate(_chat_texts(body, answer)):
        for piece in pieces(text):
            yield Event({**head, "choices": [{"index": index, "text": piece, "finish_reason": None}]})
        yield Event({**head, "choices": [{"index": index, "text": "", "finish_reason": answer.finish}]})
    if (body.get("stream_options") or {}).get("include_usage") and answer.tokens is not None:
        yield Event({**head, "choices": [], "usage": _chat_usage(answer)})


# --- responses -------------------------------------------------------------------------------------------------------


def _read_responses(body: Json) -> Asked:
    given = body.get("input")
    items = given if isinstance(given, list) else []
    format_ = (body.get("text") or {}).get("format") or {}
    tools = [tool for tool in body.get("tools") or () if tool.get("type") == "function"]
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        text=given if isinstance(given, str) else last_text(items),
        prompt=[body.get("instructions"), given],
        tools=[(tool["name"], tool.get("parameters")) for tool in tools],
        tool_answered=any(isinstance(item, dict) and item.get("type") == "function_call_output" for item in items),
        schema=format_.get("schema") if format_.get("type") == "json_schema" else None,
        reasons=bool(body.get("reasoning")),
    )


def _responses_usage(answer: Answer) -> Json | None:
    tokens = answer.tokens
    if tokens is None:
        return None
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def _responses_items(answer: Answer) -> list[Json]:
    items: list[Json] = []
    if answer.tokens is not None and answer.tokens.reasoning:
        summary = [{"type": "summary_text", "text": "Thinking offline."}]
        items.append({"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary})
    for index, tool in enumerate(answer.tools):
        call = {"id": f"fc_{answer.id}_{index}", "type": "function_call", "call_id": f"call_{answer.id}_{index}"}
        items.append({**call, "name": tool.name, "arguments": json.dumps(dict(tool.arguments)), "status": "completed"})
    if answer.refusal is not None or answer.text or not items:
        items.append(
            {
                "id": f"msg_{answer.id}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [_responses_part(answer)],
            }
        )
    return items


def _responses_part(answer: Answer) -> Json:
    if answer.refusal is not None:
        return {"type": "refusal", "refusal": answer.refusal}
    return {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}


def _responses_shell(body: Json, answer: Answer, status: str) -> Json:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None,
        "user": None,
    }


def _response(body: Json, answer: Answer) -> Json:
    cut = answer.finish == "length"
    return {
        **_responses_shell(body, answer, "incomplete" if cut else "completed"),
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": _responses_items(answer),
        "usage": _responses_usage(answer),
    }


def _responses_events(body: Json, answer: Answer) -> Iterator[Event]:
    numbers = iter(range(1_000_000))

    def event(kind: str, **fields: Any) -> Event:
        return Event({"type": kind, "sequence_number": next(numbers), **fields}, kind)

    shell = _responses_shell(body, answer, "in_progress")
    yield event("response.created", response=shell)
    yield event("response.in_progress", response=shell)
    for index, item in enumerate(_responses_items(answer)):
        where = {"output_index": index, "item_id": item["id"]}
        started = {**item, **_ITEM_STARTS.get(item["type"], {})}
        yield event("response.output_item.added", output_index=index, item=started)
        if item["type"] == "message":
            yield from _responses_part_events(event, where, item["content"][0])
        elif item["type"] == "function_call":
            yield event("response.function_call_arguments.delta", **where, delta=item["arguments"])
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield event("response.function_call_arguments.done", **where, **done)
        yield event("response.output_item.done", output_index=index, item=item)
    whole = _response(body, answer)
    yield event(f"response.{whole['status']}", response=whole)


_ITEM_STARTS: dict[str, Json] = {
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
    "reasoning": {"summary": []},
}


def _responses_part_events(event: Callable[..., Event], where: Json, part: Json) -> Iterator[Event]:
    where = {**where, "content_index": 0}
    kind, key = ("output_text", "text") if part["type"] == "output_text" else ("refusal", "refusal")
    extra: Json = {"logprobs": []} if kind == "output_text" else {}
    yield event("response.content_part.added", **where, part={**part, key: ""})
    for piece in pieces(part[key]):
        yield event(f"response.{kind}.delta", **where, delta=piece, **extra)
    yield event(f"response.{kind}.done", **where, **{key: part[key]}, **extra)
    yield event("response.content_part.done", **where, part=part)


# --- embeddings ------------------------------------------------------------------------------------------------------

_DIMENSIONS = 8


def _read_embeddings(body: Json) -> Asked:
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=body.get("input"))


def _embeddings(body: Json, answer: Answer) -> Json:
    given = body.get("input")
    inputs = given if isinstance(given, list) and not all(isinstance(item, int) for item in given) else [given]
    size = body.get("dimensions") or _DIMENSIONS
    whole: Json = {
        "object": "list",
        "model": answer.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(item, size, body.get("encoding_format"))}
            for index, item in enumerate(inputs)
        ],
    }
    if answer.tokens is not None:
        whole["usage"] = {"prompt_tokens": answer.tokens.input, "total_tokens": answer.tokens.input}
    return whole


def _vector(item: Any, size: int, encoding: str | None) -> list[float] | str:
    """Halves and quarters only, so that they are the same in 32 and 64 bits."""
    seed = count_tokens(item)
    numbers = [((seed + position) % 8 - 4) / 4 for position in range(size)]
    if encoding == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode()
    return numbers


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_CHAT_ERROR = Event({"error": {"message": "The model broke down.", "type": "server_error", "code": None}})
_RESPONSES_ERROR = Event(
    {"type": "error", "sequence_number": 99, "code": "server_error", "message": "The model broke down.", "param": None},
    "error",
)

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": Endpoint(_read_chat, _chat, _chat_events, _CHAT_ERROR, Event("[DONE]")),
    "/v1/completions": Endpoint(_read_completions, _completion, _completion_events, _CHAT_ERROR, Event("[DONE]")),
    "/v1/responses": Endpoint(_read_responses, _response, _responses_events, _RESPONSES_ERROR),
    "/v1/embeddings": Endpoint(_read_embeddings, _embeddings, _no_events, _CHAT_ERROR),
}
"""What is served, by path."""
