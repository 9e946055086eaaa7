"""The chat completions wire of OpenAI, which many providers copy: messages, tools, responses and chunks.

Everything may be a mapping or an object of the client. Source: openai 3.54, types/chat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentops_otel.paths import at, member, members
from agentops_otel.records import Json, Message
from agentops_otel.values import loads

# --- messages --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a request; None where they are not a list (an iterator belongs to the client)."""
    messages = asked.get("messages")
    return [message(one) for one in messages] if isinstance(messages, (list, tuple)) else None


def messages_out(response: Any) -> list[Message] | None:
    """One message a choice."""
    choices = member(response, "choices")
    return [_choice(one) for one in choices] if isinstance(choices, list) else None


def _choice(choice: Any) -> Message:
    out = message(member(choice, "message"), "assistant")
    finish = member(choice, "finish_reason")
    if finish:
        out["finish_reason"] = finish
    return out


def message(raw: Any, role: str = "user") -> Message:
    """One message in the shape of the conventions."""
    get = members(raw)
    answered, content = get("tool_call_id"), get("content")
    if answered is not None:
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": answered, "response": plain(content)}]}
    parts = content_parts(content)
    reasoning, refusal, legacy, spoken = _reasoning(get), get("refusal"), get("function_call"), get("audio")
    if reasoning:
        parts.insert(0, {"type": "reasoning", "content": reasoning})
    if refusal:
        parts.append({"type": "refusal", "content": refusal})
    parts += [tool_call(one) for one in get("tool_calls") or ()]
    if legacy is not None:
        parts.append(_called(None, legacy))
    if spoken is not None:
        parts.append(_spoken(spoken))
    out: Message = {"role": get("role") or role, "parts": parts}
    name = get("name")
    return {**out, "name": name} if name else out


def _reasoning(get: Callable[[str], Any]) -> Any:
    """Not OpenAI's own; DeepSeek, Groq, vLLM and OpenRouter have it."""
    return get("reasoning_content") or get("reasoning")


def content_parts(content: Any) -> list[dict[str, Json]]:
    """Content is a text or a list of parts."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [_part(one) for one in content] if isinstance(content, (list, tuple)) else [plain(content)]


def _part(raw: Any) -> dict[str, Json]:
    kind = member(raw, "type")
    if kind in ("text", "input_text", "output_text"):
        return {"type": "text", "content": member(raw, "text")}
    if kind == "refusal":
        return {"type": "refusal", "content": member(raw, "refusal")}
    if kind == "image_url":
        return image(at(raw, "image_url.url"))
    if kind == "input_audio":
        mime = f"audio/{at(raw, 'input_audio.format')}"
        return {"type": "blob", "modality": "audio", "mime_type": mime, "content": at(raw, "input_audio.data")}
    if kind == "file" and at(raw, "file.file_id"):
        return {"type": "file", "file_id": at(raw, "file.file_id")}
    other = plain(raw)
    return other if isinstance(other, dict) else {"type": "text", "content": str(other)}


def inputs(value: Any) -> list[Message] | None:
    """What is to be embedded: a text or several, each a part; None for tokens."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return [{"role": "user", "parts": [{"type": "text", "content": text} for text in texts]}]


def image(url: Any) -> dict[str, Json]:
    """An image by reference, or inline as a data URL."""
    if isinstance(url, str) and url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return {"type": "blob", "modality": "image", "mime_type": head.partition(";")[0], "content": data}
    return {"type": "uri", "modality": "image", "uri": url}


def tool_call(raw: Any) -> dict[str, Json]:
    """A tool that the model asks for; arguments that are JSON become what they say."""
    custom = member(raw, "custom")
    if custom is not None:
        return {
            "type": "tool_call",
            "id": member(raw, "id"),
            "name": member(custom, "name"),
            "arguments": member(custom, "input"),
        }
    return _called(member(raw, "id"), member(raw, "function"))


def _called(call_id: Any, function: Any) -> dict[str, Json]:
    arguments = loads(member(function, "arguments"))
    return {"type": "tool_call", "id": call_id, "name": member(function, "name"), "arguments": arguments}


def _spoken(audio: Any) -> dict[str, Json]:
    """Speech of the model: its words where the provider gives them; the sound is not kept."""
    return {"type": "audio", "id": member(audio, "id"), "transcript": member(audio, "transcript")}


