"""GenAI names up to 1.27: numbered prompts and completions, `llm.*` beside `gen_ai.*`.

OpenLLMetry before 0.50 and AgentOps 0.4 write them. Model, provider and tokens are read with the current names.
Source: semantic conventions 1.27, docs/gen-ai; opentelemetry-semantic-conventions-ai 0.4.2; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import contents, message, tool_call
from agentops_otel.conventions.names import finish_reasons_of, only_counts_tokens
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import label, nested, number, parsed, rules, take
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue, FlatSpan

PROMPT = "gen_ai.prompt."
COMPLETION = "gen_ai.completion."
FUNCTIONS = "llm.request.functions."
TOOLS = "gen_ai.request.tools."

KINDS: dict[str, tuple[Kind, str]] = {
    "chat": ("llms", "chat"),
    "completion": ("llms", "text_completion"),
    "embedding": ("llms", "embeddings"),
    "rerank": ("llms", "rerank"),
}


def _seconds(value: AnyValue) -> float | None:
    found = number(value)
    return None if found is None else found * 1000


REQUEST_TYPE = rules(("operation", label, ("llm.request.type", "gen_ai.request.type")))
CALL = rules(
    ("finish_reasons", finish_reasons_of, ("gen_ai.response.finish_reason", "gen_ai.response.stop_reason")),
    ("time_to_first_token_ms", _seconds, ("gen_ai.streaming.time_to_first_token",)),
)


@dataclass(frozen=True)
class IndexedDialect:
    """Reads numbered messages and the type of the request."""

    name: str = "indexed"
    roots: frozenset[str] = frozenset({"gen_ai", "llm"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a request type or a numbered message."""
        attributes = span.attributes
        return (
            "llm.request.type" in attributes
            or "gen_ai.request.type" in attributes
            or "gen_ai.prompt.0.role" in attributes
            or "gen_ai.completion.0.role" in attributes
            or (span.dropped_attributes > 0 and any(name.startswith((PROMPT, COMPLETION)) for name in attributes))
        )

    def read(self, span: FlatSpan) -> Reading:
        """Messages, functions and finish reasons of a model call."""
        attributes, reading = span.attributes, Reading()
        take(attributes, REQUEST_TYPE, reading)
        if reading.operation is not None:
            reading.kind, reading.operation = KINDS.get(reading.operation, (None, None))
            reading.consumed = dict.fromkeys(reading.consumed, "kind") if reading.kind else {}
        if only_counts_tokens(span):
            reading.kind = "actions"
        prompt = _messages(nested(attributes, PROMPT, reading.consumed, "prompt"), "user")
        completion = _messages(nested(attributes, COMPLETION, reading.consumed, "completion"), "assistant")
        reading.prompt, reading.completion = prompt, completion
        take(attributes, CALL, reading)
        functions = nested(attributes, FUNCTIONS, reading.consumed, "params")
        if functions is None:
            functions = nested(attributes, TOOLS, reading.consumed, "params")
        if type(functions) is list:
            reading.params = {"tools": [_function(one) for one in functions]}
        return reading


def _messages(found: Json, role: str) -> list[Message] | None:
    if type(found) is not list:
        return None
    return [_message(one, role) for one in found]


def _message(value: Json, role: str) -> Message:
    """`{role, content, finish_reason, tool_calls: [{id, name, arguments}], function_call: {}}`."""
    if type(value) is not dict:
        return message(value, role)
    thought = value.get("role") == "thinking"
    said = message({key: item for key, item in value.items() if key != "function_call"}, role)
    if thought:
        said["parts"] = [{"type": "reasoning", "content": value.get("content")}]
    content = value.get("content")
    if type(content) is str and content[:1] == "[" and not value.get("tool_call_id"):
        calls = [one for one in said["parts"] if one.get("type") == "tool_call"]
        said["parts"] = contents(parsed(content)) + calls
    if type(value.get("function_call")) is dict:
        said["parts"] = [*said["parts"], tool_call(value["function_call"])]
    return said


def _function(value: Json) -> Json:
    if type(value) is dict and "parameters" in value:
        return {**value, "parameters": parsed(value["parameters"])}
    return value
