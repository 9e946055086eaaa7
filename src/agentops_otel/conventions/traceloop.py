"""OpenLLMetry (Traceloop): span kinds, entities, association properties beside the GenAI names.

Source: opentelemetry-semantic-conventions-ai 0.4.13 and instrumentors 0.40 to 0.62; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import label, parsed, rules, session_id, take
from agentops_otel.spans import AnyValue, FlatSpan

SPAN_KIND = "traceloop.span.kind"
ENTITY_NAME = "traceloop.entity.name"

KINDS: dict[str, Kind] = {
    "workflow": "actions",
    "task": "actions",
    "agent": "actions",
    "unknown": "actions",
    "tool": "tools",
}
EVERYWHERE = rules(
    (
        "session_id",
        session_id,
        (
            *("traceloop.association.properties.session_id", "traceloop.association.properties.session.id"),
            *("traceloop.association.properties.thread_id", "traceloop.association.properties.conversation_id"),
            "traceloop.association.properties.chat_id",
        ),
    ),
    ("agent_name", label, ("traceloop.association.properties.lc_agent_name",)),
)
AGENT = rules(("agent_name", label, (ENTITY_NAME,)))


def _payload(value: AnyValue) -> object:
    """What LangChain's callback wraps: `{"inputs": x, "tags": [], "metadata": {}}`, `{"outputs": x, "kwargs": {}}`."""
    said = parsed(value)
    if type(said) is not dict:
        return said
    if "input_str" in said:
        return parsed(said["input_str"])
    return next((said[name] for name in ("inputs", "outputs", "output") if name in said and len(said) < 6), said)


STEP = rules(
    ("params", _payload, ("traceloop.entity.input", "gen_ai.tool.call.arguments")),
    ("returns", _payload, ("traceloop.entity.output", "gen_ai.tool.call.result")),
)
TOOL_NAME = rules(("name", label, (ENTITY_NAME,)))


@dataclass(frozen=True)
class TraceloopDialect:
    """Reads by the span kind; model calls have none and are read by their GenAI names."""

    name: str = "traceloop"
    roots: frozenset[str] = frozenset({"traceloop"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span with a name of this vocabulary."""
        return True

    def read(self, span: FlatSpan) -> Reading:
        """Workflows, tasks, agents and tools with their entities; sessions by association."""
        attributes, reading = span.attributes, Reading()
        said = label(attributes.get(SPAN_KIND)) or ""
        reading.kind = KINDS.get(said)
        if reading.kind is not None:
            reading.consumed[SPAN_KIND] = "kind"
            take(attributes, STEP, reading)
        if said == "agent":
            take(attributes, AGENT, reading)
        take(attributes, EVERYWHERE, reading)
        if reading.kind == "tools":
            take(attributes, TOOL_NAME, reading)
        elif reading.kind == "actions":
            reading.action_type = said
            reading.consumed[SPAN_KIND] = "action_type"
        return reading
