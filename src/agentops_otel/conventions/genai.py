"""The GenAI semantic conventions of OpenTelemetry, with the names of 1.28 to 1.36 beside the current ones.

Input tokens include cached ones, output tokens include reasoning. Conventions that a span event or a log record carries
(the "events" form) are read in `genai_events`, the numbered form before 1.28 in `indexed`.
Source: opentelemetry-util-genai 1.3b0; semantic conventions 1.28 to 1.37, docs/gen-ai.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from agentops_otel.conventions.messages import messages, system_message
from agentops_otel.conventions.names import finish_reasons_of, only_counts_tokens, provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import (
    Rule,
    by_shape,
    cost,
    found,
    label,
    milliseconds,
    parsed,
    places,
    plain,
    rules,
    session_id,
    take,
    take_counts,
    text,
)
from agentops_otel.records import Json, LLMCall, Usage
from agentops_otel.spans import STATUS_ERROR, AnyValue, FlatSpan

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
SYSTEM = "gen_ai.system"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
CONVERSATION_ID = "gen_ai.conversation.id"
REQUEST = "gen_ai.request."
OUTPUT_TYPE = "gen_ai.output.type"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_NAME = "gen_ai.tool.name"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
RETRIEVAL_QUERY = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents"

COST = "gen_ai.usage.cost"
"""Not of the conventions; OpenLIT and OpenRouter write US dollars there."""
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
CACHE_WRITE_1H_TOKENS = "agentops.usage.cache_write_1h.input_tokens"
"""The share of the cache writes that is kept for an hour; the conventions have no name for it."""
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT_TOKENS = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT_TOKENS = "gen_ai.usage.audio.output_tokens"
IMAGE_INPUT_TOKENS = "gen_ai.usage.image.input_tokens"
IMAGE_OUTPUT_TOKENS = "gen_ai.usage.image.output_tokens"

EXECUTE_TOOL = "execute_tool"
KINDS: dict[str, Kind] = {
    "chat": "llms",
    "text_completion": "llms",
    "completion": "llms",
    "generate_content": "llms",
    "responses": "llms",
    "embeddings": "llms",
    "embedding": "llms",
    "rerank": "llms",
    "image_generation": "llms",
    "speech": "llms",
    "transcription": "llms",
    "moderation": "llms",
    EXECUTE_TOOL: "tools",
    "retrieval": "tools",
    "invoke_agent": "actions",
    "create_agent": "marker",
    "execute_event_loop_cycle": "actions",
    "invoke_workflow": "actions",
    "fetch_response": "actions",
}
"""What an operation is.

An agent that is created has done nothing yet: it is a fact of the session, no step. `fetch_response` reads back an
answer that was paid for before, so it is no model call.
"""

USAGE = places(
    prompt=(INPUT_TOKENS, "gen_ai.usage.prompt_tokens"),
    completion=(OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"),
    total=("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
    cache_read=(CACHE_READ_TOKENS, "gen_ai.usage.cache_read_input_tokens"),
    cache_write=(
        *(CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation.input_tokens"),
        *("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens"),
    ),
    cache_write_1h=(CACHE_WRITE_1H_TOKENS,),
    reasoning=(REASONING_TOKENS, "gen_ai.usage.reasoning_tokens", "gen_ai.usage.thinking_tokens"),
    audio_in=(AUDIO_INPUT_TOKENS,),
    audio_out=(AUDIO_OUTPUT_TOKENS,),
    image=(IMAGE_INPUT_TOKENS,),
    image_out=(IMAGE_OUTPUT_TOKENS,),
)
CALL = rules(
    ("provider", provider, (PROVIDER, SYSTEM)),
    ("model", label, (RESPONSE_MODEL,)),
    ("request_model", label, (REQUEST_MODEL,)),
    ("response_id", label, (RESPONSE_ID,)),
    ("finish_reasons", finish_reasons_of, (FINISH_REASONS, "gen_ai.response.finish_reason")),
    ("time_to_first_token_ms", milliseconds, (TIME_TO_FIRST_CHUNK,)),
    ("cost", cost, (COST,)),
)
TOOL = rules(
    ("name", label, (TOOL_NAME,)),
    ("params", parsed, (TOOL_ARGUMENTS,)),
    ("returns", parsed, (TOOL_RESULT,)),
)
RETRIEVAL = rules(
    ("params", text, (RETRIEVAL_QUERY,)),
    ("returns", parsed, (RETRIEVAL_DOCUMENTS,)),
)
EVERYWHERE = rules(
    ("operation", label, (OPERATION,)),
    ("session_id", session_id, (CONVERSATION_ID,)),
    ("agent_id", label, (AGENT_ID,)),
    ("agent_name", label, (AGENT_NAME,)),
)


@dataclass(frozen=True)
class GenAIDialect:
    """The current conventions, read by the kind of operation."""

    name: str = "genai"
    roots: frozenset[str] = frozenset({"gen_ai"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span with a name of this vocabulary."""
        return True

    def read(self, span: FlatSpan) -> Reading:
        """Model calls whole; of tools and agents what they did, never the tokens of the calls below them."""
        attributes, reading = span.attributes, Reading()
        present = _present(attributes)
        vars(reading).update(found(attributes, present.everywhere, reading.consumed))
        reading.kind = "actions" if only_counts_tokens(span) else KINDS.get(reading.operation or "")
        if reading.kind == "marker" and span.status_code == STATUS_ERROR:
            reading.kind = "actions"
        if reading.kind == "tools":
            if reading.operation == EXECUTE_TOOL:
                reading.consumed[OPERATION] = "kind"
            take(attributes, RETRIEVAL if reading.operation == "retrieval" else TOOL, reading)
        elif reading.kind == "actions":
            reading.action_type = reading.operation
            reading.consumed[OPERATION] = "action_type"
            _take_content(attributes, reading)
        else:
            _take_call(span, present, reading)
        return reading


