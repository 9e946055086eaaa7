"""LangSmith's OpenTelemetry export: GenAI names for usage, whole request and response bodies as JSON.

Source: langsmith 0.7, _internal/otel/_otel_exporter.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import completion_of, prompt_of
from agentops_otel.conventions.names import provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.usage import LANGCHAIN, recognised
from agentops_otel.conventions.wire import label, parsed, rules, session_id, take
from agentops_otel.spans import AnyValue, FlatSpan

SPAN_KIND = "langsmith.span.kind"
PROMPT = "gen_ai.prompt"
COMPLETION = "gen_ai.completion"
USAGE_METADATA = "langsmith.metadata.usage_metadata"
INPUT_DETAILS = "gen_ai.usage.input_token_details"
OUTPUT_DETAILS = "gen_ai.usage.output_token_details"

KINDS: dict[str, Kind] = {
    "llm": "llms",
    "embedding": "llms",
    "tool": "tools",
    "retriever": "tools",
    "chain": "actions",
    "prompt": "actions",
    "parser": "actions",
}
EVERYWHERE = rules(
    (
        "session_id",
        session_id,
        (
            *("langsmith.metadata.session_id", "langsmith.metadata.thread_id"),
            "langsmith.metadata.conversation_id",
        ),
    ),
    ("agent_name", label, ("langsmith.metadata.lc_agent_name",)),
)
CALL = rules(
    ("provider", provider, ("langsmith.metadata.ls_provider",)),
    ("request_model", label, ("langsmith.metadata.ls_model_name",)),
    ("params", parsed, ("langsmith.metadata.ls_invocation_params",)),
)
STEP = rules(("params", parsed, (PROMPT,)), ("returns", parsed, (COMPLETION,)))


@dataclass(frozen=True)
class LangSmithDialect:
    """Reads by the run type; `gen_ai.operation.name` on these spans may be one too ("chain")."""

    name: str = "langsmith"
    roots: frozenset[str] = frozenset({"langsmith"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span with a name of this vocabulary."""
        return True

    def read(self, span: FlatSpan) -> Reading:
        """Model calls with the details of usage that the GenAI names do not have; other runs with their bodies."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        said = label(attributes.get(SPAN_KIND)) or ""
        reading.kind = KINDS.get(said)
        if reading.kind is not None:
            reading.consumed[SPAN_KIND] = "kind"
        if reading.kind == "llms":
            _take_call(attributes, reading)
        else:
            reading.action_type = said or None
            take(attributes, STEP, reading)
        return reading


def _take_call(attributes: AnyValue, reading: Reading) -> None:
    take(attributes, CALL, reading)
    if PROMPT in attributes:
        reading.prompt = prompt_of(attributes[PROMPT])
        reading.consumed[PROMPT] = "prompt"
    if COMPLETION in attributes:
        reading.completion = completion_of(attributes[COMPLETION])
        reading.consumed[COMPLETION] = "completion"
    said = parsed(attributes.get(USAGE_METADATA))
    if type(said) is not dict:
        said = {
            "input_tokens": attributes.get("gen_ai.usage.input_tokens"),
            "output_tokens": attributes.get("gen_ai.usage.output_tokens"),
            "input_token_details": parsed(attributes.get(INPUT_DETAILS)),
            "output_token_details": parsed(attributes.get(OUTPUT_DETAILS)),
        }
    counted = LANGCHAIN.count(said)
    body = parsed(attributes.get(COMPLETION))
    if type(body) is dict:
        reading.model = label(body.get("model"))
        if not counted.usage:
            reading.usage = recognised(body.get("usage")).usage or None
    if counted.usage:
        reading.usage = counted.usage
        for name in (USAGE_METADATA, INPUT_DETAILS, OUTPUT_DETAILS, *_TOTALS):
            if name in attributes:
                reading.consumed[name] = "usage"


_TOTALS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens")
