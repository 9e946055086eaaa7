"""Content capture: the one place that says what is content and takes it out of a record.

Content is what a prompt, completion, argument, result, log or exception message may quote. Names, times, counts, ids,
models, costs and error types are not.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from agentops_otel.facts import EventFact, Fact
from agentops_otel.records import Event, Json, LLMCall

CONTENT = frozenset({"params", "returns", "prompt", "completion", "logs", "details", "screenshot", "target"})
"""Fields of events that hold content."""

_PLAIN_OTEL = ("kind", "scope", "scope_version", "status", "dropped_attributes", "times", "marks")


def without_content(event: Event) -> Event:
    """The same event with every field that may quote a prompt or an argument left out.

    Of the parameters of a model call the numbers stay (temperature, token limits). Attributes that no rule
    understands may hold anything, so they go, too.
    """
    emptied: dict[str, Any] = {field.name: None for field in fields(event) if field.name in CONTENT}
    if isinstance(event, LLMCall):
        emptied["params"] = _numbers(event.params)
    otel = event.extra.get("otel")
    kept = {key: otel[key] for key in _PLAIN_OTEL if key in otel} if isinstance(otel, dict) else {}
    return replace(event, **emptied, extra={"otel": kept} if kept else {})


def facts_without_content(facts: list[Fact]) -> list[Fact]:
    """Facts as they may be kept when content is not captured."""
    return [replace(fact, event=without_content(fact.event)) if isinstance(fact, EventFact) else fact for fact in facts]


def _numbers(params: Json) -> Json:
    if not isinstance(params, dict):
        return None
    return {key: value for key, value in params.items() if isinstance(value, (bool, int, float))} or None
