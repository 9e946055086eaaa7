"""Messages of any vocabulary and provider in the one shape of `records.Message`.

What is not recognised is kept as it came. Sources: the GenAI conventions (parts), and the request and response bodies
of OpenAI, Anthropic, Google and Bedrock, LangChain's and Haystack's serialised messages, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentops_otel.conventions.wire import parsed
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue

Part = dict[str, Json]

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "thinking": "assistant",
    "function": "tool",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "ChatMessage": "assistant",
}
_CHAT_TYPES = frozenset({"human", "ai", "system", "tool", "AIMessageChunk"})
_LISTS = ("messages", "input", "inputs", "contents", "prompt", "query", "texts")
"""Where request bodies keep what the model was given."""


# --- whole prompts and completions -----------------------------------------------------------------------------------


def messages(value: AnyValue, role: str) -> list[Message] | Json:
    """Messages from JSON text or a structure; `role` is for those that name none. Other values stay what they are."""
    found = parsed(value)
    if type(found) is dict:
        found = [found]
    if type(found) is not list or not found:
        return None if found == [] or found == "" else found
    return _joined([one if _is_message(one) else message(one, role) for one in found])


def _is_message(one: Json) -> bool:
    """Whether it is what `message` would make of it; cheap, so it knows messages of text only."""
    if type(one) is not dict:
        return False
    parts, role = one.get("parts"), one.get("role")
    if type(parts) is not list or type(role) is not str or role in _ROLES:
        return False
    if len(one) != 2 and not (len(one) == 3 and one.get("finish_reason")):
        return False
    return all(type(part) is dict and part.get("type") == "text" and "content" in part for part in parts)


def prompt_of(value: AnyValue) -> list[Message] | Json:
    """What a model was given, from messages or from the whole request body."""
    body = parsed(value)
    if type(body) is not dict or "role" in body:
        return messages(body, "user")
    given = next((body[name] for name in _LISTS if name in body), None)
    if given is None:
        return body or None
    if type(given) is str:
        given = [{"role": "user", "content": given}]
    if type(given) is list and len(given) == 1 and type(given[0]) is list:
        given = given[0]
    system = body.get("system") or body.get("instructions") or _google_system(body.get("config"))
    found = messages(given, "user")
    if system and type(found) is list:
        first = system_message(system)
        return [first, *found] if first is not None else found
    return found


def _google_system(config: Json) -> Json:
    instruction = config.get("system_instruction") if type(config) is dict else None
    return instruction.get("parts") if type(instruction) is dict else instruction


def completion_of(value: AnyValue) -> list[Message] | Json:
    """What a model answered, from messages or from the whole response body."""
    body = parsed(value)
    if type(body) is not dict or ("role" in body and "content" not in body):
        return messages(body, "assistant")
    for name, read in _ANSWERS.items():
        if type(body.get(name)) is list and body[name]:
            return read(body[name])
    if type(body.get("message")) is dict:
        return [message(body["message"], "assistant")]
    if type(body.get("type")) is str and body["type"] in _ITEMS:
        return [message(body, "assistant")]
    if "content" in body or "kwargs" in body or "data" in body:
        return [_with_reason(message(body, "assistant"), body.get("stop_reason"))]
    return body or None


def _choices(choices: list[Json]) -> list[Message]:
    return [_choice(one) for one in choices]


def _choice(choice: Json) -> Message:
    if type(choice) is not dict:
        return message(choice, "assistant")
    said = choice.get("message") or choice.get("delta") or choice.get("text") or choice
    return _with_reason(message(said, "assistant"), choice.get("finish_reason"))


def _candidates(candidates: list[Json]) -> list[Message]:
    out = []
    for one in candidates:
        content = one.get("content") if type(one) is dict else one
        reason = (one.get("finishReason") or one.get("finish_reason")) if type(one) is dict else None
        out.append(_with_reason(message(content or {}, "assistant"), reason))
    return out


def _generations(generations: list[Json]) -> list[Message]:
    flat = [one for batch in generations for one in (batch if type(batch) is list else [batch])]
    return [message(one.get("message") or one.get("text"), "assistant") for one in flat if type(one) is dict]


def _answered(items: list[Json]) -> Any:
    return messages(items, "assistant")


_ANSWERS: dict[str, Callable[[list[Json]], Any]] = {
    "choices": _choices,
    "candidates": _candidates,
    "generations": _generations,
    "replies": _answered,
    "output": _answered,
    "messages": _answered,
}
"""Where response bodies keep the answer, and how it is read."""


def _with_reason(said: Message, reason: Json) -> Message:
    if type(reason) is str and reason:
        said["finish_reason"] = reason
    return said


# --- one message -----------------------------------------------------------------------------------------------------


def message(value: Json, role: str) -> Message:
    """One message, from the shape with parts, from a flat one with `content`, or from an item of the Responses API."""
    if type(value) is not dict:
        return {"role": role, "parts": contents(value)}
    parts = value.get("parts")
    who = value.get("role")
    if type(parts) is list and type(who) is str:
        return _named({"role": _ROLES.get(who, who), "parts": [part(one) for one in parts]}, value)
    value = _unwrapped(value)
    kind = value.get("type")
    if "role" not in value and type(kind) is str and kind in _ITEMS:
        return {"role": "tool" if kind == "function_call_output" else "assistant", "parts": [part(value)]}
    named = value.get("role") or (kind if type(kind) is str and kind in _CHAT_TYPES else role)
    who = str(named)
    return _named({"role": _ROLES.get(who, who), "parts": _flat_parts(value)}, value)


_ITEMS = frozenset({"function_call", "function_call_output", "reasoning", "tool_use", "thinking", "text", "tool_call"})


def _joined(found: list[Message]) -> list[Message]:
    """The messages, with an answer that came in several items (reasoning, then text, then calls) in one."""
    if len(found) == 1:
        return found
    out: list[Message] = []
    for one in found:
        if out and len(one) == len(out[-1]) == 2 and one["role"] == out[-1]["role"] == "assistant":
            out[-1]["parts"] = [*out[-1]["parts"], *one["parts"]]
        else:
            out.append(one)
    return out


def _unwrapped(value: dict[str, Json]) -> dict[str, Json]:
    """LangChain wraps a message: `{"lc": 1, "id": [..., "AIMessage"], "kwargs": {}}`, `{"type": "ai", "data": {}}`."""
    kwargs, data = value.get("kwargs"), value.get("data")
    if type(kwargs) is dict and type(value.get("id")) is list and value["id"]:
        return {**kwargs, "role": value["id"][-1]}
    if type(data) is dict and type(value.get("type")) is str:
        return {**data, "role": value["type"]}
    if type(value.get("message")) is dict and "content" not in value:
        return value["message"]  # type: ignore[no-any-return]
    return value


def _named(said: Message, value: dict[str, Json]) -> Message:
    if value.get("name") and type(value["name"]) is str:
        said["name"] = value["name"]
    reason = value.get("finish_reason") or _reason_beside(value)
    if reason:
        said["finish_reason"] = reason
    return said


def _reason_beside(value: dict[str, Json]) -> str | None:
    """Haystack and LangChain keep the reason in what the provider said beside the message."""
    for meta in (value.get("meta"), value.get("response_metadata")):
        if type(meta) is dict:
            return next((meta[name] for name in _REASONS if type(meta.get(name)) is str and meta[name]), None)
    return None


_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason", "finishReason")


def _flat_parts(value: dict[str, Json]) -> list[Part]:
    answered = value.get("tool_call_id")
    if answered and value.get("role") != "assistant":
        return [{"type": "tool_call_response", "id": answered, "response": parsed(value.get("content"))}]
    parts = value.get("parts")
    out = [part(one) for one in parts] if type(parts) is list else []
    if value.get("reasoning_content"):
        out.append({"type": "reasoning", "content": value["reasoning_content"]})
    out += contents(value.get("content"))
    if type(value.get("refusal")) is str and value["refusal"]:
        out.append({"type": "refusal", "content": value["refusal"]})
    asked = [one.get("id") for one in out if one.get("type") == "tool_call"]
    calls = value.get("tool_calls")
    for one in calls if type(calls) is list else ():
        call = tool_call(one)
        if call["id"] is None or call["id"] not in asked:
            out.append(call)
    return out


def system_message(value: AnyValue) -> Message | None:
    """System instructions, a list of parts or a text, as the message they stand for."""
    parts = contents(parsed(value))
    return {"role": "system", "parts": parts} if parts else None


def contents(content: Json) -> list[Part]:
    """The parts of a content: none, one, or a list."""
    if content is None or content == "":
        return []
    if type(content) is list:
        return [part(one) for one in content]
    if type(content) is str and content[:2] in ("[{", '{"') and ('"type"' in content or '"tool' in content):
        inner = parsed(content)
        if type(inner) is list and all(type(one) is dict and _known(one) for one in inner):
            return [part(one) for one in inner]
    return [part(content)]


# --- one part --------------------------------------------------------------------------------------------------------


def part(value: Json) -> Part:
    """One part. Arguments of tool calls that came as JSON text become the object they stand for."""
    if type(value) is not dict:
        return {"type": "text", "content": value}
    kind = value.get("type")
    if type(kind) is str and kind in _BY_TYPE:
        return _BY_TYPE[kind](value)
    if kind is None:
        for name, read in _BY_MEMBER.items():
            if name in value:
                return read(value)
    return value


def _known(value: dict[str, Json]) -> bool:
    return value.get("type") in _BY_TYPE or ("type" not in value and any(name in value for name in _BY_MEMBER))


def _text(value: Part) -> Part:
    if "content" in value:
        return value
    said = value.get("text")
    return {"type": "text", "content": said.get("value") if type(said) is dict else said}


def _genai_call(value: Part) -> Part:
    return {**value, "arguments": parsed(value["arguments"])} if type(value.get("arguments")) is str else value


def _genai_response(value: Part) -> Part:
    if "response" in value or "result" not in value:
        return value
    return {("response" if key == "result" else key): item for key, item in value.items()}


def _reasoning(value: Part) -> Part:
    if "content" in value and type(value["content"]) is str:
        return value
    said = value.get("thinking") or value.get("text") or value.get("reasoning") or value.get("summary")
    if type(said) is list:
        said = "\n".join(str(one.get("text", "")) if type(one) is dict else str(one) for one in said)
    return {"type": "reasoning", "content": said or ""}


def tool_call(value: Json) -> Part:
    """A call that a model asked for, however it is spelt."""
    if type(value) is not dict:
        return {"type": "tool_call", "id": None, "name": None, "arguments": value}
    inner = value.get("function") or value.get("tool_call") or value
    source = inner if type(inner) is dict else value
    arguments = next((source[name] for name in ("arguments", "args", "input", "parameters") if name in source), None)
    return {
        "type": "tool_call",
        "id": value.get("call_id") or value.get("id") or value.get("toolUseId") or source.get("id"),
        "name": source.get("name") or source.get("tool_name") or source.get("toolName"),
        "arguments": parsed(arguments),
    }


def _tool_result(value: Part) -> Part:
    answered = next(
        (value[name] for name in ("tool_use_id", "call_id", "toolCallId", "toolUseId", "id") if value.get(name)), None
    )
    said = next((value[name] for name in ("content", "output", "result", "response") if name in value), None)
    return {"type": "tool_call_response", "id": answered, "response": parsed(said)}


def _image_url(value: Part) -> Part:
    url = value.get("image_url")
    if type(url) is dict:
        url = url.get("url")
    if value.get("file_id"):
        return {"type": "file", "file_id": value["file_id"], "modality": "image"}
    return _reference(url, "image")


def _reference(url: Json, modality: str) -> Part:
    """A URL, or the content of a `data:` one."""
    if type(url) is str and url.startswith("data:") and "," in url:
        head, _, data = url.partition(",")
        return {"type": "blob", "mime_type": head[5:].partition(";")[0], "modality": modality, "content": data}
    return {"type": "uri", "uri": url, "modality": modality}


def _source(value: Part) -> Part:
    """Anthropic's images and documents."""
    source = value.get("source")
    modality = "image" if value.get("type") == "image" else "document"
    if type(source) is not dict:
        return value
    if source.get("type") == "base64":
        mime_type, data = source.get("media_type"), source.get("data")
        return {"type": "blob", "mime_type": mime_type, "modality": modality, "content": data}
    if source.get("file_id"):
        return {"type": "file", "file_id": source["file_id"], "modality": modality}
    return _reference(source.get("url"), modality) if source.get("url") else value


