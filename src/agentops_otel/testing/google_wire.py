"""The Gemini wire, seen from the server: generateContent, plain and streamed, and embeddings.

Source: the Gemini API reference, as the client `google-genai` 3.4 reads it (types.py). Thoughts are counted beside the
candidates, cached tokens inside the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentops_otel.testing.openai_wire import Endpoint, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]

_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
_FINISH = {"stop": "STOP", "tools": "STOP", "length": "MAX_TOKENS"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    status = failure.code or _STATUS.get(failure.status, "INTERNAL")
    return {"error": {"code": failure.status, "message": failure.message or "It failed.", "status": status}}


def _read(body: Json) -> Asked:
    contents = body.get("contents") or []
    parts = [part for content in contents for part in content.get("parts") or ()]
    users = [content for content in contents if content.get("role") in (None, "user")]
    said = [part.get("text") for part in (users[-1]["parts"] if users else ()) if part.get("text")]
    config = body.get("generationConfig") or {}
    declared = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]
    return Asked(
        model=str(body.get("model", "")),
        stream=False,
        text=" ".join(said),
        prompt=[body.get("systemInstruction"), contents],
        tools=[(one["name"], one.get("parametersJsonSchema") or _lower(one.get("parameters"))) for one in declared],
        tool_answered=any("functionResponse" in part for part in parts),
        schema=config.get("responseJsonSchema") or _lower(config.get("responseSchema")),
        reasons=bool(config.get("thinkingConfig")),
    )


def _lower(schema: Any) -> Any:
    """Google spells the types of a schema in capitals."""
    if isinstance(schema, dict):
        return {key: value.lower() if key == "type" else _lower(value) for key, value in schema.items()}
    return [_lower(one) for one in schema] if isinstance(schema, list) else schema


def _usage(answer: Answer) -> Json:
    tokens = answer.tokens
    if tokens is None:
        return {}
    counts = {
        "promptTokenCount": tokens.input,
        "cachedContentTokenCount": tokens.cached,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": tokens.input + tokens.output,
    }
    return {"usageMetadata": {name: count for name, count in counts.items() if count}}


def _part_of(parts: list[Json], answer: Answer, finish: str | None = None, **more: Any) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = _FINISH.get(finish, finish)
    return {"candidates": [candidate], "modelVersion": answer.model, "responseId": answer.id, **more}


def _parts(answer: Answer) -> list[Json]:
    calls = [{"functionCall": {"name": tool.name, "args": dict(tool.arguments)}} for tool in answer.tools]
    return [*([{"text": answer.text}] if answer.text or not calls else []), *calls]


def _generate(body: Json, answer: Answer) -> Json:
    return _part_of(_parts(answer), answer, answer.finish, **_usage(answer))


def _events(body: Json, answer: Answer) -> Iterator[Event]:
    for piece in pieces(answer.text):
        yield Event(_part_of([{"text": piece}], answer))
    last = [part for part in _parts(answer) if "functionCall" in part] or [{"text": ""}]
    yield Event(_part_of(last, answer, answer.finish, **_usage(answer)))


def _read_embed(body: Json) -> Asked:
    contents = [one.get("content") for one in body.get("requests") or ()]
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=contents)


def _embed(body: Json, answer: Answer) -> Json:
    sizes = [count_tokens(one.get("content")) for one in body.get("requests") or ()]
    return {"embeddings": [{"values": [((size + place) % 8 - 4) / 4 for place in range(8)]} for size in sizes]}


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_FAILED = Event({"error": {"code": 500, "message": "The model broke down.", "status": "INTERNAL"}})
_METHODS = {
    "generateContent": Endpoint(_read, _generate, _no_events, _FAILED, error=error_body),
    "streamGenerateContent": Endpoint(
        lambda body: replace(_read(body), stream=True), _generate, _events, _FAILED, error=error_body
    ),
    "batchEmbedContents": Endpoint(_read_embed, _embed, _no_events, _FAILED, error=error_body),
}

ENDPOINTS: dict[str, Endpoint] = {
    f"/{version}/models/{{model}}:{method}": endpoint
    for version in ("v1beta", "v1")
    for method, endpoint in _METHODS.items()
}
"""What is served, by path."""