def plain(raw: Any) -> Any:
    """An object of the client as the mapping it stands for; anything else as it is."""
    dump = getattr(raw, "model_dump", None)
    return dump(mode="json", exclude_none=True, warnings=False) if callable(dump) else raw


def tools(asked: Any) -> Sequence[Json] | None:
    """Tool definitions, flat: type, name, description, parameters."""
    raw = asked.get("tools") or asked.get("functions")
    return [tool(one) for one in raw] if isinstance(raw, (list, tuple)) else None


def tool(raw: Any) -> dict[str, Json]:
    """One tool definition; `function` may be nested, as in chat, or flat, as in responses."""
    source = member(raw, "function") or raw
    if member(source, "name") is None:
        other = plain(raw)
        return other if isinstance(other, dict) else {"type": "function"}
    out = {"type": member(raw, "type") or "function"}
    for name in ("name", "description", "parameters"):
        value = plain(at(source, name))
        if value is not None:
            out[name] = value
    return out


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    wanted = asked.get("response_format")
    if isinstance(wanted, type):
        return "json"
    kind = member(wanted, "type")
    return {"json_schema": "json", "json_object": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None


# --- streams ---------------------------------------------------------------------------------------------------------


class FoldedChoice:
    """A choice as far as its chunks have come, read like a whole one."""

    __slots__ = ("calls", "finish_reason", "pieces", "reasoning_pieces", "refusal_pieces", "role")

    def __init__(self) -> None:
        self.role = "assistant"
        self.finish_reason: str | None = None
        self.pieces: list[str] = []
        self.reasoning_pieces: list[str] = []
        self.refusal_pieces: list[str] = []
        self.calls: dict[int, dict[str, Any]] = {}

    @property
    def message(self) -> dict[str, Any]:
        """The message so far."""
        return {
            "role": self.role,
            "content": "".join(self.pieces),
            "reasoning_content": "".join(self.reasoning_pieces),
            "refusal": "".join(self.refusal_pieces),
            "tool_calls": [
                {"id": call["id"], "function": {"name": call["name"], "arguments": "".join(call["arguments"])}}
                for call in self.calls.values()
            ],
        }

    def add(self, delta: Any) -> None:
        """Take what a delta adds besides content."""
        self.role = member(delta, "role") or self.role
        refusal, reasoning = member(delta, "refusal"), _reasoning(members(delta))
        if refusal:
            self.refusal_pieces.append(refusal)
        if isinstance(reasoning, str):
            self.reasoning_pieces.append(reasoning)
        for position, piece in enumerate(member(delta, "tool_calls") or ()):
            self._add_call(position, piece)

    def _add_call(self, position: int, piece: Any) -> None:
        index = member(piece, "index")
        call = self.calls.setdefault(position if index is None else index, {"id": None, "name": None, "arguments": []})
        call["id"] = member(piece, "id") or call["id"]
        call["name"] = at(piece, "function.name") or call["name"]
        arguments = at(piece, "function.arguments")
        if arguments:
            call["arguments"].append(arguments)


class Folded:
    """A chat completion as far as its chunks have come, in the shape of a whole one."""

    __slots__ = ("by_index", "id", "model", "service_tier", "system_fingerprint", "usage")

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.system_fingerprint: str | None = None
        self.usage: Any = None
        self.by_index: dict[int, FoldedChoice] = {}

    @property
    def choices(self) -> list[FoldedChoice]:
        """The choices in the order of their index."""
        return [self.by_index[index] for index in sorted(self.by_index)]


def fold(state: Folded | None, chunk: Any) -> Folded:
    """Take a chunk. Most chunks hold a piece of text for one choice and nothing else: that path is kept short."""
    if state is None:
        state = _first(chunk)
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        state.usage = usage
    for part in getattr(chunk, "choices", None) or ():
        choice = state.by_index.get(part.index)
        if choice is None:
            choice = state.by_index[part.index] = FoldedChoice()
        delta = part.delta
        if delta is not None:
            content = getattr(delta, "content", None)
            if content:
                choice.pieces.append(content)
            if not content or getattr(delta, "tool_calls", None):
                choice.add(delta)
        finish = part.finish_reason
        if finish is not None:
            choice.finish_reason = finish
    return state


def _first(chunk: Any) -> Folded:
    state = Folded()
    for name in ("id", "model", "service_tier", "system_fingerprint"):
        setattr(state, name, at(chunk, name))
    return state
