"""Vercel AI SDK telemetry, versions 4 to 6: `ai.*`.

The outer span of an operation repeats the summed usage of its steps, so only the `do...` spans are model calls.
Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry, and spans of ai 6 (2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import messages, prompt_of, system_message, tool_call
from agentops_otel.conventions.names import finish_reasons_of, provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import label, number, parsed, places, rules, session_id, take, take_usage, text
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue, FlatSpan

OPERATION_ID = "ai.operationId"
PROMPT_MESSAGES = "ai.prompt.messages"
PROMPT = "ai.prompt"
TEXT = "ai.response.text"
REASONING = "ai.response.reasoning"
TOOL_CALLS = "ai.response.toolCalls"
OBJECT = "ai.response.object"
PROVIDER_METADATA = "ai.response.providerMetadata"
SETTINGS = "ai.settings."
TOOLS = "ai.prompt.tools"

CALL = rules(
    ("provider", provider, ("ai.model.provider",)),
    ("model", label, ("ai.response.model", "gen_ai.response.model", "ai.model.id")),
    ("request_model", label, ("ai.model.id",)),
    ("response_id", label, ("ai.response.id",)),
    ("finish_reasons", finish_reasons_of, ("ai.response.finishReason",)),
    ("time_to_first_token_ms", number, ("ai.response.msToFirstChunk",)),
)
USAGE = places(
    prompt=("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
    completion=("ai.usage.outputTokens", "ai.usage.completionTokens"),
    total=("ai.usage.totalTokens",),
    cache_read=("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
    cache_write=("ai.usage.inputTokenDetails.cacheWriteTokens",),
    reasoning=("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
)
TOOL = rules(
    ("name", label, ("ai.toolCall.name",)),
    ("params", parsed, ("ai.toolCall.args", "ai.toolCall.input")),
    ("returns", parsed, ("ai.toolCall.result", "ai.toolCall.output")),
)
STEP = rules(
    ("params", parsed, (PROMPT, PROMPT_MESSAGES, "ai.value", "ai.values")),
    ("returns", parsed, (TEXT, OBJECT, TOOL_CALLS, "ai.embedding", "ai.embeddings")),
)
EVERYWHERE = rules(
    (
        "session_id",
        session_id,
        (
            *("ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.session_id"),
            *("ai.telemetry.metadata.session.id", "ai.telemetry.metadata.threadId"),
            *("ai.telemetry.metadata.conversationId", "ai.telemetry.metadata.chatId"),
        ),
    ),
    ("agent_name", label, ("ai.telemetry.functionId",)),
)


@dataclass(frozen=True)
class VercelDialect:
    """Reads by the operation id."""

    name: str = "vercel"
    roots: frozenset[str] = frozenset({"ai"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with an operation id."""
        return OPERATION_ID in span.attributes

    def read(self, span: FlatSpan) -> Reading:
        """Steps that call the model, tool calls, and the operations around them."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        said = label(attributes.get(OPERATION_ID)) or ""
        reading.kind = _kind(said)
        reading.consumed[OPERATION_ID] = "operation"
        if reading.kind == "tools":
            reading.consumed[OPERATION_ID] = "kind"
            take(attributes, TOOL, reading)
        elif reading.kind == "llms":
            reading.operation = "embeddings" if "mbed" in said else "chat"
            reading.consumed[OPERATION_ID] = "kind"
            _take_call(attributes, reading)
        else:
            reading.action_type = said
            reading.consumed[OPERATION_ID] = "action_type"
            take(attributes, STEP, reading)
        return reading


def _kind(operation: str) -> Kind:
    if operation == "ai.toolCall":
        return "tools"
    return "llms" if operation.rpartition(".")[2].startswith("do") else "actions"


def _take_call(attributes: AnyValue, reading: Reading) -> None:
    take(attributes, CALL, reading)
    take_usage(attributes, USAGE, reading)
    _take_prompt(attributes, reading)
    _take_answer(attributes, reading)
    params = {name[len(SETTINGS) :]: value for name, value in attributes.items() if name.startswith(SETTINGS)}
    tools = attributes.get(TOOLS)
    if tools is not None:
        params["tools"] = [parsed(one) for one in tools] if type(tools) in (list, tuple) else parsed(tools)
        reading.consumed[TOOLS] = "params"
    if params:
        reading.params = parsed(params)
        reading.consumed |= {SETTINGS + name: "params" for name in params if SETTINGS + name in attributes}


def _take_prompt(attributes: AnyValue, reading: Reading) -> None:
    for name in (PROMPT_MESSAGES, PROMPT, "ai.value", "ai.values"):
        said = attributes.get(name)
        if said is None:
            continue
        if type(said) in (list, tuple):
            said = [parsed(one) for one in said]
        reading.prompt = prompt_of(said)
        reading.consumed[name] = "prompt"
        body = parsed(said)
        if name == PROMPT and type(body) is dict and type(reading.prompt) is list:
            first = system_message(body.get("system"))
            if first is not None and reading.prompt[0].get("role") != "system":
                reading.prompt = [first, *reading.prompt]
        return


def _take_answer(attributes: AnyValue, reading: Reading) -> None:
    parts: list[dict[str, Json]] = []
    thought, said = text(attributes.get(REASONING)), text(attributes.get(TEXT))
    if thought is not None:
        parts.append({"type": "reasoning", "content": thought})
    if said is not None:
        parts.append({"type": "text", "content": said})
    if OBJECT in attributes:
        parts.append({"type": "text", "content": text(attributes[OBJECT])})
    calls = parsed(attributes.get(TOOL_CALLS))
    for one in calls if type(calls) is list else ():
        parts.append(_call(one))
    if parts:
        answer: Message = {"role": "assistant", "parts": parts}
        found = messages([answer], "assistant")
        reading.completion = found
        for name in (REASONING, TEXT, OBJECT, TOOL_CALLS):
            if name in attributes:
                reading.consumed[name] = "completion"


def _call(value: Json) -> dict[str, Json]:
    if type(value) is not dict:
        return tool_call(value)
    return tool_call({**value, "id": value.get("toolCallId")})
