"""Haystack: kinds by the names of spans, everything else in JSON inputs and outputs.

Source: haystack-ai 3.4, tracing/tracer.py and components/agents/agent.py; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import completion_of, prompt_of
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.usage import Counted, recognised
from agentops_otel.conventions.wire import label, parsed, rules, take
from agentops_otel.records import Json, Usage
from agentops_otel.spans import AnyValue, FlatSpan

COMPONENT_TYPE = "haystack.component.type"
TOOL_NAME = "haystack.tool.name"

INPUTS = (
    "haystack.agent.step.llm.input",
    "haystack.component.input",
    "haystack.agent.input",
    "haystack.pipeline.input",
)
OUTPUTS = (
    *("haystack.agent.step.llm.output", "haystack.component.output", "haystack.agent.output"),
    "haystack.pipeline.output_data",
)
STEP = rules(
    ("params", parsed, ("haystack.agent.step.tool.input", *INPUTS, "haystack.pipeline.input_data")),
    ("returns", parsed, ("haystack.agent.step.tool.output", *OUTPUTS)),
)
EVERYWHERE = rules(("name", label, (TOOL_NAME, "haystack.component.name")))


@dataclass(frozen=True)
class HaystackDialect:
    """Reads by the name of the span, and for components by their class."""

    name: str = "haystack"
    roots: frozenset[str] = frozenset({"haystack"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans whose names are Haystack's."""
        return span.name.startswith("haystack.")

    def read(self, span: FlatSpan) -> Reading:
        """Model calls from the replies and their meta; tools and components with what went in and came out."""
        attributes, reading = span.attributes, Reading()
        reading.kind = _kind(span)
        take(attributes, EVERYWHERE, reading)
        if reading.kind == "llms":
            reading.name = None
            reading.operation = "embeddings" if _class_of(span).endswith("Embedder") else "chat"
            _take_call(attributes, reading)
        else:
            take(attributes, STEP, reading)
            reading.action_type = span.name
        return reading


def _class_of(span: FlatSpan) -> str:
    return label(span.attributes.get(COMPONENT_TYPE)) or ""


def _kind(span: FlatSpan) -> Kind:
    if span.name == "haystack.agent.step.llm" or _class_of(span).endswith(("Generator", "Embedder")):
        return "llms"
    if span.name == "haystack.agent.step.tool" or _class_of(span).endswith("Retriever"):
        return "tools"
    return "actions"


def _take_call(attributes: AnyValue, reading: Reading) -> None:
    given, answered = (next((name for name in names if name in attributes), "") for names in (INPUTS, OUTPUTS))
    asked, replied = parsed(attributes.get(given)), parsed(attributes.get(answered))
    if asked is not None:
        reading.prompt = prompt_of(asked)
        reading.consumed[given] = "prompt"
    if type(replied) is not dict:
        return
    reading.completion = completion_of(replied)
    reading.consumed[answered] = "completion"
    metas = _metas(replied)
    if not metas:
        return
    reading.model = label(metas[0].get("model"))
    reading.response_id = label(metas[0].get("id"))
    reading.usage = _usage(metas)


def _metas(replied: dict[str, Json]) -> list[dict[str, Json]]:
    """The meta of each reply, or of an embedding."""
    replies = replied.get("replies")
    found = [one.get("meta") for one in replies if type(one) is dict] if type(replies) is list else []
    if type(replied.get("meta")) is list:
        found += replied["meta"]
    elif type(replied.get("meta")) is dict:
        found.append(replied["meta"])
    return [one for one in found if type(one) is dict]


def _usage(metas: list[dict[str, Json]]) -> Usage | None:
    """The usage of the request; every reply of a request repeats it."""
    counted: list[Counted] = [recognised(meta["usage"]) for meta in metas if meta.get("usage")]
    return next((one.usage for one in counted if one.usage), None)
