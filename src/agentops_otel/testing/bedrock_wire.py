"""The Bedrock wire, seen from the server: Converse and InvokeModel, plain and streamed in Amazon's binary event stream.

Sources: botocore 1.44, data/bedrock-runtime and eventstream.py (which reads the frames); the Bedrock user guide,
"Inference request parameters and response fields for foundation models".
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentops_otel.testing import anthropic_wire, openai_wire
from agentops_otel.testing.openai_wire import Endpoint, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure

Json = dict[str, Any]

# --- the frames ------------------------------------------------------------------------------------------------------


def framed(event: Event) -> bytes:
    """An event in `vnd.amazon.eventstream`: lengths, headers, payload and two checksums. "!name" is an error."""
    name = str(event.name)
    kind = "exception" if name.startswith("!") else "event"
    said = {f":{kind}-type": name.lstrip("!"), ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(_header(key, value) for key, value in said.items())
    payload = json.dumps(event.data).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(key: str, value: str) -> bytes:
    name, text = key.encode(), value.encode()
    return bytes([len(name)]) + name + b"\x07" + struct.pack("!H", len(text)) + text


_BROKE_DOWN = Event({"message": "The model broke down."}, "!modelStreamErrorException")
_ERRORS = {
    400: ("ValidationException", "The request is not valid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    404: ("ResourceNotFoundException", "The model does not exist."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error."),
}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error; the code stands in it as in the older of the two spellings that botocore reads."""
    code, message = _ERRORS.get(failure.status, _ERRORS[500])
    return {"__type": failure.code or code, "message": failure.message or message}


# --- converse --------------------------------------------------------------------------------------------------------

_FINISH = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens"}


def _read_converse(body: Json) -> Asked:
    messages = body.get("messages") or []
    tools = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools") or () if "toolSpec" in tool]
    return Asked(
        model=str(body.get("model", "")),
        stream=False,
        text=openai_wire.last_text(messages),
        prompt=[body.get("system"), messages],
        tools=[(tool["name"], tool["inputSchema"]["json"]) for tool in tools],
        tool_answered=any("toolResult" in block for message in messages for block in message["content"]),
    )


def _streamed(read: Callable[[Json], Asked]) -> Callable[[Json], Asked]:
    """The path says that a stream is asked for, not the body."""
    return lambda body: replace(read(body), stream=True)


def _usage(answer: Answer) -> Json:
    """Cached tokens stand beside `inputTokens`."""
    tokens = answer.tokens
    if tokens is None:
        return {}
    return {
        "usage": {
            "inputTokens": tokens.input - tokens.cached - tokens.written,
            "outputTokens": tokens.output,
            "totalTokens": tokens.input + tokens.output,
            "cacheReadInputTokens": tokens.cached,
            "cacheWriteInputTokens": tokens.written,
        }
    }


