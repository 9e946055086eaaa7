"""Pydantic Logfire and pydantic-ai: GenAI names, and beside them cost, raw usage, and spans that repeat others.

A `pending_span` announces a span that comes later. A streamed call is a span without usage and a zero-length log span
with it; `dedupe` makes one of the two.
Source: logfire 5.2, _internal/integrations/llm_providers; pydantic-ai 2.68, models/instrumented.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import messages, prompt_of
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.usage import recognised
from agentops_otel.conventions.wire import cost, label, number, parsed, rules, take
from agentops_otel.records import Json
from agentops_otel.spans import AnyValue, FlatSpan

SPAN_TYPE = "logfire.span_type"
LEVEL = "logfire.level_num"
RAW_USAGE = "gen_ai.usage.raw"
REQUEST = "request_data"
RESPONSE = "response_data"
ERROR_LEVEL = 17

EVERYWHERE = rules(
    ("agent_name", label, ("agent_name",)),
    ("cost", cost, ("operation.cost",)),
)
NAME = rules(("name", label, ("logfire.msg",)))
AGENT = rules(
    ("params", parsed, ("pydantic_ai.all_messages", "all_messages_events", "all_messages")),
    ("returns", parsed, ("final_result",)),
)


@dataclass(frozen=True)
class LogfireDialect:
    """Adds to what the GenAI names say, and drops what announces a span."""

    name: str = "logfire"
    roots: frozenset[str] = frozenset({"logfire", "pydantic_ai", "operation", "request_data", "final_result"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans of Logfire's own tracer, and of pydantic-ai."""
        attributes = span.attributes
        return (
            SPAN_TYPE in attributes
            or "operation.cost" in attributes
            or "logfire.json_schema" in attributes
            or span.scope_name.startswith(("logfire", "pydantic-ai"))
        )

    def read(self, span: FlatSpan) -> Reading:
        """Cost, raw usage, the older bodies of requests and responses."""
        attributes, reading = span.attributes, Reading()
        if attributes.get(SPAN_TYPE) == "pending_span":
            reading.kind = "ignore"
            return reading
        take(attributes, EVERYWHERE, reading)
        take(attributes, AGENT, reading)
        if "gen_ai.tool.name" not in attributes:
            take(attributes, NAME, reading)
        counted = recognised(parsed(attributes.get(RAW_USAGE)))
        if counted.usage:
            reading.usage = counted.usage
            reading.consumed[RAW_USAGE] = "usage"
            reading.consumed |= dict.fromkeys(_TOTALS.intersection(attributes), "usage")
        level = number(attributes.get(LEVEL))
        reading.failed = True if level is not None and level >= ERROR_LEVEL else None
        _take_bodies(attributes, reading)
        return reading


_TOTALS = frozenset({"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"})


def _take_bodies(attributes: AnyValue, reading: Reading) -> None:
    """Up to Logfire 4: `request_data` and `response_data`."""
    asked, answered = parsed(attributes.get(REQUEST)), parsed(attributes.get(RESPONSE))
    if type(asked) is dict:
        reading.request_model = label(asked.get("model"))
        if "messages" in asked or "input" in asked:
            reading.prompt = prompt_of(asked)
            reading.consumed[REQUEST] = "prompt"
    if type(answered) is not dict:
        return
    said = _said(answered)
    if said is not None:
        reading.completion = messages(said, "assistant")
        reading.consumed[RESPONSE] = "completion"
    if reading.usage is None:
        reading.usage = recognised(answered.get("usage")).usage or None


def _said(answered: dict[str, Json]) -> Json:
    if "message" in answered:
        return answered["message"]
    combined = answered.get("combined_chunk_content")
    return None if combined is None else {"role": "assistant", "content": combined}
