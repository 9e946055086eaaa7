"""MLflow Tracing: span types, inputs and outputs as JSON, every text in JSON quotes.

Source: mlflow 3.17, tracing/constant.py (SpanAttributeKey), entities/span.py (SpanType); spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.messages import completion_of, prompt_of
from agentops_otel.conventions.names import bare_model, provider
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.usage import Shape, recognised
from agentops_otel.conventions.wire import cost, label, parsed, rules, session_id, take
from agentops_otel.records import Json
from agentops_otel.spans import AnyValue, FlatSpan

TYPE = "mlflow.spanType"
INPUTS = "mlflow.spanInputs"
OUTPUTS = "mlflow.spanOutputs"
USAGE = "mlflow.chat.tokenUsage"
COST = "mlflow.llm.cost"
TOOLS = "mlflow.chat.tools"

KINDS: dict[str, Kind] = {
    "LLM": "llms",
    "CHAT_MODEL": "llms",
    "EMBEDDING": "llms",
    "RERANKER": "llms",
    "TOOL": "tools",
    "RETRIEVER": "tools",
}
OPERATIONS = {"EMBEDDING": "embeddings", "RERANKER": "rerank"}
TOKENS = Shape(
    prompt=("input_tokens",),
    completion=("output_tokens",),
    total=("total_tokens",),
    cache_read=("cache_read_input_tokens",),
    cache_write=("cache_creation_input_tokens",),
    reasoning=("reasoning_tokens",),
    cache="either",
    thinking="either",
)


def _quoted_id(value: AnyValue) -> str | None:
    return session_id(label(value))


CALL = rules(
    ("model", label, ("mlflow.llm.model", "model")),
    ("provider", provider, ("mlflow.llm.provider", "mlflow.message.format")),
)
STEP = rules(("params", parsed, (INPUTS,)), ("returns", parsed, (OUTPUTS,)))
EVERYWHERE = rules(("session_id", _quoted_id, ("mlflow.trace.session",)))
_BODY = ("messages", "input", "prompt", "system", "instructions", "model", "contents")


@dataclass(frozen=True)
class MlflowDialect:
    """Reads by the span type."""

    name: str = "mlflow"
    roots: frozenset[str] = frozenset({"mlflow"})

    def matches(self, span: FlatSpan) -> bool:
        """Every span with a name of this vocabulary."""
        return True

    def read(self, span: FlatSpan) -> Reading:
        """Model calls from the bodies that were traced; of other spans their inputs and outputs."""
        attributes, reading = span.attributes, Reading()
        take(attributes, EVERYWHERE, reading)
        said = (label(attributes.get(TYPE)) or "").upper()
        if said:
            reading.kind = KINDS.get(said, "actions")
            reading.consumed[TYPE] = "kind"
        if reading.kind == "llms":
            reading.operation = OPERATIONS.get(said, "chat")
            _take_call(attributes, reading)
        else:
            reading.action_type = said.lower() or None
            take(attributes, STEP, reading)
        return reading


def _take_call(attributes: AnyValue, reading: Reading) -> None:
    take(attributes, CALL, reading)
    bare_model(reading)
    given, answered = parsed(attributes.get(INPUTS)), parsed(attributes.get(OUTPUTS))
    if given is not None:
        reading.prompt = prompt_of(given)
        reading.consumed[INPUTS] = "prompt"
    if answered is not None:
        reading.completion = completion_of(answered)
        reading.consumed[OUTPUTS] = "completion"
    if type(answered) is dict:
        reading.response_id = label(answered.get("id"))
        reading.model = label(answered.get("model")) or reading.model
    _take_params(given, attributes, reading)
    counted = recognised(answered.get("usage")) if type(answered) is dict else TOKENS.count(None)
    if not counted.usage:
        counted = TOKENS.count(parsed(attributes.get(USAGE)))
    if counted.usage:
        reading.usage = counted.usage
        reading.consumed[USAGE] = "usage"
    costs = parsed(attributes.get(COST))
    if type(costs) is dict and cost(costs.get("total_cost")):
        reading.cost = cost(costs["total_cost"])
        reading.consumed[COST] = "cost"


def _take_params(given: Json, attributes: AnyValue, reading: Reading) -> None:
    """Request parameters: the members of the request that are no content. Unset ones are traced as reprs of Omit."""
    body = given if type(given) is dict else {}
    reading.request_model = label(body.get("model"))
    params = {key: value for key, value in body.items() if key not in _BODY and not _is_unset(value)}
    tools = parsed(attributes.get(TOOLS))
    if type(tools) is list:
        params["tools"] = tools
        reading.consumed[TOOLS] = "params"
    if params:
        reading.params = params


def _is_unset(value: Json) -> bool:
    return value is None or value == "NOT_GIVEN" or (type(value) is str and value.startswith("<") and "Omit" in value)