class _Present(NamedTuple):
    """The rules for the attributes that a span has, and which of these are request parameters, by their names."""

    everywhere: tuple[Rule, ...]
    call: tuple[Rule, ...]
    usage: tuple[Rule, ...]
    asked: tuple[tuple[str, str], ...]


@by_shape
def _present(names: tuple[str, ...]) -> _Present:
    asked = [name for name in names if name.startswith(REQUEST) and name != REQUEST_MODEL]
    params = tuple((name, name[len(REQUEST) :]) for name in asked)
    return _Present(EVERYWHERE.among(names), CALL.among(names), USAGE.among(names), params)


_TIERS = tuple(f"{prefix}openai.{side}.service_tier" for side in ("response", "request") for prefix in ("", "gen_ai."))


def service_tier(call: LLMCall) -> str | None:
    """The tier a recorded call was served in, else the one it asked for; "fast mode" is Anthropic's `speed` of fast.

    Source: semantic conventions 1.37, openai.{request,response}.service_tier, under `gen_ai.` before.
    """
    params = call.params if isinstance(call.params, Mapping) else {}
    if params.get("speed") == "fast":
        return "fast mode"
    said = [call.extra.get(name) for name in _TIERS]
    return next((tier for tier in (*said, params.get("service_tier")) if isinstance(tier, str)), None)


def _take_call(span: FlatSpan, present: _Present, reading: Reading) -> None:
    attributes, consumed = span.attributes, reading.consumed
    vars(reading).update(found(attributes, present.call, consumed))
    counts = found(attributes, present.usage, consumed, "usage")
    take_counts(counts, reading, cache="outside" if _is_exclusive(span) else "either")
    _take_params(attributes, present, reading)
    _take_content(attributes, reading)
    _normalise_names(attributes, reading)


def totals_of(usage: Usage) -> dict[str, int]:
    """Usage as these conventions count it: totals, and the parts that are in them. Details of 0 are left out."""
    written = (usage.cache_write or 0) + (usage.cache_write_1h or 0)
    parts = {CACHE_READ_TOKENS: usage.cache_read, CACHE_WRITE_TOKENS: written, REASONING_TOKENS: usage.reasoning}
    totals = {INPUT_TOKENS: usage.prompt_tokens, OUTPUT_TOKENS: usage.completion_tokens}
    return {
        **{name: count for name, count in totals.items() if count is not None},
        **{name: count for name, count in parts.items() if count},
    }


def _is_exclusive(span: FlatSpan) -> bool:
    """Two instrumentors pass Bedrock's counts on as they come, without the cached tokens in the input."""
    return span.scope_name.endswith(("instrumentation.botocore", "genai.bedrock", "botocore.bedrock-runtime"))


def _take_params(attributes: Mapping[str, AnyValue], present: _Present, reading: Reading) -> None:
    params: dict[str, Json] = {}
    for name, param in present.asked:
        params[param] = plain(attributes[name])
        reading.consumed[name] = "params"
    definitions = attributes.get(TOOL_DEFINITIONS)
    if definitions is not None:
        params["tools"] = parsed(definitions)
        reading.consumed[TOOL_DEFINITIONS] = "params"
    if params:
        reading.params = params


def _take_content(attributes: Mapping[str, AnyValue], reading: Reading) -> None:
    prompt, completion = attributes.get(INPUT_MESSAGES), attributes.get(OUTPUT_MESSAGES)
    if prompt is not None:
        reading.prompt = messages(prompt, "user")
        reading.consumed[INPUT_MESSAGES] = "prompt"
    if completion is not None:
        reading.completion = messages(completion, "assistant")
        reading.consumed[OUTPUT_MESSAGES] = "completion"
    instructions = attributes.get(SYSTEM_INSTRUCTIONS)
    if instructions is None:
        return
    system = system_message(instructions)
    if system is not None and (reading.prompt is None or type(reading.prompt) is list):
        reading.prompt = [system, *(reading.prompt or ())]
        reading.consumed[SYSTEM_INSTRUCTIONS] = "prompt"


def _normalise_names(attributes: Mapping[str, AnyValue], reading: Reading) -> None:
    """A provider's name that was spelt otherwise stays in `extra`, so that the original is kept."""
    for name in (PROVIDER, SYSTEM):
        if attributes.get(name) != reading.provider:
            reading.consumed.pop(name, None)
