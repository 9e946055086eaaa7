"""The bodies of Bedrock's InvokeModel: every family of models has a wire of its own, told by the keys of the body.

Sources: the Bedrock user guide, "Inference request parameters and response fields for foundation models" (Anthropic,
Nova, Titan, Llama, Mistral, Cohere, AI21, DeepSeek, OpenAI); botocore 1.44, bedrock-runtime.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from agentops_otel.conventions.usage import ANTHROPIC, BEDROCK_CONVERSE, BEDROCK_INVOKE, EMBEDDINGS, OPENAI_CHAT
from agentops_otel.instruments.shapes import anthropic_messages, bedrock_converse, openai_chat
from agentops_otel.instruments.spec import first_of
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message, Usage


class Document:
    """JSON that is parsed when somebody looks; what is no JSON object has no members."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @functools.cached_property
    def value(self) -> dict[str, Any]:
        """The object."""
        try:
            found = json.loads(self._raw)
        except (TypeError, ValueError):  # bytes that are no JSON, or a file that belongs to the client
            return {}
        return found if isinstance(found, dict) else {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.value.get(name)


# --- requests --------------------------------------------------------------------------------------------------------


def messages_in(asked: Any) -> list[Message] | None:
    """Messages, or the one text of the families that take a prompt."""
    body = asked["body"].value
    if "messages" in body:
        found: list[Message] | None = _wire_of_request(body).messages_in(body)
        return found
    if isinstance(body.get("message"), str):
        return [*_cohere_history(body), _said(body["message"])]
    given = next((body[name] for name in ("prompt", "inputText", "texts", "query") if body.get(name)), None)
    return openai_chat.inputs(given)


def _cohere_history(body: dict[str, Any]) -> list[Message]:
    return [
        {
            "role": {"CHATBOT": "assistant", "SYSTEM": "system"}.get(str(at(one, "role")), "user"),
            "parts": [{"type": "text", "content": at(one, "message")}],
        }
        for one in body.get("chat_history") or ()
    ]


def _said(text: str) -> Message:
    return {"role": "user", "parts": [{"type": "text", "content": text}]}


def _wire_of_request(body: dict[str, Any]) -> Any:
    """Whose messages they are: Anthropic's and Nova's name their version, the others speak as OpenAI."""
    if "anthropic_version" in body:
        return anthropic_messages
    if "inferenceConfig" in body or "schemaVersion" in body or _has_untyped_parts(body):
        return bedrock_converse
    return openai_chat


def _has_untyped_parts(body: dict[str, Any]) -> bool:
    part = at(body, "messages.0.content.0")
    return isinstance(part, dict) and "type" not in part


def system(asked: Any) -> list[Json] | None:
    """The system prompt of the families that keep it apart."""
    body = asked["body"].value
    return anthropic_messages.system(body) if isinstance(body.get("system"), str) else bedrock_converse.system(body)


def tools(asked: Any) -> Sequence[Json] | None:
    """Tool definitions."""
    body = asked["body"].value
    return bedrock_converse.tools(body) if "toolConfig" in body else _wire_of_request(body).tools(body)


# --- responses -------------------------------------------------------------------------------------------------------


def messages_out(response: Any) -> list[Message] | None:
    """The answer of whichever family."""
    body = at(response, "body")
    if member(body, "content") is not None:
        return anthropic_messages.messages_out(body)
    if member(body, "output") is not None:
        return bedrock_converse.messages_out(body)
    if at(body, "choices.0.message") is not None:
        return openai_chat.messages_out(body)
    return [_answered(text, finish) for text, finish in _completions(body)] or None


def _answered(text: Any, finish: Any) -> Message:
    message: Message = {"role": "assistant", "parts": [{"type": "text", "content": text}]}
    return {**message, "finish_reason": finish} if finish else message


def _completions(body: Any) -> list[tuple[Any, Any]]:
    """Text and finish reason of each completion, of the families without messages."""
    for many, text, finish in _COMPLETIONS:
        found = at(body, many) if many else [body]
        if isinstance(found, list) and found and at(found[0], text) is not None:
            return [(at(one, text), at(one, finish)) for one in found]
    return []


_COMPLETIONS = (
    ("results", "outputText", "completionReason"),  # Titan
    ("", "generation", "stop_reason"),  # Llama
    ("outputs", "text", "stop_reason"),  # Mistral
    ("generations", "text", "finish_reason"),  # Cohere Command
    ("completions", "data.text", "finishReason.reason"),  # AI21 Jurassic
    ("choices", "text", "stop_reason"),  # DeepSeek
    ("", "completion", "stop_reason"),  # Claude 2
    ("", "text", "finish_reason"),  # Cohere Command R
)


def finish_reasons(response: Any) -> list[str] | None:
    """Why the model stopped, once for each completion."""
    body = at(response, "body")
    stopped = member(body, "stopReason") or (member(body, "stop_reason") if member(body, "content") else None)
    found = [stopped] if stopped else _choice_reasons(body) or [finish for _, finish in _completions(body)]
    return [one for one in found if isinstance(one, str)] or None


def _choice_reasons(body: Any) -> list[Any]:
    choices = member(body, "choices")
    return [found for one in choices if (found := member(one, "finish_reason"))] if isinstance(choices, list) else []


def usage(response: Any) -> Usage:
    """Tokens as the body counts them; where it does not, as Bedrock counts them in its headers or its last chunk."""
    body = at(response, "body")
    found = member(body, "usage")
    for sign, shape in (("input_tokens", ANTHROPIC), ("prompt_tokens", OPENAI_CHAT), ("inputTokens", BEDROCK_CONVERSE)):
        if at(found, sign) is not None:
            return shape.count(found).usage
    for counts in (body, member(body, _METRICS)):
        counted = BEDROCK_INVOKE.count(counts).usage
        if counted != Usage():
            return counted
    headers = at(response, "ResponseMetadata.HTTPHeaders")
    return BEDROCK_INVOKE.count({name: at(headers, header) for name, header in _HEADERS.items()}).usage


def embedding_usage(response: Any) -> Usage:
    """All of it is input."""
    return EMBEDDINGS.count({"input_tokens": usage(response).input}).usage


_METRICS = "amazon-bedrock-invocationMetrics"
_HEADERS = {
    "inputTokenCount": "x-amzn-bedrock-input-token-count",
    "outputTokenCount": "x-amzn-bedrock-output-token-count",
}

# --- streams ---------------------------------------------------------------------------------------------------------


class Folded:
    """The chunks of a stream, kept as they came; what they make together is worked out when somebody reads it."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Take a chunk."""
        self._chunks.append(chunk)

    def __getattr__(self, name: str) -> Any:
        """A member of the whole."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._metrics if name == _METRICS else member(self._whole, name)

    @functools.cached_property
    def _events(self) -> list[_Event]:
        return [event for chunk in self._chunks for event in _parsed(chunk)]

    @functools.cached_property
    def _metrics(self) -> Any:
        return next((event[_METRICS] for event in reversed(self._events) if _METRICS in event), None)

    @functools.cached_property
    def _whole(self) -> Any:
        for is_of, fold in _FOLDS:
            found = [event for event in self._events if is_of(event)]
            if found:
                return functools.reduce(fold, found, None)
        return _joined(self._events)


class _Event(dict[str, Any]):
    """A mapping whose keys are attributes, too, as those of the clients' own events are."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def _parsed(chunk: bytes) -> list[_Event]:
    try:
        event = json.loads(chunk, object_hook=_Event)
    except ValueError:
        return []
    return [event] if isinstance(event, _Event) else []


_CONVERSE_EVENTS = {"messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata"}
_FOLDS: tuple[tuple[Callable[[_Event], bool], Callable[[Any, Any], Any]], ...] = (
    (lambda event: str(event.type).startswith(("message_", "content_block_")), anthropic_messages.fold),
    (lambda event: not _CONVERSE_EVENTS.isdisjoint(event), bedrock_converse.fold),
    (lambda event: at(event, "choices.0.delta") is not None or at(event, "usage") is not None, openai_chat.fold),
)
"""Which events a family streams, and how they are made into a whole response."""


def _joined(events: list[_Event]) -> dict[str, Any]:
    """The families that stream texts: the pieces joined, with the counts and the reason of the last that has them."""
    text: list[str] = []
    last: dict[str, Any] = {}
    for event in events:
        text.extend(str(piece) for piece, _ in _completions(_as_results(event)))
        for name, read in _LAST.items():
            last[name] = read(event) or last.get(name)
    return {**last, "generations": [{"text": "".join(text), "finish_reason": last.get("finish_reason")}]}


def _as_results(event: _Event) -> dict[str, Any]:
    """Titan streams the members of a result without the result around them."""
    return {"results": [event]} if "outputText" in event else event


_LAST = {
    "prompt_token_count": first_of("prompt_token_count", "inputTextTokenCount"),
    "generation_token_count": first_of("generation_token_count", "totalOutputTextTokenCount"),
    "finish_reason": first_of(
        "finish_reason", "stop_reason", "completionReason", "outputs.0.stop_reason", "choices.0.stop_reason"
    ),
}


def fold(state: Folded | None, event: Any) -> Folded:
    """Take an event of a response stream."""
    state = state or Folded()
    chunk = at(event, "chunk.bytes")
    if chunk is not None:
        state.add(chunk)
    return state
