"""The wire of Gemini: contents of parts, and chunks that are responses themselves.

Everything may be a mapping or an object of the client. Source: google-genai 3.4, types.py.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from agentops_otel.instruments.shapes.openai_chat import plain
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message

_ROLES = {"model": "assistant"}

# --- messages --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message] | None:
    """The contents of a request: one text or content, or several; bare parts belong to one message of the user."""
    contents = asked.get("contents")
    if contents is None:
        return None
    if not isinstance(contents, (list, tuple)):
        contents = [contents]
    if any(_is_content(one) for one in contents):
        return [_message(one) for one in contents]
    return [{"role": "user", "parts": [part(one) for one in contents]}]


def _is_content(raw: Any) -> bool:
    return isinstance(member(raw, "parts"), (list, tuple))


def _message(raw: Any) -> Message:
    if not _is_content(raw):
        return {"role": "user", "parts": [part(raw)]}
    role = str(member(raw, "role") or "user")
    return {"role": _ROLES.get(role, role), "parts": [part(one) for one in member(raw, "parts")]}


def part(raw: Any) -> dict[str, Json]:
    """One part in the shape of the conventions; a bare text is one, too."""
    if isinstance(raw, str):
        return {"type": "text", "content": raw}
    text, called, answered = (_field(raw, name) for name in ("text", "function_call", "function_response"))
    if called is not None:
        arguments = plain(member(called, "args"))
        return {"type": "tool_call", "id": member(called, "id"), "name": member(called, "name"), "arguments": arguments}
    if answered is not None:
        out = {"type": "tool_call_response", "id": member(answered, "id"), "name": member(answered, "name")}
        return {**out, "response": plain(member(answered, "response"))}
    if text is not None:
        return {"type": "reasoning" if member(raw, "thought") else "text", "content": text}
    return _attachment(raw)


_CAMEL = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
}
"""Mappings may be spelt as the wire is."""


def _field(raw: Any, name: str) -> Any:
    found = member(raw, name)
    return found if found is not None or name not in _CAMEL else member(raw, _CAMEL[name])


def _attachment(raw: Any) -> dict[str, Json]:
    inline, file = _field(raw, "inline_data"), _field(raw, "file_data")
    if inline is not None:
        data, mime = member(inline, "data"), str(_field(inline, "mime_type"))
        content = base64.b64encode(data).decode() if isinstance(data, bytes) else data
        return {"type": "blob", "modality": mime.split("/")[0], "mime_type": mime, "content": content}
    if file is not None:
        return {"type": "uri", "mime_type": _field(file, "mime_type"), "uri": _field(file, "file_uri")}
    other = plain(raw)
    return other if isinstance(other, dict) else {"type": type(raw).__name__}


def messages_out(response: Any) -> list[Message] | None:
    """One message a candidate."""
    candidates = member(response, "candidates")
    return [_candidate(one) for one in candidates] if isinstance(candidates, list) else None


def _candidate(raw: Any) -> Message:
    parts = at(raw, "content.parts")
    message: Message = {"role": "assistant", "parts": [part(one) for one in parts or ()]}
    reason = _name(member(raw, "finish_reason"))
    return {**message, "finish_reason": reason} if reason else message


def _name(value: Any) -> str | None:
    """The name of a member of the client's enumerations, or a text."""
    value = getattr(value, "value", value)
    return value if isinstance(value, str) else None


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped, for each candidate."""
    candidates = member(response, "candidates")
    found = [_name(member(one, "finish_reason")) for one in candidates] if isinstance(candidates, list) else []
    return [reason for reason in found if reason] or None


def system(asked: Any) -> list[Json] | None:
    """The system instruction, as parts."""
    given = at(asked, "config.system_instruction")
    if given is None:
        return None
    parts = member(given, "parts") if _is_content(given) else given
    return [part(one) for one in parts] if isinstance(parts, (list, tuple)) else [part(parts)]


def tools(asked: Any) -> Sequence[Json] | None:
    """Declared functions; Python functions by their name; Google's own tools as they are."""
    given = at(asked, "config.tools")
    if not isinstance(given, (list, tuple)):
        return None
    return [one for tool in given for one in _tool(tool)]


def _tool(raw: Any) -> list[dict[str, Json]]:
    declared = member(raw, "function_declarations")
    if isinstance(declared, (list, tuple)):
        return [{"type": "function", **plain(one)} if isinstance(plain(one), dict) else {} for one in declared]
    if callable(raw):
        return [{"type": "function", "name": getattr(raw, "__name__", None), "description": raw.__doc__}]
    other = plain(raw)
    return [other if isinstance(other, dict) else {"type": "function"}]


def output_type(asked: Any) -> str | None:
    """`json` or `text`, by the type that was asked for."""
    mime = at(asked, "config.response_mime_type")
    return {"application/json": "json", "text/plain": "text"}.get(str(mime))


def reasoning_level(asked: Any) -> str | None:
    """How hard to think, where it was said in words."""
    level = _name(at(asked, "config.thinking_config.thinking_level"))
    return level.lower() if level else None


# --- streams ---------------------------------------------------------------------------------------------------------


class Folded:
    """A response as far as its chunks have come: the facts of the newest, and the parts of all."""

    __slots__ = ("by_index", "last", "model_version", "response_id", "usage_metadata")

    def __init__(self) -> None:
        self.last: Any = None
        self.usage_metadata: Any = None
        self.model_version: Any = None
        self.response_id: Any = None
        self.by_index: dict[int, dict[str, Any]] = {}

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """The candidates so far, their texts joined."""
        return [
            {"content": {"parts": _joined(one["parts"])}, "finish_reason": one["finish_reason"]}
            for one in self.by_index.values()
        ]


def _joined(parts: list[Any]) -> list[Any]:
    """Neighbouring texts of one kind as one part."""
    out: list[Any] = []
    for one in parts:
        text, thought = member(one, "text"), bool(member(one, "thought"))
        if text is None:
            out.append(one)
        elif out and isinstance(out[-1], dict) and out[-1].get("thought") is thought:
            out[-1]["text"] += text
        else:
            out.append({"text": text, "thought": thought})
    return out


def fold(state: Folded | None, chunk: Any) -> Folded:
    """Take a chunk."""
    if state is None:
        state = Folded()
    for name in ("usage_metadata", "model_version", "response_id"):
        value = member(chunk, name)
        if value is not None:
            setattr(state, name, value)
    for candidate in member(chunk, "candidates") or ():
        seen = state.by_index.setdefault(member(candidate, "index") or 0, {"parts": [], "finish_reason": None})
        seen["parts"].extend(at(candidate, "content.parts") or ())
        seen["finish_reason"] = member(candidate, "finish_reason") or seen["finish_reason"]
    return state
