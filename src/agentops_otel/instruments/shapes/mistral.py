"""The wire of Mistral: OpenAI's, with content in typed chunks, and streams whose events wrap the chunk in `data`.

Everything may be a mapping or an object of the client, whose absent fields are a mark of its own.
Source: mistralai 3.7, models.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.instruments.shapes.openai_chat import Folded, content_parts, plain, tool_call
from agentops_otel.instruments.spec import given
from agentops_otel.paths import member
from agentops_otel.records import Json, Message


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a request; None where they are not a list."""
    messages = asked.get("messages")
    return [message(one) for one in messages] if isinstance(messages, (list, tuple)) else None


def messages_out(response: Any) -> list[Message] | None:
    """One message a choice."""
    choices = member(response, "choices")
    if not isinstance(choices, list):
        return None
    out = []
    for choice in choices:
        said = message(member(choice, "message"), "assistant")
        finish = member(choice, "finish_reason")
        out.append({**said, "finish_reason": str(finish)} if finish else said)
    return out


def message(raw: Any, role: str = "user") -> Message:
    """One message in the shape of the conventions."""
    content, answered = _said(raw, "content"), _said(raw, "tool_call_id")
    if answered is not None:
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": answered, "response": plain(content)}]}
    thought = _said(raw, "reasoning_content")
    parts = [{"type": "reasoning", "content": thought}] if thought else []
    parts += _parts(content)
    parts += [tool_call(one) for one in _said(raw, "tool_calls") or ()]
    return {"role": _said(raw, "role") or role, "parts": parts}


def _said(raw: Any, name: str) -> Any:
    value = member(raw, name)
    return value if given(value) else None


def _parts(content: Any) -> list[dict[str, Json]]:
    if not isinstance(content, list):
        return content_parts(content)
    return [_part(one) for one in content]


def _part(raw: Any) -> dict[str, Json]:
    kind = member(raw, "type")
    if kind == "thinking":
        return {"type": "reasoning", "content": _thought(raw)}
    url = member(raw, "image_url")
    if kind == "image_url" and isinstance(url, str):
        return openai_chat.image(url)
    return content_parts([raw])[0]


def _thought(raw: Any) -> str:
    thinking = member(raw, "thinking")
    return "".join(str(member(one, "text") or "") for one in thinking) if isinstance(thinking, list) else str(thinking)


def fold(state: Folded | None, event: Any) -> Folded | None:
    """Take an event of a stream."""
    chunk = member(event, "data")
    return state if chunk is None else openai_chat.fold(state, _with_texts(chunk))


def _with_texts(chunk: Any) -> Any:
    """The chunk, with texts in place of content in typed chunks, which models that think send."""
    if not any(isinstance(choice.delta.content, list) for choice in chunk.choices):
        return chunk
    choices = [
        SimpleNamespace(index=choice.index, finish_reason=choice.finish_reason, delta=_delta(choice.delta))
        for choice in chunk.choices
    ]
    return SimpleNamespace(id=chunk.id, model=chunk.model, usage=chunk.usage, choices=choices)


def _delta(delta: Any) -> Any:
    parts = _parts(delta.content)
    texts = {kind: "".join(str(part.get("content")) for part in parts if part["type"] == kind) for kind in _KINDS}
    return SimpleNamespace(
        role=delta.role,
        content=texts["text"],
        tool_calls=delta.tool_calls or (),
        reasoning_content=texts["reasoning"] or None,
    )


_KINDS = ("text", "reasoning")
