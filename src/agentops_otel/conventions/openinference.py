"""OpenInference: flat attributes with numbered messages; input tokens include cached ones.

Source: openinference-semantic-conventions 0.1.30, trace/__init__.py, and spans of its instrumentors (2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import Part, completion_of, contents, prompt_of, tool_call
from agentops_otel.conventions.names import bare_model, finish_reasons_of, only_counts_tokens, provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import (
    cost,
    label,
    nested,
    parsed,
    places,
    rules,
    session_id,
    take,
    take_usage,
    text,
)
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue, FlatSpan

SPAN_KIND = "openinference.span.kind"
INPUT = "input.value"
OUTPUT = "output.value"
INPUT_MESSAGES = "llm.input_messages."
OUTPUT_MESSAGES = "llm.output_messages."
STRAY_CALLS = "message.tool_calls."
INVOCATION = "llm.invocation_parameters"
TOOLS = "llm.tools."
DOCUMENTS = "retrieval.documents."
METADATA = "metadata"
FIRST_TOKEN = "First Token Stream Event"

KINDS: dict[str, Kind] = {
    "LLM": "llms",
    "EMBEDDING": "llms",
    "RERANKER": "llms",
    "TOOL": "tools",
    "RETRIEVER": "tools",
    "AGENT": "actions",
    "CHAIN": "actions",
    "GUARDRAIL": "actions",
    "EVALUATOR": "actions",
    "PROMPT": "actions",
    "DECISION": "actions",
}
OPERATIONS = {"LLM": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank"}
CALL = rules(
    ("provider", provider, ("llm.provider", "llm.system")),
    ("model", label, ("llm.response.model_name", "llm.model_name", "embedding.model_name", "reranker.model_name")),
    ("request_model", label, ("llm.request.model_name",)),
    ("cost", cost, ("llm.cost.total",)),
    ("finish_reasons", finish_reasons_of, ("llm.finish_reason",)),
)
USAGE = places(
    prompt=("llm.token_count.prompt",),
    completion=("llm.token_count.completion",),
    cache_read=("llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"),
    cache_write=("llm.token_count.prompt_details.cache_write",),
    audio_in=("llm.token_count.prompt_details.audio",),
    reasoning=("llm.token_count.completion_details.reasoning",),
    audio_out=("llm.token_count.completion_details.audio",),
    total=("llm.token_count.total",),
)
STEP = rules(
    ("params", parsed, (INPUT, "tool.parameters")),
    ("returns", parsed, (OUTPUT,)),
)
EVERYWHERE = rules(("agent_name", label, ("agent.name",)))
TOOL_NAME = rules(("name", label, ("tool.name",)))


@dataclass(frozen=True)
class OpenInferenceDialect:
    """Reads by the span kind, which every span of this vocabulary has."""

    name: str = "openinference"
    roots: frozenset[str] = frozenset({"openinference", "llm"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a kind, or with the model or tokens of this vocabulary."""
        attributes = span.attributes
        return SPAN_KIND in attributes or "llm.model_name" in attributes or "llm.token_count.prompt" in attributes

    def read(self, span: FlatSpan) -> Reading:
        """Model calls with messages and usage; of other spans what went in and came out."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        said = (label(attributes.get(SPAN_KIND)) or "").upper()
        reading.kind = "actions" if only_counts_tokens(span) or _only_prepares(span) else KINDS.get(said)
        if SPAN_KIND in attributes:
            reading.consumed[SPAN_KIND] = "kind"
        reading.session_id = _session_of(attributes.get(METADATA))
        if reading.kind == "llms" or (reading.kind is None and not said):
            reading.operation = OPERATIONS.get(said)
            _take_call(span, reading)
            return reading
        take(attributes, STEP, reading)
        if reading.kind == "tools":
            take(attributes, TOOL_NAME, reading)
            documents = nested(attributes, DOCUMENTS, reading.consumed, "returns")
            reading.returns = documents if documents is not None else reading.returns
        elif said:
            reading.action_type = said.lower()
        return reading


def _only_prepares(span: FlatSpan) -> bool:
    """LlamaIndex's private `_prepare_chat_with_tools` is traced as an LLM although it calls none."""
    return span.name.rpartition(".")[2].startswith("_prepare")


def _session_of(metadata: AnyValue) -> str | None:
    """LangGraph's thread, where the metadata of a span names one."""
    said = parsed(metadata) if type(metadata) is str else None
    if type(said) is not dict:
        return None
    return next((found for key in ("session_id", "thread_id") if (found := session_id(said.get(key)))), None)