def _blocks(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.tokens is not None and answer.tokens.reasoning:
        thought = {"text": "Thinking offline.", "signature": "offline"}
        blocks.append({"reasoningContent": {"reasoningText": thought}})
    if answer.text or not answer.tools:
        blocks.append({"text": answer.text})
    for index, tool in enumerate(answer.tools):
        call = {"toolUseId": f"tooluse_{answer.id}_{index}", "name": tool.name, "input": dict(tool.arguments)}
        blocks.append({"toolUse": call})
    return blocks


def _converse(body: Json, answer: Answer) -> Json:
    return {
        "output": {"message": {"role": "assistant", "content": _blocks(answer)}},
        "stopReason": _FINISH.get(answer.finish, answer.finish),
        **_usage(answer),
        "metrics": {"latencyMs": 1},
    }


def _converse_events(body: Json, answer: Answer) -> Iterator[Event]:
    yield Event({"role": "assistant"}, "messageStart")
    for index, block in enumerate(_blocks(answer)):
        if "toolUse" in block:
            call = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            yield Event({"start": {"toolUse": call}, "contentBlockIndex": index}, "contentBlockStart")
        for delta in _deltas(block):
            yield Event({"delta": delta, "contentBlockIndex": index}, "contentBlockDelta")
        yield Event({"contentBlockIndex": index}, "contentBlockStop")
    yield Event({"stopReason": _FINISH.get(answer.finish, answer.finish)}, "messageStop")
    yield Event({**_usage(answer), "metrics": {"latencyMs": 1}}, "metadata")


def _deltas(block: Json) -> list[Json]:
    if "text" in block:
        return [{"text": piece} for piece in pieces(block["text"])]
    if "toolUse" in block:
        text = json.dumps(block["toolUse"]["input"])
        return [{"toolUse": {"input": text[start : start + 8]}} for start in range(0, len(text), 8)]
    thought = block["reasoningContent"]["reasoningText"]
    deltas: list[Json] = [{"reasoningContent": {"text": piece}} for piece in pieces(thought["text"])]
    return [*deltas, {"reasoningContent": {"signature": thought["signature"]}}]


# --- invoke: a wire for each family ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """How a family of models is answered; `events` are payloads, which the stream carries as base64."""

    plain: Callable[[Json, Answer], Json]
    events: Callable[[Json, Answer], Iterator[Json]]


def _prompt_of(body: Json) -> Any:
    given = next((body[name] for name in ("messages", "message", "prompt", "inputText", "texts") if name in body), None)
    return [body.get("system"), given]


def _read_invoke(body: Json) -> Asked:
    if "anthropic_version" in body:
        return anthropic_wire.ENDPOINTS["/v1/messages"].read(body)
    text = next((body[name] for name in ("message", "prompt", "inputText") if isinstance(body.get(name), str)), "")
    tools = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
    tools += [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools") or () if "toolSpec" in tool]
    return Asked(
        model=str(body.get("model", "")),
        stream=False,
        text=openai_wire.last_text(body.get("messages"), text),
        prompt=_prompt_of(body),
        tools=[(tool["name"], tool.get("parameters") or tool["inputSchema"]["json"]) for tool in tools],
    )


def _datas(events: Callable[[Json, Answer], Iterator[Event]]) -> Callable[[Json, Answer], Iterator[Json]]:
    return lambda body, answer: (event.data for event in events(body, answer))


def _named(events: Callable[[Json, Answer], Iterator[Event]]) -> Callable[[Json, Answer], Iterator[Json]]:
    return lambda body, answer: ({str(event.name): event.data} for event in events(body, answer))


def _counts(answer: Answer) -> tuple[int | None, int | None]:
    return (None, None) if answer.tokens is None else (answer.tokens.input, answer.tokens.output)


def _titan(body: Json, answer: Answer) -> Json:
    given, made = _counts(answer)
    result = {"tokenCount": made, "outputText": answer.text, "completionReason": "FINISH"}
    return {"inputTextTokenCount": given, "results": [result]}


def _titan_events(body: Json, answer: Answer) -> Iterator[Json]:
    given, made = _counts(answer)
    blank = {"completionReason": None, "inputTextTokenCount": given, "totalOutputTextTokenCount": None}
    for piece in pieces(answer.text):
        yield {"outputText": piece, "index": 0, **blank}
    yield {"outputText": "", "index": 0, **blank, "completionReason": "FINISH", "totalOutputTextTokenCount": made}


def _llama(body: Json, answer: Answer) -> Json:
    given, made = _counts(answer)
    counts = {"prompt_token_count": given, "generation_token_count": made}
    return {"generation": answer.text, **counts, "stop_reason": answer.finish}


def _llama_events(body: Json, answer: Answer) -> Iterator[Json]:
    given, made = _counts(answer)
    for index, piece in enumerate(pieces(answer.text)):
        counts = {"prompt_token_count": None if index else given, "generation_token_count": index + 1}
        yield {"generation": piece, **counts, "stop_reason": None}
    counts = {"prompt_token_count": None, "generation_token_count": made}
    yield {"generation": "", **counts, "stop_reason": answer.finish}


def _mistral(body: Json, answer: Answer) -> Json:
    return {"outputs": [{"text": answer.text, "stop_reason": answer.finish}]}


def _mistral_events(body: Json, answer: Answer) -> Iterator[Json]:
    for piece in pieces(answer.text):
        yield {"outputs": [{"text": piece, "stop_reason": None}]}
    yield {"outputs": [{"text": "", "stop_reason": answer.finish}]}


def _cohere(body: Json, answer: Answer) -> Json:
    history = [{"role": "USER", "message": body.get("message")}, {"role": "CHATBOT", "message": answer.text}]
    said = {"response_id": answer.id, "generation_id": answer.id, "chat_history": history}
    return {**said, "text": answer.text, "finish_reason": "COMPLETE"}


def _cohere_events(body: Json, answer: Answer) -> Iterator[Json]:
    for piece in pieces(answer.text):
        yield {"event_type": "text-generation", "is_finished": False, "text": piece}
    whole = _cohere(body, answer)
    yield {"event_type": "stream-end", "is_finished": True, "response": whole, "finish_reason": "COMPLETE"}


def _deepseek(body: Json, answer: Answer) -> Json:
    return {"choices": [{"text": answer.text, "stop_reason": answer.finish}]}


def _deepseek_events(body: Json, answer: Answer) -> Iterator[Json]:
    for piece in pieces(answer.text):
        yield {"choices": [{"text": piece, "stop_reason": None}]}
    yield {"choices": [{"text": "", "stop_reason": answer.finish}]}


def _embedded(body: Json, answer: Answer) -> Json:
    if "inputText" in body:
        return {"embedding": [0.25, -0.5], "inputTextTokenCount": _counts(answer)[0]}
    return {"id": answer.id, "response_type": "embeddings_floats", "embeddings": [[0.25, -0.5] for _ in body["texts"]]}


def _no_events(body: Json, answer: Answer) -> Iterator[Json]:
    return iter(())


_ANTHROPIC = anthropic_wire.ENDPOINTS["/v1/messages"]
_OPENAI = openai_wire.ENDPOINTS["/v1/chat/completions"]
_CHAT = _Family(_OPENAI.plain, _datas(_OPENAI.events))

_FAMILIES = {
    "embed": _Family(_embedded, _no_events),
    "anthropic.": _Family(_ANTHROPIC.plain, _datas(_ANTHROPIC.events)),
    "amazon.nova": _Family(_converse, _named(_converse_events)),
    "amazon.titan": _Family(_titan, _titan_events),
    "meta.llama": _Family(_llama, _llama_events),
    "mistral.": _Family(_mistral, _mistral_events),
    "cohere.": _Family(_cohere, _cohere_events),
    "deepseek.": _Family(_deepseek, _deepseek_events),
    "ai21.": _CHAT,
    "openai.": _CHAT,
}


def _family(body: Json) -> _Family:
    model = str(body.get("model"))
    return next((family for sign, family in _FAMILIES.items() if sign in model), _CHAT)


def _invoke_events(body: Json, answer: Answer) -> Iterator[Event]:
    payloads = list(_family(body).events(body, answer))
    if answer.tokens is not None and payloads:
        metrics = {"inputTokenCount": answer.tokens.input, "outputTokenCount": answer.tokens.output}
        payloads[-1] = {**payloads[-1], "amazon-bedrock-invocationMetrics": {**metrics, "invocationLatency": 1}}
    for payload in payloads:
        yield Event({"bytes": base64.b64encode(json.dumps(payload).encode()).decode()}, "chunk")


def _counted(answer: Answer) -> Mapping[str, str]:
    given, made = _counts(answer)
    if given is None:
        return {}
    counts = {"input": given, "output": made}
    return {f"x-amzn-bedrock-{side}-token-count": str(count) for side, count in counts.items()}


_EVENT_STREAM: dict[str, Any] = {"framed": framed, "content_type": "application/vnd.amazon.eventstream"}


def _endpoint(read: Callable[[Json], Asked], plain: Any, events: Any, **more: Any) -> Endpoint:
    return Endpoint(read, plain, events, _BROKE_DOWN, error=error_body, **more)


def _invoke(body: Json, answer: Answer) -> Json:
    return _family(body).plain(body, answer)


ENDPOINTS: dict[str, Endpoint] = {
    "/model/{model}/converse": _endpoint(_read_converse, _converse, _converse_events),
    "/model/{model}/converse-stream": _endpoint(
        _streamed(_read_converse), _converse, _converse_events, **_EVENT_STREAM
    ),
    "/model/{model}/invoke": _endpoint(_read_invoke, _invoke, _invoke_events, headers=_counted),
    "/model/{model}/invoke-with-response-stream": _endpoint(
        _streamed(_read_invoke), _invoke, _invoke_events, **_EVENT_STREAM
    ),
}
"""What is served, by path."""
