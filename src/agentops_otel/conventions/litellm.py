"""LiteLLM's OpenTelemetry callback: GenAI names, its own cost, and errors with a stack trace in an attribute.

Source: litellm 1.106, integrations/opentelemetry.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import messages, tool_call
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import cost, label, nested, rules, session_id, take
from agentops_otel.records import Json
from agentops_otel.spans import AnyValue, FlatSpan

COMPLETION = "gen_ai.completion."
OUTPUT_MESSAGES = "gen_ai.output.messages"

EVERYWHERE = rules(
    ("cost", cost, ("gen_ai.cost.total_cost",)),
    ("code", label, ("error.code",)),
    ("details", label, ("error.message",)),
    ("session_id", session_id, ("metadata.session_id", "metadata.litellm_session_id")),
)


@dataclass(frozen=True)
class LiteLLMDialect:
    """Adds to what the GenAI names say."""

    name: str = "litellm"
    roots: frozenset[str] = frozenset({"litellm", "hidden_params"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans of LiteLLM's tracer."""
        return span.scope_name == "litellm"

    def read(self, span: FlatSpan) -> Reading:
        """Cost, error code, and the tool calls that its messages leave out."""
        reading = Reading()
        take(span.attributes, EVERYWHERE, reading)
        calls = _calls(span.attributes, reading)
        if calls:
            said = messages(span.attributes.get(OUTPUT_MESSAGES), "assistant")
            if type(said) is list and not any(one["parts"] for one in said):
                said[0]["parts"] = calls
                reading.completion = said
                reading.consumed[OUTPUT_MESSAGES] = "completion"
        return reading


def _calls(attributes: AnyValue, reading: Reading) -> list[dict[str, Json]]:
    found = nested(attributes, COMPLETION, reading.consumed, "completion")
    if type(found) is not list:
        return []
    return [tool_call(one["function_call"]) for one in found if type(one) is dict and "function_call" in one]
