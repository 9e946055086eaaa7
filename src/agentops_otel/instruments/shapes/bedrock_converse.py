"""The Converse wire of Bedrock, which Amazon's Nova models speak in InvokeModel as well: messages, tools and events.

Source: botocore 1.44, data/bedrock-runtime/2023-09-30.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentops_otel.conventions import messages
from agentops_otel.paths import at
from agentops_otel.records import Json, Message
from agentops_otel.values import loads

# --- messages --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a request."""
    given = asked.get("messages")
    return [_message(one, "user") for one in given] if isinstance(given, (list, tuple)) else None


def messages_out(response: Any) -> list[Message] | None:
    """The answer: always one message."""
    answered = at(response, "output.message")
    if not isinstance(answered, dict):
        return None
    message = _message(answered, "assistant")
    stopped = at(response, "stopReason")
    return [{**message, "finish_reason": stopped}] if stopped else [message]


def _message(raw: Any, role: str) -> Message:
    content = at(raw, "content")
    parts = [_part(block) for block in content] if isinstance(content, (list, tuple)) else messages.contents(content)
    return {"role": at(raw, "role") or role, "parts": parts}


def _part(block: Any) -> dict[str, Json]:
    for kind in ("image", "document", "video", "audio"):
        if isinstance(block, dict) and kind in block:
            return _attachment(block[kind], kind)
    return messages.part(block)


def _attachment(raw: Any, kind: str) -> dict[str, Json]:
    """By reference where there is one; of inline bytes that they are there, and how many."""
    uri, inline = at(raw, "source.s3Location.uri"), at(raw, "source.bytes")
    if uri is not None:
        return {"type": "uri", "modality": kind, "uri": uri}
    return {"type": kind, "format": at(raw, "format"), "bytes": len(inline) if hasattr(inline, "__len__") else None}


def system(asked: Any) -> list[Json] | None:
    """The system prompt, as parts."""
    given = asked.get("system")
    return [messages.part(one) for one in given] if isinstance(given, (list, tuple)) else None


def tools(asked: Any) -> Sequence[Json] | None:
    """Tool definitions in the shape of the conventions; cache points and tools of the provider as they are."""
    given = at(asked, "toolConfig.tools")
    return [_tool(one) for one in given] if isinstance(given, (list, tuple)) else None


def _tool(raw: Any) -> Json:
    spec = at(raw, "toolSpec")
    if not isinstance(spec, dict):
        return raw
    out = {"type": "function", "name": spec.get("name"), "description": spec.get("description")}
    parameters = at(spec, "inputSchema.json")
    return {name: value for name, value in {**out, "parameters": parameters}.items() if value is not None}


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped."""
    stopped = at(response, "stopReason")
    return [stopped] if isinstance(stopped, str) else None


# --- streams ---------------------------------------------------------------------------------------------------------


class Folded:
    """An answer as far as its events have come, in the shape of a whole one."""

    __slots__ = ("blocks", "stopReason", "usage")

    def __init__(self) -> None:
        self.stopReason: str | None = None
        self.usage: Any = None
        self.blocks: dict[int, _Block] = {}

    @property
    def output(self) -> dict[str, Any]:
        """The message so far."""
        content = [self.blocks[index].whole() for index in sorted(self.blocks)]
        return {"message": {"role": "assistant", "content": content}}


class _Block:
    """A content block: pieces of text, of reasoning or of the JSON of a tool's input."""

    __slots__ = ("pieces", "reasoning", "start")

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.pieces: list[str] = []
        self.reasoning: list[str] = []

    def whole(self) -> dict[str, Any]:
        joined = "".join(self.pieces)
        if "toolUse" in self.start:
            return {"toolUse": {**self.start["toolUse"], "input": loads(joined) if joined else {}}}
        if self.reasoning:
            return {"reasoningContent": {"reasoningText": {"text": "".join(self.reasoning)}}}
        return {"text": joined}


def fold(state: Folded | None, event: dict[str, Any]) -> Folded:
    """Take an event. Signatures, citations and redacted reasoning are not kept."""
    state = state or Folded()
    for name, value in event.items():
        if name == "contentBlockDelta":
            _add(state.blocks.setdefault(value["contentBlockIndex"], _Block()), value["delta"])
        elif name == "contentBlockStart":
            state.blocks.setdefault(value["contentBlockIndex"], _Block()).start = value["start"]
        elif name == "messageStop":
            state.stopReason = value.get("stopReason")
        elif name == "metadata":
            state.usage = value.get("usage")
    return state


def _add(block: _Block, delta: dict[str, Any]) -> None:
    text = delta.get("text") or at(delta, "toolUse.input")
    if text:
        block.pieces.append(text)
    reasoning = at(delta, "reasoningContent.text")
    if reasoning:
        block.reasoning.append(reasoning)
