"""The wire of Ollama: messages whose tool calls have no ids, responses that are their own last chunk.

Everything may be a mapping or an object of the client. Source: ollama 0.6.3, _types.py.
"""

from __future__ import annotations

import base64
from typing import Any

from agentops_otel.instruments.shapes.openai_chat import content_parts, plain
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message
from agentops_otel.values import loads


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a chat; None where they are not a list."""
    messages = asked.get("messages")
    return [message(one) for one in messages] if isinstance(messages, (list, tuple)) else None


def prompted(asked: Any) -> list[Message] | None:
    """The prompt of `generate`."""
    given = {"content": asked.get("prompt"), "images": asked.get("images")}
    return [message(given)]


def system(asked: Any) -> list[Json] | None:
    """The system prompt of `generate`, as parts."""
    return [*content_parts(asked.get("system"))] or None


def message(raw: Any) -> Message:
    """One message in the shape of the conventions."""
    role, content = member(raw, "role") or "user", member(raw, "content")
    if role == "tool":
        name = member(raw, "tool_name") or member(raw, "name")
        return {"role": role, "parts": [{"type": "tool_call_response", "id": None, "response": content, "name": name}]}
    parts = [{"type": "reasoning", "content": text} for text in (member(raw, "thinking"),) if text]
    parts += content_parts(content)
    parts += [_image(one) for one in member(raw, "images") or ()]
    parts += [_called(one) for one in member(raw, "tool_calls") or ()]
    return {"role": role, "parts": parts}


def _called(call: Any) -> dict[str, Json]:
    arguments = plain(at(call, "function.arguments"))
    return {"type": "tool_call", "id": None, "name": at(call, "function.name"), "arguments": loads(arguments)}


def _image(raw: Any) -> dict[str, Json]:
    """Bytes, or a text that is either base64 or the path of a file, which is not read."""
    value = getattr(raw, "value", raw)
    if isinstance(value, bytes):
        return {"type": "blob", "modality": "image", "content": base64.b64encode(value).decode()}
    return {"type": "blob", "modality": "image", "content": str(value)}


def messages_out(response: Any) -> list[Message] | None:
    """The answer of a chat, or of `generate`."""
    said = member(response, "message")
    if said is None:
        said = {"content": member(response, "response"), "thinking": member(response, "thinking")}
    answer: Message = {"role": "assistant", "parts": message(said)["parts"]}
    reason = member(response, "done_reason")
    return [{**answer, "finish_reason": reason}] if isinstance(reason, str) else [answer]


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped."""
    reason = member(response, "done_reason")
    return [reason] if isinstance(reason, str) else None


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    return "json" if asked.get("format") else None


class Folded:
    """An answer as far as its chunks have come: what the newest says, and all the text so far."""

    __slots__ = ("calls", "last", "pieces", "thoughts")

    def __init__(self) -> None:
        self.last: Any = None
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return at(self.last, name)

    @property
    def message(self) -> dict[str, Any]:
        """The message so far."""
        return {
            "role": "assistant",
            "content": "".join(self.pieces),
            "thinking": "".join(self.thoughts),
            "tool_calls": self.calls,
        }


def fold(state: Folded | None, chunk: Any) -> Folded:
    """Take a chunk of a chat or of `generate`."""
    if state is None:
        state = Folded()
    state.last = chunk
    said = member(chunk, "message")
    text = member(chunk, "response") if said is None else member(said, "content")
    thought = member(chunk if said is None else said, "thinking")
    if text:
        state.pieces.append(text)
    if thought:
        state.thoughts.append(thought)
    state.calls.extend(member(said, "tool_calls") or ())
    return state
