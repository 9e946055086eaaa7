"""AgentOps 0.4: span kinds of its decorators, inputs and outputs as JSON. The trace is the session.

Its model calls carry the numbered GenAI names, which `indexed` reads. Exceptions stand on its spans twice.
Source: agentops 0.4.21, semconv/*.py and sdk/decorators/utility.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.agentops import EVENT_TYPE
from agentops_otel.conventions.markers import SPAN_KIND
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.usage import dollars
from agentops_otel.conventions.wire import label, parsed, rules, take, texts
from agentops_otel.facts import SessionFacts, Stamp
from agentops_otel.spans import FlatSpan

TAGS = "agentops.tags"

KINDS: dict[str, Kind] = {
    "session": "session",
    "tool": "tools",
    "llm": "llms",
    "workflow": "actions",
    "agent": "actions",
    "task": "actions",
    "operation": "actions",
    "chain": "actions",
    "guardrail": "actions",
}
_STEPS = ("entity", "tool", "agent", "task", "operation", "workflow", "chain", "guardrail")
STEP = rules(
    ("name", label, ("tool.name", "operation.name", "agentops.entity.name")),
    ("params", parsed, ("tool.parameters", *(f"agentops.{step}.input" for step in _STEPS))),
    ("returns", parsed, ("tool.result", *(f"agentops.{step}.output" for step in _STEPS))),
    ("cost", dollars, ("gen_ai.usage.total_cost",)),
)
AGENT = rules(("agent_id", label, ("agent.id",)), ("agent_name", label, ("agent.name",)))


@dataclass(frozen=True)
class AgentOpsV4Dialect:
    """Reads by the span kind, which is sometimes written as the repr of an enum."""

    name: str = "agentops-0.4"
    roots: frozenset[str] = frozenset({"agentops"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a kind that are not of this project's own vocabulary."""
        attributes = span.attributes
        return (SPAN_KIND in attributes or TAGS in attributes) and EVENT_TYPE not in attributes

    def read(self, span: FlatSpan) -> Reading:
        """What the decorated function was given and gave; tags of the session."""
        attributes, reading = span.attributes, Reading()
        said = (label(attributes.get(SPAN_KIND)) or "").rpartition(".")[2].lower()
        reading.kind = KINDS.get(said)
        if reading.kind is not None:
            reading.consumed[SPAN_KIND] = "kind"
        if reading.kind == "actions":
            reading.action_type = said
        if reading.kind != "llms":
            take(attributes, STEP, reading)
        take(attributes, AGENT, reading)
        if reading.kind == "actions" and said == "agent" and reading.agent_name is None:
            reading.agent_name = reading.name
        tags = texts(attributes.get(TAGS))
        if tags is not None:
            reading.session = SessionFacts("", tags_added=frozenset([(Stamp(span.end_ns, span.span_id), tags)]))
            reading.consumed[TAGS] = "session"
        return reading
