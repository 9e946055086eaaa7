"""The Cohere wire, seen from the server: chat, embed and rerank of v2; chat, generate, embed and rerank of v1.

Streams of v2 are server-sent events, those of v1 lines of JSON. Source: Cohere's API reference, as the client `cohere`
7.3 reads it (v2/types, types). Counts are floats; reasoning tokens are not counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agentops_otel.testing.ollama_wire import line
from agentops_otel.testing.openai_wire import Endpoint, last_text, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]

_ERRORS = {400: "invalid request", 401: "invalid api token", 404: "model not found", 429: "too many requests"}
_FINISH = {"stop": "COMPLETE", "tools": "TOOL_CALL", "length": "MAX_TOKENS"}
_FINISH_V1 = {**_FINISH, "tools": "COMPLETE"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    return {"message": failure.message or _ERRORS.get(failure.status, "internal server error")}


def _usage(answer: Answer) -> Json | None:
    tokens = answer.tokens
    if tokens is None:
        return None
    counts = {"input_tokens": float(tokens.input), "output_tokens": float(tokens.output)}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": float(tokens.cached)}


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


# --- v2 --------------------------------------------------------------------------------------------------------------


def _read_chat(body: Json) -> Asked:
    messages = body.get("messages") or []
    tools = [tool["function"] for tool in body.get("tools") or ()]
    format_ = body.get("response_format") or {}
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        text=last_text(messages),
        prompt=messages,
        tools=[(tool["name"], tool.get("parameters")) for tool in tools],
        tool_answered=any(message.get("role") == "tool" for message in messages),
        schema=format_.get("json_schema"),
    )


def _call(answer: Answer, index: int) -> Json:
    tool = answer.tools[index]
    function = {"name": tool.name, "arguments": json.dumps(dict(tool.arguments))}
    return {"id": f"call_{answer.id}_{index}", "type": "function", "function": function}


def _chat(body: Json, answer: Answer) -> Json:
    message: Json = {"role": "assistant"}
    if answer.tools:
        message["tool_plan"] = "I will ask the tool."
        message["tool_calls"] = [_call(answer, index) for index in range(len(answer.tools))]
    if answer.text or not answer.tools:
        message["content"] = [{"type": "text", "text": answer.text}]
    finish = _FINISH.get(answer.finish, answer.finish)
    whole: Json = {"id": answer.id, "finish_reason": finish, "message": message}
    usage = _usage(answer)
    return whole if usage is None else {**whole, "usage": usage}


def _chat_events(body: Json, answer: Answer) -> Iterator[Event]:
    def event(kind: str, **fields: Any) -> Event:
        return Event({"type": kind, **fields}, kind)

    def said(**message: Any) -> Json:
        return {"message": message}

    empty: Json = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", id=answer.id, delta=said(role="assistant", **empty))
    if answer.tools:
        yield event("tool-plan-delta", delta=said(tool_plan="I will ask the tool."))
    if answer.text:
        yield event("content-start", index=0, delta=said(content={"type": "text", "text": ""}))
        for piece in pieces(answer.text):
            yield event("content-delta", index=0, delta=said(content={"text": piece}))
        yield event("content-end", index=0)
    for index in range(len(answer.tools)):
        call = _call(answer, index)
        arguments = call["function"]["arguments"]
        begun: Json = {**call, "function": {**call["function"], "arguments": ""}}
        yield event("tool-call-start", index=index, delta=said(tool_calls=begun))
        for start in range(0, len(arguments), 8):
            more: Json = {"function": {"arguments": arguments[start : start + 8]}}
            yield event("tool-call-delta", index=index, delta=said(tool_calls=more))
        yield event("tool-call-end", index=index)
    ended: Json = {"finish_reason": _FINISH.get(answer.finish, answer.finish)}
    usage = _usage(answer)
    yield event("message-end", delta=ended if usage is None else {**ended, "usage": usage})


def _read_embed(body: Json) -> Asked:
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=body.get("texts"))


def _vector(text: Any) -> list[float]:
    return [((count_tokens(text) + place) % 8 - 4) / 4 for place in range(8)]


def _meta(answer: Answer, version: str, **billed: float) -> Json:
    return {"api_version": {"version": version}, **({"billed_units": billed} if answer.tokens is not None else {})}


def _embed(body: Json, answer: Answer) -> Json:
    texts = body.get("texts") or []
    billed = {"input_tokens": float(answer.tokens.input)} if answer.tokens is not None else {}
    whole = {"id": answer.id, "texts": texts, "meta": _meta(answer, "2", **billed)}
    vectors = [_vector(text) for text in texts]
    if body.get("embedding_types"):
        return {**whole, "response_type": "embeddings_by_type", "embeddings": {"float": vectors}}
    return {**whole, "response_type": "embeddings_floats", "embeddings": vectors}


def _read_rerank(body: Json) -> Asked:
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=body.get("query"))


def _rerank(body: Json, answer: Answer) -> Json:
    documents = body.get("documents") or []
    results = [{"index": index, "relevance_score": 1 / (index + 2)} for index in range(len(documents))]
    return {"id": answer.id, "results": results, "meta": _meta(answer, "2", search_units=1.0)}


# --- v1 --------------------------------------------------------------------------------------------------------------


def _read_chat_v1(body: Json) -> Asked:
    message = str(body.get("message", ""))
    tools = [(tool["name"], None) for tool in body.get("tools") or ()]
    return Asked(
        model=str(body.get("model", "")),
        stream=bool(body.get("stream")),
        text=message,
        prompt=[body.get("preamble"), body.get("chat_history"), message],
        tools=tools,
        tool_answered=bool(body.get("tool_results")),
    )


def _chat_v1(body: Json, answer: Answer) -> Json:
    whole = {
        "response_id": f"resp_{answer.id}",
        "generation_id": answer.id,
        "text": answer.text,
        "chat_history": [],
        "finish_reason": _FINISH_V1.get(answer.finish, answer.finish),
        "meta": {"api_version": {"version": "1"}, **(_usage(answer) or {})},
    }
    calls = [{"name": tool.name, "parameters": dict(tool.arguments)} for tool in answer.tools]
    return {**whole, "tool_calls": calls} if calls else whole


def _chat_v1_events(body: Json, answer: Answer) -> Iterator[Event]:
    def event(kind: str, **fields: Any) -> Event:
        return Event({"is_finished": kind == "stream-end", "event_type": kind, **fields})

    whole = _chat_v1(body, answer)
    yield event("stream-start", generation_id=answer.id)
    for piece in pieces(answer.text):
        yield event("text-generation", text=piece)
    if answer.tools:
        yield event("tool-calls-generation", tool_calls=whole["tool_calls"])
    yield event("stream-end", finish_reason=whole["finish_reason"], response=whole)


def _read_generate(body: Json) -> Asked:
    prompt = str(body.get("prompt", ""))
    return Asked(model=str(body.get("model", "")), stream=bool(body.get("stream")), text=prompt, prompt=prompt)


def _generate(body: Json, answer: Answer) -> Json:
    generation = {"id": f"gen_{answer.id}", "text": answer.text, "finish_reason": _FINISH_V1.get(answer.finish)}
    meta = {"api_version": {"version": "1"}, **(_usage(answer) or {})}
    return {"id": answer.id, "prompt": body.get("prompt"), "generations": [generation], "meta": meta}


_V2_BROKE_DOWN = Event(
    {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "The model broke down."}}, "message-end"
)
_V1_BROKE_DOWN = Event({"event_type": "stream-end", "finish_reason": "ERROR", "response": {"text": ""}})
_V2: Json = {"failed": _V2_BROKE_DOWN, "error": error_body}
_V1: Json = {"failed": _V1_BROKE_DOWN, "error": error_body, "framed": line, "content_type": "application/stream+json"}

ENDPOINTS: dict[str, Endpoint] = {
    "/v2/chat": Endpoint(_read_chat, _chat, _chat_events, done=Event("[DONE]"), **_V2),
    "/v2/embed": Endpoint(_read_embed, _embed, _no_events, **_V2),
    "/v2/rerank": Endpoint(_read_rerank, _rerank, _no_events, **_V2),
    "/v1/chat": Endpoint(_read_chat_v1, _chat_v1, _chat_v1_events, **_V1),
    "/v1/generate": Endpoint(_read_generate, _generate, _no_events, **_V1),
    "/v1/embed": Endpoint(_read_embed, _embed, _no_events, **_V1),
    "/v1/rerank": Endpoint(_read_rerank, _rerank, _no_events, **_V1),
}
"""What is served, by path."""
