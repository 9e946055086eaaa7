"""A `Call` as attributes of a span, in the current GenAI conventions.

Input tokens include cached ones and output tokens include reasoning. What is unknown has no attribute.
Source: opentelemetry-util-genai 1.3b0; semantic conventions, docs/gen-ai, and general: exceptions, server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from agentops_otel.calls import Call
from agentops_otel.conventions import genai
from agentops_otel.conventions.agentops import USAGE_ESTIMATED
from agentops_otel.records import Usage
from agentops_otel.values import dumps

Attributes = dict[str, Any]

_FIELDS = {
    "operation": genai.OPERATION,
    "provider": genai.PROVIDER,
    "request_model": genai.REQUEST_MODEL,
    "response_model": genai.RESPONSE_MODEL,
    "response_id": genai.RESPONSE_ID,
    "api": "openai.api.type",
    "output_type": genai.OUTPUT_TYPE,
    "time_to_first_chunk_s": genai.TIME_TO_FIRST_CHUNK,
    "server_address": "server.address",
    "server_port": "server.port",
}
"""Fields of a Call that are written as they are."""
_fields_of = attrgetter(*_FIELDS)


def _texts(value: Any) -> list[str] | None:
    """A text or several, as a list of texts."""
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, Sequence) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_PARAMS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "temperature": ("gen_ai.request.temperature", _number),
    "top_p": ("gen_ai.request.top_p", _number),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", _number),
    "presence_penalty": ("gen_ai.request.presence_penalty", _number),
    "top_k": ("gen_ai.request.top_k", _whole),
    "max_tokens": ("gen_ai.request.max_tokens", _whole),
    "seed": ("gen_ai.request.seed", _whole),
    "choices": ("gen_ai.request.choice.count", _whole),
    "stop_sequences": ("gen_ai.request.stop_sequences", _texts),
    "reasoning_level": ("gen_ai.request.reasoning.level", _text),
    "previous_response_id": ("gen_ai.request.previous_response.id", _text),
    "encoding_formats": ("gen_ai.request.encoding_formats", _texts),
    "dimensions": ("gen_ai.embeddings.dimension.count", _whole),
    "service_tier": ("openai.request.service_tier", _text),
}
_TEXT_PARAMS = frozenset({"stop_sequences"})
"""Parameters that are texts of the caller's own."""

_FACTS = {
    "service_tier": "openai.response.service_tier",
    "system_fingerprint": "openai.response.system_fingerprint",
}
_USAGE = {
    "prompt_tokens": genai.INPUT_TOKENS,
    "completion_tokens": genai.OUTPUT_TOKENS,
    "cache_write_1h": "agentops.usage.cache_write_1h.input_tokens",
    "cache_read": genai.CACHE_READ_TOKENS,
    "reasoning": genai.REASONING_TOKENS,
    "audio_in": genai.AUDIO_INPUT_TOKENS,
    "audio_out": genai.AUDIO_OUTPUT_TOKENS,
    "image": genai.IMAGE_INPUT_TOKENS,
    "image_out": genai.IMAGE_OUTPUT_TOKENS,
}
_TOTALS = (genai.INPUT_TOKENS, genai.OUTPUT_TOKENS)
_usage_of = attrgetter(*_USAGE)


def span_name(operation: str, model: object) -> str:
    """`chat gpt-4o`, or the operation alone where no model was asked for."""
    return f"{operation} {model}" if isinstance(model, str) and model else operation


def opening(operation: str) -> Attributes:
    """What is known before the call is made."""
    return {genai.OPERATION: operation}


def attributes(call: Call, *, capture: bool, keep: Callable[[Any], Any] = lambda value: value) -> Attributes:
    """The attributes of a call. Without `capture` none of them holds text of a prompt, an answer or a tool; with it,
    `keep` says what is kept of each value."""
    out: Attributes = {
        key: value for key, value in zip(_FIELDS.values(), _fields_of(call), strict=True) if value is not None
    }
    if call.stream:
        out["gen_ai.request.stream"] = True
    for name, value in call.params.items():
        key, kind = _PARAMS[name]
        written = kind(value)
        if name in _TEXT_PARAMS:
            written = keep(written) if capture else None
        if written is not None:
            out[key] = written
    for name, value in call.facts.items():
        if isinstance(value, str):
            out[_FACTS[name]] = value
    if call.finish_reasons:
        out[genai.FINISH_REASONS] = _texts(call.finish_reasons)
    out.update(_usage(call.usage))
    if call.cost:
        out[genai.COST] = float(call.cost)  # its shortest text is the amount again
    if call.usage_estimated:
        out[USAGE_ESTIMATED] = True
    if capture:
        out.update(_content(call, keep))
    return out


def _usage(usage: Usage) -> Attributes:
    """Totals always where known, even 0; parts only where there are any, as util-genai does."""
    out: Attributes = {}
    for key, tokens in zip(_USAGE.values(), _usage_of(usage), strict=True):
        if tokens or (tokens == 0 and key in _TOTALS):
            out[key] = tokens
    written = (usage.cache_write or 0) + (usage.cache_write_1h or 0)
    if written:
        out[genai.CACHE_WRITE_TOKENS] = written
    return out


def _content(call: Call, keep: Callable[[Any], Any]) -> Attributes:
    texts = {
        genai.INPUT_MESSAGES: call.input,
        genai.OUTPUT_MESSAGES: call.output,
        genai.SYSTEM_INSTRUCTIONS: call.system,
        genai.TOOL_DEFINITIONS: call.tools,
    }
    return {key: dumps(keep(value)) for key, value in texts.items() if value}
