"""How an event that a user recorded by hand is written on its span.

Model calls and tools use the names of the GenAI conventions where there is one, so that other backends understand them;
the rest is our own vocabulary.
"""

from __future__ import annotations

from agentops_otel.conventions import agentops as ours
from agentops_otel.conventions import genai
from agentops_otel.records import Action, Event, Failure, Json, LLMCall, ToolCall, decimal_text
from agentops_otel.spans import AnyValue
from agentops_otel.values import dumps


def attributes_of(event: Event, *, revision: int, capture: bool) -> dict[str, AnyValue]:
    """The span attributes of a recorded event; without `capture` none that may quote a prompt, argument or result."""
    out: dict[str, AnyValue] = {
        ours.EVENT_TYPE: event.event_type,
        ours.EVENT_ID: event.event_id,
        ours.EVENT_NAME: event.name,
        ours.EVENT_REVISION: revision,
        ours.AGENT_ID: event.agent_id,
        ours.AGENT_NAME: event.agent_name,
        **event.extra,
    }
    content: dict[str, Json] = {ours.PARAMS: event.params, ours.RETURNS: event.returns}
    if isinstance(event, LLMCall):
        out |= _llm(event)
        content |= {ours.PROMPT: event.prompt, ours.COMPLETION: event.completion}
    elif isinstance(event, ToolCall):
        out |= {genai.OPERATION: "execute_tool", genai.TOOL_NAME: event.name}
        content[ours.LOGS] = event.logs
    elif isinstance(event, Action):
        out[ours.ACTION_TYPE] = event.action_type
        content |= {ours.LOGS: event.logs}
        if capture:
            out[ours.SCREENSHOT] = event.screenshot
    elif isinstance(event, Failure):
        out |= _failure(event)
        content |= {ours.ERROR_DETAILS: event.details, ours.LOGS: event.logs}
    if capture:
        out |= {name: dumps(value) for name, value in content.items() if value is not None}
    return {name: value for name, value in out.items() if value is not None}


def _llm(event: LLMCall) -> dict[str, AnyValue]:
    return {
        genai.OPERATION: event.operation,
        genai.REQUEST_MODEL: event.model,
        genai.INPUT_TOKENS: event.usage.prompt_tokens,
        genai.OUTPUT_TOKENS: event.usage.completion_tokens,
        ours.EVENT_COST: decimal_text(event.cost),
    }


def _failure(event: Failure) -> dict[str, AnyValue]:
    return {
        ours.ERROR_TYPE: event.error_type,
        ours.ERROR_CODE: event.code,
        ours.TRIGGER_EVENT_ID: event.trigger_event_id,
        ours.TRIGGER_EVENT_TYPE: event.trigger_event_type,
    }
