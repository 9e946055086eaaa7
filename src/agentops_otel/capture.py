"""Content capture: the one place that says what is content, and takes it out of a record or has it redacted.

Content is what a prompt, completion, argument, result, log or exception message may quote. Names, times, counts, ids,
models, costs and error types are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from agentops_otel.facts import Fact, SessionFacts
from agentops_otel.privacy import Policy
from agentops_otel.records import Action, ApiCall, Event, Failure, Json, LLMCall, ToolCall
from agentops_otel.values import holds_cut

CONTENT = frozenset({"params", "returns", "prompt", "completion", "logs", "details", "screenshot", "target"})
"""Fields of events that hold content."""

_MAY_QUOTE = CONTENT | {"name", "agent_name", "action_type", "code"}
"""Fields that may hold what somebody wrote, and are redacted where content is."""

_TEXTS = {
    kind.event_type: tuple(field.name for field in fields(kind) if field.name in _MAY_QUOTE)
    for kind in (Action, ApiCall, Failure, LLMCall, ToolCall)
}
"""Those fields, by the kind of event."""

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


def facts_as(policy: Policy, facts: list[Fact]) -> list[Fact]:
    """Facts as they may be kept."""
    return [_fact_as(policy, fact) for fact in facts]


def _fact_as(policy: Policy, fact: Fact) -> Fact:
    if isinstance(fact, SessionFacts):
        return _session_as(policy, fact)
    event = event_as(policy, fact.event)
    return fact if event is fact.event else replace(fact, event=event)


def event_as(policy: Policy, event: Event) -> Event:
    """An event as it may be kept; one of which the policy has cut a text short says so."""
    if not policy.captures:
        return without_content(event)
    known, looked_at = vars(event), object if policy.changes else list  # only messages hold blobs
    said = {name: value for name in _TEXTS[event.event_type] if isinstance(value := known[name], looked_at)}
    kept = {name: policy.value(value) for name, value in said.items()}
    changed: dict[str, Any] = {name: value for name, value in kept.items() if value is not said[name]}
    if policy.changes:
        changed["extra"] = _extra_as(policy, event.extra)
        if not event.truncated and any(map(holds_cut, kept.values())):
            changed["truncated"] = True
    return replace(event, **changed) if changed else event


def _extra_as(policy: Policy, extra: Any) -> dict[str, Json]:
    """Attributes that no rule took, and of the span what somebody may have written: events, links, the status."""
    out: dict[str, Json] = {}
    for key, value in extra.items():
        if key == "otel" and isinstance(value, dict):
            out[key] = {name: one if name in _PLAIN_OTEL else policy.value(one) for name, one in value.items()}
        else:
            out[policy.text(key)] = policy.value(value)
    return out


def _session_as(policy: Policy, facts: SessionFacts) -> SessionFacts:
    """What people write in a session: the reason of its end, its tags, the names of its agents."""
    if not policy.changes:
        return facts

    def each(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(policy.text(one) for one in texts)

    end, tags_set = facts.end, facts.tags_set
    return replace(
        facts,
        end=end._replace(reason=policy.text(end.reason)) if end is not None and end.reason else end,
        tags_set=(tags_set[0], each(tags_set[1])) if tags_set is not None else None,
        tags_added=frozenset((stamp, each(tags)) for stamp, tags in facts.tags_added),
        agents={agent: (stamp, policy.text(name)) for agent, (stamp, name) in facts.agents.items()},
    )


def _numbers(params: Json) -> Json:
    if not isinstance(params, dict):
        return None
    return {key: value for key, value in params.items() if isinstance(value, (bool, int, float))} or None
