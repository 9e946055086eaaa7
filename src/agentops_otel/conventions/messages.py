"""Messages of any vocabulary in the one shape of `records.Message`."""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.wire import parsed
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue


def messages(value: AnyValue, role: str) -> list[Message] | Json:
    """Messages from JSON text or a structure; `role` is for those that name none. Other values stay what they are."""
    found = parsed(value)
    if type(found) is dict:
        found = [found]
    if not isinstance(found, list) or not found:
        return None if found in ([], "") else found
    return [message(one, role) for one in found]


def message(value: Json, role: str) -> Message:
    """One message, from the shape with parts or from a flat one with `content` and `tool_calls`."""
    if not isinstance(value, dict):
        return {"role": role, "parts": _content_parts(value)}
    parts = value.get("parts")
    out: dict[str, Any] = {"role": value.get("role") or role}
    out["parts"] = [part(one) for one in parts] if isinstance(parts, list) else _flat_parts(value)
    if value.get("name"):
        out["name"] = value["name"]
    if value.get("finish_reason"):
        out["finish_reason"] = value["finish_reason"]
    return out  # type: ignore[return-value]


def system_message(value: AnyValue) -> Message | None:
    """System instructions, a list of parts or a text, as the message they stand for."""
    found = parsed(value)
    parts = _content_parts(found)
    return {"role": "system", "parts": parts} if parts else None


def part(value: Json) -> dict[str, Json]:
    """One part. Arguments of tool calls that came as JSON text become the object they stand for."""
    if not isinstance(value, dict):
        return {"type": "text", "content": value}
    kind = value.get("type")
    if kind == "tool_call" and type(value.get("arguments")) is str:
        return {**value, "arguments": parsed(value["arguments"])}
    if kind == "tool_call_response" and "response" not in value and "result" in value:
        return {("response" if key == "result" else key): item for key, item in value.items()}
    return value


def _flat_parts(value: dict[str, Json]) -> list[dict[str, Json]]:
    calls = value.get("tool_calls")
    if value.get("tool_call_id"):
        return [{"type": "tool_call_response", "id": value["tool_call_id"], "response": parsed(value.get("content"))}]
    return _content_parts(value.get("content")) + [_tool_call(one) for one in calls or () if isinstance(one, dict)]


def _content_parts(content: Json) -> list[dict[str, Json]]:
    if content is None or content == "":
        return []
    if isinstance(content, list):
        return [part(one) for one in content]
    return [part(content)]


def _tool_call(value: dict[str, Json]) -> dict[str, Json]:
    function = value.get("function")
    source = function if isinstance(function, dict) else value
    return {
        "type": "tool_call",
        "id": value.get("id"),
        "name": source.get("name"),
        "arguments": parsed(source.get("arguments")),
    }
