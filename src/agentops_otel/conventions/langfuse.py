"""Langfuse SDK on OpenTelemetry: observations with JSON in attributes.

`usage_details` holds either the provider's own counts or Langfuse's, whose `input` and `output` are without the cached
and reasoning tokens that stand beside them.
Source: langfuse 5, _client/attributes.py and openai.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentops_otel.conventions.messages import completion_of, prompt_of
from agentops_otel.conventions.names import bare_model, finish_reasons_of, provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.usage import OPENAI_CHAT, OPENAI_RESPONSES, Counted, Shape
from agentops_otel.conventions.wire import cost, label, parsed, rules, session_id, take, texts
from agentops_otel.facts import SessionFacts, Stamp
from agentops_otel.records import Json, nanoseconds
from agentops_otel.spans import AnyValue, FlatSpan

TYPE = "langfuse.observation.type"
INPUT = "langfuse.observation.input"
OUTPUT = "langfuse.observation.output"
USAGE = "langfuse.observation.usage_details"
COST = "langfuse.observation.cost_details"
LEVEL = "langfuse.observation.level"
FIRST_TOKEN = "langfuse.observation.completion_start_time"
TAGS = "langfuse.trace.tags"

KINDS: dict[str, Kind] = {
    "generation": "llms",
    "embedding": "llms",
    "tool": "tools",
    "retriever": "tools",
    "span": "actions",
    "chain": "actions",
    "agent": "actions",
    "evaluator": "actions",
    "guardrail": "actions",
    "event": "actions",
}
OPERATIONS = {"generation": "chat", "embedding": "embeddings"}
CALL = rules(
    ("model", label, ("langfuse.observation.model.name",)),
    ("request_model", label, ("langfuse.observation.metadata.ls_model_name",)),
    ("provider", provider, ("langfuse.observation.metadata.ls_provider",)),
    ("response_id", label, ("langfuse.observation.metadata.id",)),
    ("params", parsed, ("langfuse.observation.model.parameters",)),
    ("finish_reasons", finish_reasons_of, ("langfuse.observation.metadata.finish_reason",)),
)
STEP = rules(("params", parsed, (INPUT,)), ("returns", parsed, (OUTPUT,)))


def _quoted_id(value: AnyValue) -> str | None:
    return session_id(label(value))


EVERYWHERE = rules(
    (
        "session_id",
        _quoted_id,
        (
            *("langfuse.session.id", "langfuse.trace.metadata.session_id", "langfuse.observation.metadata.session_id"),
            *("langfuse.trace.metadata.thread_id", "langfuse.observation.metadata.thread_id"),
        ),
    ),
    ("agent_name", label, ("langfuse.observation.metadata.lc_agent_name",)),
    ("details", label, ("langfuse.observation.status_message",)),
)
OWN_USAGE = Shape(
    prompt=("input",),
    completion=("output",),
    cache_read=("input_cache_read", "input_cached_tokens", "cache_read_input_tokens"),
    cache_write=("input_cache_creation", "input_cache_write", "cache_creation_input_tokens"),
    audio_in=("input_audio", "input_audio_tokens"),
    reasoning=("output_reasoning", "output_reasoning_tokens"),
    audio_out=("output_audio", "output_audio_tokens"),
    cache="outside",
    thinking="outside",
)
"""Langfuse's own counts. Its LangChain callback subtracts every detail from the total it belongs to."""


@dataclass(frozen=True)
class LangfuseDialect:
    """Reads by the type of the observation."""

    name: str = "langfuse"
    roots: frozenset[str] = frozenset({"langfuse"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span with a name of this vocabulary."""
        return True

    def read(self, span: FlatSpan) -> Reading:
        """Generations whole; of other observations what went in and came out; tags of the trace."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        said = (label(attributes.get(TYPE)) or "").lower()
        reading.kind = KINDS.get(said)
        if reading.kind is not None:
            reading.consumed[TYPE] = "kind"
        if reading.kind == "actions" and said != "span":
            reading.action_type = said
        if attributes.get(LEVEL) == "ERROR":
            reading.failed = True
            reading.consumed[LEVEL] = "failed"
        _take_tags(span, reading)
        if reading.kind == "llms":
            reading.operation = OPERATIONS[said]
            _take_call(span, reading)
        else:
            take(attributes, STEP, reading)
        return reading


def _take_call(span: FlatSpan, reading: Reading) -> None:
    attributes, consumed = span.attributes, reading.consumed
    take(attributes, CALL, reading)
    bare_model(reading)
    if INPUT in attributes:
        reading.prompt = prompt_of(attributes[INPUT])
        consumed[INPUT] = "prompt"
    if OUTPUT in attributes:
        reading.completion = completion_of(attributes[OUTPUT])
        consumed[OUTPUT] = "completion"
    said = parsed(attributes.get(USAGE))
    if type(said) is dict and said:
        counted = _counted(said)
        reading.usage = counted.usage or None
        consumed[USAGE] = "usage"
        if counted.doubt:
            reading.marks.append(f"usage: {counted.doubt}")
    costs = parsed(attributes.get(COST))
    if type(costs) is dict and cost(costs.get("total")):
        reading.cost = cost(costs["total"])
        consumed[COST] = "cost"
    _take_first_token(span, reading)


def _counted(said: dict[str, Json]) -> Counted:
    if "prompt_tokens" in said:
        return OPENAI_CHAT.count(said)
    if "input_tokens" in said:
        return OPENAI_RESPONSES.count(said)
    return _plus_details(said)


def _plus_details(said: dict[str, Any]) -> Counted:
    """Langfuse's own counts; audio is subtracted from its total there, so it is put back for the shape."""
    own = dict(said)
    for total, part in (("input", "input_audio"), ("output", "output_audio")):
        if type(own.get(total)) is int and type(own.get(part)) is int:
            own[total] += own[part]
    return OWN_USAGE.count(own)


def _take_first_token(span: FlatSpan, reading: Reading) -> None:
    at = label(label(span.attributes.get(FIRST_TOKEN)))
    if at is None:
        return
    try:
        reading.time_to_first_token_ms = max(0, nanoseconds(at) - span.start_ns) / 1e6
    except ValueError:
        return
    reading.consumed[FIRST_TOKEN] = "time_to_first_token_ms"


def _take_tags(span: FlatSpan, reading: Reading) -> None:
    tags = texts(span.attributes.get(TAGS))
    if tags is not None:
        stamp = Stamp(span.end_ns, span.span_id)
        reading.session = SessionFacts("", tags_added=frozenset([(stamp, tags)]))
        reading.consumed[TAGS] = "session"
