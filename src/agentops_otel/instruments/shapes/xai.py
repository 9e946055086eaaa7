"""xAI's protobuf: requests, responses and chunks of its chat, by the numbers of its enumerations.

An optional field that was not set reads as 0, so it is asked for. Source: xai-sdk 1.4 to 1.21, proto/v6 (chat, sample,
usage).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agentops_otel.conventions.usage import XAI_CHAT, reported_cost
from agentops_otel.paths import at
from agentops_otel.records import Json, Message, Usage
from agentops_otel.values import loads

_ROLES = {1: "user", 2: "assistant", 3: "system", 4: "function", 5: "tool", 6: "developer"}
_ASSISTANT = 2
_FINISHES = {1: "length", 2: "length", 3: "stop", 4: "tool_calls", 5: "time_limit"}
_EFFORTS = {1: "low", 2: "medium", 3: "high", 4: "none", 5: "xhigh"}
_FORMATS = {1: "text", 2: "json", 3: "json"}


def asked(chat: Any) -> Mapping[str, Any]:
    """What a chat asks for now: it grows when answers are appended to it."""
    proto = chat.proto
    return {"model": proto.model, "messages": list(proto.messages), "tools": list(proto.tools), "request": proto}


def optional(proto: Any, name: str) -> Any:
    """A field that may not be set; None if it is not, or if this version of the client has none."""
    try:
        return getattr(proto, name) if proto.HasField(name) else None
    except (AttributeError, ValueError):
        return None


def setting(name: str) -> Any:
    """A getter of an optional field of the request."""
    return lambda asked: optional(asked["request"], name)


def reasoning_level(asked: Any) -> str | None:
    """How hard it is to think."""
    return _EFFORTS.get(optional(asked["request"], "reasoning_effort"))


def stop_sequences(asked: Any) -> list[str] | None:
    """What ends the answer."""
    return list(asked["request"].stop) or None


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    return _FORMATS.get(at(optional(asked["request"], "response_format"), "format_type"))


# --- messages --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message]:
    """The messages of a request."""
    return [_message(one) for one in asked["messages"]]


def _message(raw: Any) -> Message:
    role = _ROLES.get(raw.role, "user")
    parts = [_part(one) for one in raw.content]
    if role == "tool":
        answer: Json = "".join(one.text for one in raw.content)
        parts = [{"type": "tool_call_response", "id": optional(raw, "tool_call_id"), "response": answer}]
    return {"role": role, "parts": [*_thoughts(raw), *parts, *map(_tool_call, raw.tool_calls)]}


def _part(raw: Any) -> dict[str, Json]:
    picture = optional(raw, "image_url")
    if picture is not None:
        return {"type": "uri", "modality": "image", "uri": picture.image_url}
    file = optional(raw, "file")
    if file is not None:
        return {"type": "file", "file_id": file.file_id}
    return {"type": "text", "content": raw.text}


def _thoughts(raw: Any) -> list[dict[str, Json]]:
    return [{"type": "reasoning", "content": raw.reasoning_content}] if raw.reasoning_content else []


def _tool_call(raw: Any) -> dict[str, Json]:
    arguments = loads(raw.function.arguments)
    return {"type": "tool_call", "id": raw.id or None, "name": raw.function.name, "arguments": arguments}


def tools(asked: Any) -> list[dict[str, Json]] | None:
    """The definitions of functions, and the names of tools that xAI runs itself."""
    return [_tool(one) for one in asked["tools"]] or None


def _tool(raw: Any) -> dict[str, Json]:
    function = optional(raw, "function")
    if function is None:
        return {"type": raw.WhichOneof("tool") or "function"}
    out: dict[str, Json] = {"type": "function", "name": function.name}
    if function.description:
        out["description"] = function.description
    return {**out, "parameters": loads(function.parameters)}


# --- responses -------------------------------------------------------------------------------------------------------


class Streamed:
    """The chunks of a stream as far as it has come, made into a response when that is read."""

    __slots__ = ("chunks",)

    def __init__(self) -> None:
        self.chunks: list[Any] = []

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs in the order of their index."""
        by_index: dict[int, dict[str, Any]] = {}
        for chunk in self.chunks:
            for output in chunk.outputs:
                whole = by_index.setdefault(output.index, {"content": [], "thoughts": [], "calls": [], "finish": 0})
                whole["content"].append(output.delta.content)
                whole["thoughts"].append(output.delta.reasoning_content)
                whole["calls"] += output.delta.tool_calls
                whole["finish"] = output.finish_reason or whole["finish"]
        return [by_index[index] for index in sorted(by_index)]


def fold(state: Streamed | None, chunk: Any) -> Streamed:
    """Take what a stream yields: the response so far, or several, and a chunk, or several that are one."""
    state = state or Streamed()
    _, news = chunk
    state.chunks.append(_proto(news))
    return state


def _proto(raw: Any) -> Any:
    """The message behind a response or a chunk, behind several that share one, or behind a response and its value."""
    return (raw[0] if isinstance(raw, (list, tuple)) else raw).proto


def _last(response: Any) -> Any:
    """The newest message that the server has sent."""
    return response.chunks[-1] if isinstance(response, Streamed) else _proto(response)


def said(name: str) -> Any:
    """A getter of a text of the response; None where it is empty."""
    return lambda response: getattr(_last(response), name, None) or None


def usage(response: Any) -> Usage:
    """The counts of the newest message that has any."""
    told = _told(response)
    return Usage() if told is None else XAI_CHAT.count(told).usage


def cost(response: Any) -> Decimal | None:
    """What the call cost, as the newest message with counts tells; old clients do not know of it."""
    return reported_cost(_told(response))


def _told(response: Any) -> Any:
    sent = response.chunks if isinstance(response, Streamed) else [_proto(response)]
    return next((message.usage for message in reversed(sent) if message.HasField("usage")), None)


def _outputs(response: Any) -> list[tuple[Message, int]]:
    """The messages of the model, and why each ended."""
    if isinstance(response, Streamed):
        return [(_streamed(one), one["finish"]) for one in response.outputs]
    answers = [one for one in _proto(response).outputs if one.message.role == _ASSISTANT]
    return [(_answer(one.message), one.finish_reason) for one in answers]


def _streamed(output: Mapping[str, Any]) -> Message:
    return _said("".join(output["thoughts"]), "".join(output["content"]), output["calls"])


def _answer(message: Any) -> Message:
    return _said(message.reasoning_content, message.content, message.tool_calls)


def _said(thoughts: str, content: str, calls: Any) -> Message:
    parts: list[dict[str, Json]] = [{"type": "reasoning", "content": thoughts}] if thoughts else []
    if content:
        parts.append({"type": "text", "content": content})
    return {"role": "assistant", "parts": [*parts, *map(_tool_call, calls)]}


def finish_reasons(response: Any) -> list[str] | None:
    """Why each answer ended, in the words of OpenAI's wire."""
    return [_FINISHES[finish] for _, finish in _outputs(response) if finish in _FINISHES] or None


def messages_out(response: Any) -> list[Message]:
    """One message an answer."""
    return [
        {**message, "finish_reason": _FINISHES[finish]} if finish in _FINISHES else message
        for message, finish in _outputs(response)
    ]
