"""The messages wire of Anthropic: content blocks, responses and events.

Everything may be a mapping or an object of the client. Source: anthropic 2.12, types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentops_otel.instruments.shapes.openai_chat import plain
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message
from agentops_otel.values import loads

# --- messages --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a request; None where they are not a list (an iterator belongs to the client)."""
    messages = asked.get("messages")
    if not isinstance(messages, (list, tuple)):
        return None
    return [{"role": member(one, "role") or "user", "parts": parts(member(one, "content"))} for one in messages]


def messages_out(response: Any) -> list[Message] | None:
    """The answer: always one message."""
    content = member(response, "content")
    if not isinstance(content, list):
        return None
    message: Message = {"role": "assistant", "parts": parts(content)}
    stopped = member(response, "stop_reason")
    return [{**message, "finish_reason": stopped}] if stopped else [message]


def system(asked: Any) -> list[Json] | None:
    """The system prompt, as parts."""
    given = asked.get("system")
    return [*parts(given)] if isinstance(given, (str, list, tuple)) else None


def parts(content: Any) -> list[dict[str, Json]]:
    """Content is a text or a list of blocks."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    return [_part(block) for block in content] if isinstance(content, (list, tuple)) else []


def _part(block: Any) -> dict[str, Json]:
    if isinstance(block, str):
        return {"type": "text", "content": block}
    kind = str(member(block, "type"))
    if kind == "text":
        return {"type": "text", "content": member(block, "text")}
    if kind == "thinking":
        return {"type": "reasoning", "content": member(block, "thinking")}
    if kind.endswith("tool_use"):
        called = {"type": "tool_call", "id": member(block, "id"), "name": member(block, "name")}
        return {**called, "arguments": plain(member(block, "input"))}
    if kind.endswith("tool_result"):
        answered = {"type": "tool_call_response", "id": member(block, "tool_use_id")}
        return {**answered, "response": _result(member(block, "content"))}
    if kind in ("image", "document"):
        return _attachment(block, kind)
    other = plain(block)
    return other if isinstance(other, dict) else {"type": kind}


def _result(content: Any) -> Any:
    """What a tool answered: text as it is, anything else as parts."""
    return parts(content) if isinstance(content, (list, tuple)) else plain(content)


def _attachment(block: Any, kind: str) -> dict[str, Json]:
    source = member(block, "source")
    how = member(source, "type")
    if how == "url":
        return {"type": "uri", "modality": kind, "uri": member(source, "url")}
    if how == "file":
        return {"type": "file", "modality": kind, "file_id": member(source, "file_id")}
    mime, data = member(source, "media_type"), member(source, "data")
    if how in ("base64", "text") and isinstance(data, str):
        return {"type": "blob", "modality": kind, "mime_type": mime, "content": data}
    return {"type": kind}


def tools(asked: Any) -> Sequence[Json] | None:
    """Tool definitions in the shape of the conventions; the provider's own tools as they are."""
    given = asked.get("tools")
    return [_tool(one) for one in given] if isinstance(given, (list, tuple)) else None


def _tool(raw: Any) -> dict[str, Json]:
    schema = plain(member(raw, "input_schema"))
    if schema is None:
        other = plain(raw)
        return other if isinstance(other, dict) else {"type": "function"}
    out = {"type": "function", "name": member(raw, "name"), "description": member(raw, "description")}
    return {name: value for name, value in {**out, "parameters": schema}.items() if value is not None}


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    is_typed = isinstance(asked.get("output_format"), (type, dict)) or at(asked, "output_config.format") is not None
    return "json" if is_typed else None


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped."""
    stopped = member(response, "stop_reason")
    return [stopped] if isinstance(stopped, str) else None


# --- streams ---------------------------------------------------------------------------------------------------------


class FoldedBlock:
    """A content block as far as its deltas have come, read like a whole one."""

    __slots__ = ("_pieces", "_start", "type")

    def __init__(self, start: Any) -> None:
        self.type = member(start, "type")
        self._start = start
        self._pieces: list[str] = []

    def add(self, delta: Any) -> None:
        """Take a delta; signatures and citations are not kept."""
        for name in ("text", "thinking", "partial_json"):
            piece = getattr(delta, name, None)
            if piece:
                self._pieces.append(piece)
                return

    def __getattr__(self, name: str) -> Any:
        """What the deltas made of the text, the thinking or the input; else what the block started with."""
        joined = "".join(self._pieces)
        if joined and name == "input":
            return loads(joined)
        if name == self.type:
            return (member(self._start, name) or "") + joined
        return member(self._start, name)


class Folded:
    """A message as far as its events have come, in the shape of a whole one."""

    __slots__ = ("by_index", "id", "model", "stop_reason", "usage")

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.by_index: dict[int, FoldedBlock] = {}

    @property
    def content(self) -> list[FoldedBlock]:
        """The blocks in the order of their index."""
        return [self.by_index[index] for index in sorted(self.by_index)]

    def count(self, usage: Any, names: Sequence[str]) -> None:
        """Take counts; those that come later are cumulative and replace the earlier ones."""
        for name in names:
            value = member(usage, name)
            if value is not None:
                self.usage[name] = value


_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "service_tier")
_OUTPUT = ("output_tokens", "output_tokens_details")


def fold(state: Folded | None, event: Any) -> Folded:
    """Take an event. The output count of the first one is a placeholder: only the last one counts the answer."""
    state = state or Folded()
    kind = event.type
    if kind == "content_block_delta":
        block = state.by_index.get(event.index)
        if block is not None:
            block.add(event.delta)
    elif kind == "content_block_start":
        state.by_index[event.index] = FoldedBlock(event.content_block)
    elif kind == "message_start":
        state.id, state.model = event.message.id, event.message.model
        state.count(event.message.usage, _INPUT)
    elif kind == "message_delta":
        state.stop_reason = event.delta.stop_reason
        state.count(event.usage, (*_INPUT, *_OUTPUT))
    return state
