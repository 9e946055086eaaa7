"""Google Agent Development Kit up to 1.x: requests and responses as JSON; kinds by the names of spans.

From 2 on it writes the current GenAI names, and `genai` reads those.
Source: google-adk 1.14, telemetry/tracing.py, and 2.13; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import completion_of, prompt_of
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.usage import GOOGLE
from agentops_otel.conventions.wire import label, parsed, rules, session_id, take
from agentops_otel.spans import AnyValue, FlatSpan

REQUEST = "gcp.vertex.agent.llm_request"
RESPONSE = "gcp.vertex.agent.llm_response"

EVERYWHERE = rules(
    ("session_id", session_id, ("gcp.vertex.agent.session_id",)),
)
TOOL = rules(
    ("params", parsed, ("gcp.vertex.agent.tool_call_args",)),
    ("returns", parsed, ("gcp.vertex.agent.tool_response",)),
)
_GENAI_USAGE = frozenset({"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"})


@dataclass(frozen=True)
class AdkDialect:
    """Adds bodies and session to the few GenAI names; knows the kinds of spans without an operation."""

    name: str = "adk"
    roots: frozenset[str] = frozenset()

    def matches(self, span: FlatSpan) -> bool:
        """Spans of ADK's tracer."""
        return span.scope_name.startswith("gcp.vertex.agent")

    def read(self, span: FlatSpan) -> Reading:
        """Model calls from their bodies, tools from their arguments, runs by their names."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        take(attributes, TOOL, reading)
        if span.name == "call_llm":
            reading.kind, reading.operation, reading.provider = "llms", "generate_content", "gcp.gemini"
            _take_call(attributes, reading)
        elif span.name == "invocation":
            reading.kind, reading.action_type = "actions", "invocation"
        elif span.name.startswith("agent_run ["):
            reading.kind, reading.action_type = "actions", "invoke_agent"
            reading.agent_name = label(span.name[len("agent_run [") : -1])
        elif span.name.startswith("execute_tool "):
            reading.kind = "tools"
        return reading


def _take_call(attributes: AnyValue, reading: Reading) -> None:
    asked, answered = parsed(attributes.get(REQUEST)), parsed(attributes.get(RESPONSE))
    if type(asked) is dict and asked:
        reading.prompt = prompt_of(asked)
        reading.request_model = label(asked.get("model"))
        reading.consumed[REQUEST] = "prompt"
    if type(answered) is not dict or not answered:
        return
    reading.completion = completion_of(answered.get("content"))
    reading.consumed[RESPONSE] = "completion"
    counted = GOOGLE.count(answered.get("usage_metadata"))
    if counted.usage:
        reading.usage = counted.usage
        reading.consumed |= dict.fromkeys(_GENAI_USAGE.intersection(attributes), "usage")
