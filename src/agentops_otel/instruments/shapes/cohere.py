"""The wires of Cohere: v2 with messages of parts, v1 with one message and a history.

Everything may be a mapping or an object of the client. Source: cohere 7.3, types and v2/types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentops_otel.instruments.shapes.openai_chat import inputs, plain, tool
from agentops_otel.instruments.shapes.openai_chat import message as openai_message
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message
from agentops_otel.values import loads

# --- v2 --------------------------------------------------------------------------------------------------------------


def message(raw: Any) -> Message:
    """One message in the shape of the conventions. The plan for the tools is reasoning."""
    out = openai_message(raw, "assistant")
    plan = member(raw, "tool_plan")
    parts = [_part(part) for part in out["parts"]]
    out["parts"] = [{"type": "reasoning", "content": plan}, *parts] if plan else parts
    return out


def _part(part: dict[str, Json]) -> dict[str, Json]:
    is_thought = part.get("type") == "thinking"
    return {"type": "reasoning", "content": part.get("thinking")} if is_thought else part


def messages_in(asked: Any) -> list[Message] | None:
    """The messages of a request; None where they are not a list."""
    messages = asked.get("messages")
    return [message(one) for one in messages] if isinstance(messages, (list, tuple)) else None


def messages_out(response: Any) -> list[Message] | None:
    """The answer: always one message."""
    said = member(response, "message")
    if said is None:
        return None
    return [_finished(message(said), response)]


def _finished(out: Message, response: Any) -> Message:
    reason = member(response, "finish_reason")
    if isinstance(reason, str):
        out["finish_reason"] = reason
    return out


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped."""
    reason = member(response, "finish_reason")
    return [reason] if isinstance(reason, str) else None


def output_type(asked: Any) -> str | None:
    """`json` where structured output was asked for."""
    return {"json_object": "json", "text": "text"}.get(str(at(asked, "response_format.type")))


class Folded:
    """An answer of v2 as far as its events have come."""

    __slots__ = ("calls", "finish_reason", "id", "pieces", "plan", "thoughts", "usage")

    def __init__(self) -> None:
        self.id: str | None = None
        self.finish_reason: str | None = None
        self.usage: Any = None
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.plan: list[str] = []
        self.calls: dict[Any, dict[str, Any]] = {}

    @property
    def message(self) -> dict[str, Any]:
        """The message so far."""
        return {
            "role": "assistant",
            "tool_plan": "".join(self.plan),
            "reasoning_content": "".join(self.thoughts),
            "content": "".join(self.pieces),
            "tool_calls": [
                {"id": call["id"], "function": {"name": call["name"], "arguments": "".join(call["arguments"])}}
                for call in self.calls.values()
            ],
        }

    def add_call(self, index: Any, piece: Any) -> None:
        """The beginning of a call of a tool, or more of its arguments."""
        call = self.calls.setdefault(index, {"id": None, "name": None, "arguments": []})
        call["id"] = member(piece, "id") or call["id"]
        call["name"] = at(piece, "function.name") or call["name"]
        call["arguments"].append(at(piece, "function.arguments") or "")


def fold(state: Folded | None, event: Any) -> Folded:
    """Take an event of v2."""
    if state is None:
        state = Folded()
    kind, delta = member(event, "type"), member(event, "delta")
    if kind == "content-delta":
        content = at(delta, "message.content")
        state.pieces.append(member(content, "text") or "")
        state.thoughts.append(member(content, "thinking") or "")
    elif kind == "tool-plan-delta":
        state.plan.append(at(delta, "message.tool_plan") or "")
    elif kind in ("tool-call-start", "tool-call-delta"):
        state.add_call(member(event, "index"), at(delta, "message.tool_calls"))
    elif kind == "message-start":
        state.id = member(event, "id")
    elif kind == "message-end":
        state.finish_reason, state.usage = member(delta, "finish_reason"), member(delta, "usage")
    return state


# --- v1 --------------------------------------------------------------------------------------------------------------

_ROLES = {"CHATBOT": "assistant", "USER": "user", "SYSTEM": "system", "TOOL": "tool"}


def messages_in_v1(asked: Any) -> list[Message] | None:
    """The history, and the message that was sent now."""
    history = asked.get("chat_history")
    earlier = [_message_v1(one) for one in history] if isinstance(history, (list, tuple)) else []
    results = asked.get("tool_results")
    answered = [_result(one) for one in results] if isinstance(results, (list, tuple)) else []
    return [*earlier, _message_v1({"role": "USER", "message": asked.get("message")}), *answered]


def _message_v1(raw: Any) -> Message:
    role = member(raw, "role")
    text = member(raw, "message")
    parts = [{"type": "text", "content": text}] if text else []
    parts += [_called(call) for call in member(raw, "tool_calls") or ()]
    parts += [part for result in member(raw, "tool_results") or () for part in _result(result)["parts"]]
    return {"role": _ROLES.get(str(role), str(role)), "parts": parts}


def _called(call: Any) -> dict[str, Json]:
    arguments = loads(plain(member(call, "parameters")))
    return {"type": "tool_call", "id": None, "name": member(call, "name"), "arguments": arguments}


def _result(raw: Any) -> Message:
    name, outputs = at(raw, "call.name"), plain(member(raw, "outputs"))
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": None, "name": name, "response": outputs}]}


def messages_out_v1(response: Any) -> list[Message] | None:
    """The answer of chat: its text and the tools that it asks for."""
    said = {"role": "CHATBOT", "message": member(response, "text"), "tool_calls": member(response, "tool_calls")}
    return [_finished(_message_v1(said), response)]


def system_v1(asked: Any) -> list[Json] | None:
    """The preamble, as parts."""
    preamble = asked.get("preamble")
    return [{"type": "text", "content": preamble}] if isinstance(preamble, str) else None


def tools(asked: Any) -> Sequence[Json] | None:
    """Tool definitions of both: v1 has names and parameters of its own."""
    given = asked.get("tools")
    return [_tool(one) for one in given] if isinstance(given, (list, tuple)) else None


def _tool(raw: Any) -> dict[str, Json]:
    parameters = plain(member(raw, "parameter_definitions"))
    return tool(raw) if parameters is None else {**tool(raw), "parameters": parameters}


def generated(response: Any) -> list[Message] | None:
    """One message for each text of `generate`."""
    found = member(response, "generations")
    if not isinstance(found, list):
        return None
    return [
        _finished({"role": "assistant", "parts": [{"type": "text", "content": member(one, "text")}]}, one)
        for one in found
    ]


def fold_v1(state: Any, event: Any) -> Any:
    """Take an event of v1. The last one has the whole answer; until then there is the text so far."""
    kind = member(event, "event_type")
    if kind == "stream-end":
        return member(event, "response")
    if kind == "text-generation" and isinstance(state, dict):
        return {**state, "text": state["text"] + (member(event, "text") or "")}
    if kind == "stream-start":
        return {"generation_id": member(event, "generation_id"), "text": ""}
    return state


# --- both ------------------------------------------------------------------------------------------------------------


def texts(asked: Any) -> list[Message] | None:
    """What is to be embedded."""
    return inputs(asked.get("texts"))


def ranked(asked: Any) -> list[Message] | None:
    """The question of a rerank. Its documents are not kept."""
    return inputs(asked.get("query"))
