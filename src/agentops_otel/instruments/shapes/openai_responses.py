"""The responses wire of OpenAI: input items, output items and typed events.

Everything may be a mapping or an object of the client. Source: openai 3.54, types/responses.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.instruments.shapes.openai_chat import content_parts, image, plain
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message
from agentops_otel.values import loads


def messages_in(asked: Any) -> list[Message] | None:
    """The input: a text of the user, or items."""
    given = asked.get("input")
    if isinstance(given, str):
        return [{"role": "user", "parts": [{"type": "text", "content": given}]}]
    return [message_of(one, "user") for one in given] if isinstance(given, (list, tuple)) else None


def system(asked: Any) -> list[Json] | None:
    """The instructions, as parts."""
    instructions = asked.get("instructions")
    return content_parts(instructions) if isinstance(instructions, (str, list)) else None


def messages_out(response: Any) -> list[Message] | None:
    """All output items as one message, as the conventions have one a choice."""
    items = member(response, "output")
    if not isinstance(items, list):
        return None
    message: Message = {"role": "assistant", "parts": [part for item in items for part in message_of(item)["parts"]]}
    reasons = finish_reasons(response)
    return [{**message, "finish_reason": reasons[0]}] if reasons else [message]


def finish_reasons(response: Any) -> list[str] | None:
    """`stop`, `tool_calls`, or why a response is incomplete or failed; None while it is going on."""
    status = member(response, "status")
    if status == "completed":
        kinds = [member(item, "type") for item in member(response, "output") or ()]
        return ["tool_calls" if "function_call" in kinds or "custom_tool_call" in kinds else "stop"]
    if status == "incomplete":
        reason = at(response, "incomplete_details.reason")
        return [{"max_output_tokens": "length"}.get(reason, reason or "incomplete")]
    return ["error"] if status == "failed" else None


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    if isinstance(asked.get("text_format"), type):
        return "json"
    kind = at(asked.get("text"), "format.type")
    return {"json_schema": "json", "json_object": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None


def message_of(raw: Any, role: str = "") -> Message:
    """An item of input or output; `role` is that of one which names none."""
    kind = member(raw, "type")
    if kind in ("message", None):
        return {"role": member(raw, "role") or role, "parts": _parts(member(raw, "content"))}
    if kind in ("function_call", "custom_tool_call"):
        arguments = loads(member(raw, "arguments") or member(raw, "input"))
        part = {"type": "tool_call", "id": member(raw, "call_id"), "name": member(raw, "name"), "arguments": arguments}
        return {"role": "assistant", "parts": [part]}
    if kind in ("function_call_output", "custom_tool_call_output"):
        response = plain(member(raw, "output"))
        return {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": member(raw, "call_id"), "response": response}],
        }
    if kind == "reasoning":
        texts = [member(one, "text") for one in (*(member(raw, "summary") or ()), *(member(raw, "content") or ()))]
        return {"role": "assistant", "parts": [{"type": "reasoning", "content": text} for text in texts if text]}
    return {"role": "assistant", "parts": [plain(raw)]}


def _parts(content: Any) -> list[dict[str, Json]]:
    if not isinstance(content, (list, tuple)):
        return content_parts(content)
    return [_part(one) for one in content]


def _part(raw: Any) -> dict[str, Json]:
    kind = member(raw, "type")
    if kind == "input_image":
        file_id = member(raw, "file_id")
        return {"type": "file", "modality": "image", "file_id": file_id} if file_id else image(member(raw, "image_url"))
    if kind == "input_file" and member(raw, "file_id"):
        return {"type": "file", "file_id": member(raw, "file_id")}
    return content_parts([raw])[0]


class FoldedResponse:
    """A response as far as its events have come, read like a whole one. Its last event usually holds all of it."""

    __slots__ = ("items", "pieces", "whole")

    def __init__(self) -> None:
        self.whole: Any = None
        self.items: list[Any] = []
        self.pieces: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return at(self.whole, name)

    @property
    def output(self) -> list[Any]:
        """The items of the whole response; before it has come, the finished items and the text so far."""
        whole = at(self.whole, "output")
        if whole:
            return list(whole)
        text = "".join(self.pieces)
        return [*self.items, {"role": "assistant", "content": text}] if text else self.items


ENDS = ("response.completed", "response.incomplete", "response.failed")
"""The last event of a response."""

_WHOLE = frozenset({"response.created", *ENDS})


def fold(state: FoldedResponse | None, event: Any) -> FoldedResponse:
    """Take an event. Text and finished items are kept for streams that never come to their end."""
    if state is None:
        state = FoldedResponse()
    kind = event.type
    if kind == "response.output_text.delta":
        state.pieces.append(event.delta)
    elif kind in _WHOLE:
        state.whole = event.response
    elif kind == "response.output_item.done":
        state.items.append(event.item)
        state.pieces.clear()
    return state