def _input_audio(value: Part) -> Part:
    audio = value.get("input_audio")
    if type(audio) is not dict:
        return value
    mime_type = f"audio/{audio.get('format') or 'wav'}"
    return {"type": "blob", "mime_type": mime_type, "modality": "audio", "content": audio.get("data")}


def _file(value: Part) -> Part:
    inner = value.get("file")
    file = inner if type(inner) is dict else value
    if file.get("file_id"):
        return {"type": "file", "file_id": file["file_id"]}
    return _reference(file["file_data"], "document") if type(file.get("file_data")) is str else value


def _refusal(value: Part) -> Part:
    return {"type": "refusal", "content": value.get("refusal") or value.get("content")}


_BY_TYPE: dict[str, Callable[[Part], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _text,
    "tool_call": lambda value: tool_call(value) if "function" in value or "args" in value else _genai_call(value),
    "tool_call_response": _genai_response,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "tool_use": tool_call,
    "function_call": tool_call,
    "function": tool_call,
    "tool-call": lambda value: tool_call({**value, "id": value.get("toolCallId")}),
    "tool_result": _tool_result,
    "tool-result": _tool_result,
    "function_call_output": _tool_result,
    "image_url": _image_url,
    "input_image": _image_url,
    "image": _source,
    "document": _source,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _file,
    "refusal": _refusal,
}


def _member_text(value: Part) -> Part:
    if value.get("thought") is True:
        return {"type": "reasoning", "content": value.get("text")}
    return {"type": "text", "content": value.get("text")}


def _inner(value: Part, *names: str) -> dict[str, Json]:
    """The object under the first of these members that is one."""
    return next((value[name] for name in names if type(value.get(name)) is dict), {})


def _google_response(value: Part) -> Part:
    inner = _inner(value, "functionResponse", "function_response")
    return {"type": "tool_call_response", "id": inner.get("id") or inner.get("name"), "response": inner.get("response")}


def _google_blob(value: Part) -> Part:
    inner = _inner(value, "inlineData", "inline_data")
    return {"type": "blob", **_mime_type(inner), "content": inner.get("data")}


def _google_uri(value: Part) -> Part:
    inner = _inner(value, "fileData", "file_data")
    return {"type": "uri", **_mime_type(inner), "uri": inner.get("fileUri") or inner.get("file_uri")}


def _mime_type(inner: dict[str, Json]) -> Part:
    mime_type = inner.get("mimeType") or inner.get("mime_type")
    return {"mime_type": mime_type, "modality": mime_type.split("/")[0] if type(mime_type) is str else None}


def _haystack_result(value: Part) -> Part:
    inner = _inner(value, "tool_call_result")
    return {"type": "tool_call_response", "id": _inner(inner, "origin").get("id"), "response": inner.get("result")}


_BY_MEMBER: dict[str, Callable[[Part], Part]] = {
    "text": _member_text,
    "functionCall": lambda value: tool_call(value["functionCall"]),
    "function_call": lambda value: tool_call(value["function_call"]),
    "functionResponse": _google_response,
    "function_response": _google_response,
    "inlineData": _google_blob,
    "inline_data": _google_blob,
    "fileData": _google_uri,
    "file_data": _google_uri,
    "toolUse": lambda value: tool_call(value["toolUse"]),
    "toolResult": lambda value: _tool_result(value["toolResult"]) if type(value["toolResult"]) is dict else value,
    "tool_call_result": _haystack_result,
    "tool_call": tool_call,
    "reasoningContent": lambda value: {"type": "reasoning", "content": _bedrock_reasoning(value["reasoningContent"])},
}


def _bedrock_reasoning(value: Json) -> Json:
    return _inner(value, "reasoningText").get("text") if type(value) is dict else value