def _take_call(span: FlatSpan, reading: Reading) -> None:
    attributes, consumed = span.attributes, reading.consumed
    take(attributes, CALL, reading)
    take_usage(attributes, USAGE, reading)
    bare_model(reading)
    body = parsed(attributes.get(OUTPUT)) if text(attributes.get(OUTPUT)) else None
    if type(body) is dict:
        reading.response_id = _response_id(body)
    _take_messages(attributes, reading, body)
    _take_params(attributes, reading)
    for event in span.events:
        if event.name == FIRST_TOKEN:
            reading.time_to_first_token_ms = max(0, event.time_ns - span.start_ns) / 1e6
            consumed[FIRST_TOKEN] = "time_to_first_token_ms"
            break


def _response_id(body: dict[str, Json]) -> str | None:
    """The provider's id of the response, where the whole body or LangChain's form of it is kept."""
    own = label(body.get("id")) or label(body.get("response_id")) or label(body.get("responseId"))
    if own is not None:
        return own
    try:
        said = body["generations"][0][0]["message"]
        kept = said.get("kwargs") or said.get("data") or said
        return label(kept["response_metadata"].get("id"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def _take_messages(attributes: AnyValue, reading: Reading, body: Json) -> None:
    given = nested(attributes, INPUT_MESSAGES, reading.consumed, "prompt")
    if type(given) is list:
        reading.prompt = [_message(one, "user") for one in given]
    elif INPUT in attributes:
        reading.prompt = prompt_of(attributes[INPUT])
        reading.consumed[INPUT] = "prompt"
    answered = nested(attributes, OUTPUT_MESSAGES, reading.consumed, "completion")
    if type(answered) is list:
        reading.completion = [_message(one, "assistant") for one in answered]
    elif OUTPUT in attributes:
        reading.completion = completion_of(body if body is not None else attributes[OUTPUT])
        reading.consumed[OUTPUT] = "completion"
    _take_stray_calls(attributes, reading)


def _take_stray_calls(attributes: AnyValue, reading: Reading) -> None:
    """Its Google instrumentor writes the calls of automatic function calling beside the message they belong to."""
    calls = nested(attributes, STRAY_CALLS, reading.consumed, "completion")
    if type(calls) is list:
        parts = [tool_call(one.get("tool_call") if type(one) is dict else one) for one in calls]
        asked: Message = {"role": "assistant", "parts": parts}
        reading.completion = [asked, *_list(reading.completion)]


def _message(value: Json, role: str) -> Message:
    """`{"message": {role, content, contents: [{message_content: {}}], tool_calls: [{tool_call: {}}]}}`."""
    said = value.get("message") if type(value) is dict else None
    if type(said) is not dict:
        return {"role": role, "parts": contents(value)}
    if said.get("tool_call_id"):
        response = {"type": "tool_call_response", "id": said["tool_call_id"], "response": parsed(said.get("content"))}
        return {"role": "tool", "parts": [response]}
    parts = contents(said.get("content"))
    for one in _list(said.get("contents")):
        if type(one) is dict and "tool_call" not in one:
            parts += contents([_content(one.get("message_content"))])
    for one in _list(said.get("tool_calls") or said.get("contents")):
        if type(one) is dict and "tool_call" in one:
            parts.append(tool_call(one["tool_call"]))
    said_role = said.get("role")
    out: Message = {"role": said_role if type(said_role) is str else role, "parts": parts}
    if out["role"] == "model":
        out["role"] = "assistant"
    if type(said.get("name")) is str:
        out["name"] = said["name"]
    return out


def _content(value: Json) -> Json:
    if type(value) is not dict:
        return value
    image = value.get("image")
    if type(image) is dict:
        inner = image.get("image")
        return {"type": "image_url", "image_url": {"url": inner.get("url") if type(inner) is dict else inner}}
    return value


def _list(value: Json) -> list[Json]:
    return value if type(value) is list else []


def _take_params(attributes: AnyValue, reading: Reading) -> None:
    params: dict[str, Json] = {}
    for name in (INVOCATION, "embedding.invocation_parameters"):
        said = parsed(attributes.get(name)) if name in attributes else None
        if type(said) is dict:
            params |= {key: value for key, value in said.items() if key != "model"}
            reading.request_model = reading.request_model or label(said.get("model"))
            reading.consumed[name] = "params"
    tools = nested(attributes, TOOLS, reading.consumed, "params")
    if type(tools) is list:
        params["tools"] = [_tool(one) for one in tools]
    if params:
        reading.params = params


def _tool(value: Json) -> Part | Json:
    inner = value.get("tool") if type(value) is dict else None
    return parsed(inner.get("json_schema")) if type(inner) is dict else value
