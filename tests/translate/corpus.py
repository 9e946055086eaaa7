"""The corpus of recorded spans, and the judgement of what they become against what the model server really did.

One file a set (an instrumentor, or a client with native spans), one line a scenario: its OTLP/JSON and the truth.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agentops_otel.dedupe import surviving
from agentops_otel.facts import EventFact, Fact
from agentops_otel.otlp import logs_of_json, traces_of_json
from agentops_otel.records import Event, LLMCall
from agentops_otel.spans import FlatSpan
from agentops_otel.translate import translate

FOLDER = Path(__file__).parents[1] / "fixtures" / "corpus"
FIELDS = (
    "calls",
    "tokens in",
    "tokens out",
    "cache read",
    "cache write",
    "reasoning",
    "model",
    "asked",
    "tools",
    "errors",
)


@dataclass(frozen=True)
class Scenario:
    """One recorded scenario. `spans` is empty where the instrumentor made none."""

    set_name: str
    name: str
    truth: dict[str, Any]

    @property
    def spans(self) -> list[FlatSpan]:
        return traces_of_json(self.truth["traces"]) if self.truth["traces"] else []

    @property
    def facts(self) -> list[Fact]:
        logs = defaultdict(list)
        for log in logs_of_json(self.truth["logs"]) if self.truth["logs"] else ():
            logs[log.trace_id, log.span_id].append(log)
        return [fact for span in self.spans for fact in translate(span, logs=logs[span.trace_id, span.span_id])]

    @property
    def events(self) -> list[Event]:
        return [fact.event for fact in self.facts if isinstance(fact, EventFact)]


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Every scenario, by set and in the order of recording."""
    return tuple(_scenarios())


def _scenarios() -> Iterator[Scenario]:
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            truth = json.loads(line)
            yield Scenario(path.stem, truth["scenario"], truth)


@dataclass(frozen=True)
class Judgement:
    """One field of one scenario: what it should be and what it became."""

    scenario: Scenario
    field: str
    expected: Any
    actual: Any

    @property
    def is_right(self) -> bool:
        return bool(self.expected == self.actual)


def judge(scenario: Scenario) -> list[Judgement]:
    """Every field that the scenario can decide; none where the instrumentor made no spans."""
    truth = scenario.truth
    if not truth["traces"]:
        return []
    events = surviving(scenario.events)
    calls = [event for event in events if isinstance(event, LLMCall)]
    said: dict[str, tuple[Any, Any]] = {"calls": (truth["expected_llm_spans"], len(calls))}
    said |= _usage(truth, calls)
    if truth["expected_llm_spans"] and truth["model"]:
        known = {truth["model"], truth["response_model"]}
        said["model"] = ("known", "known" if calls and all(c.model in known for c in calls) else _models(calls))
    said["asked"] = (sorted(truth["tool_calls"]), sorted(_asked(calls)))
    said["tools"] = (sorted(truth["tools_executed"]), sorted(e.name for e in events if e.event_type == "tools"))
    said["errors"] = (bool(truth["error"]), any(event.event_type == "errors" for event in events))
    return [Judgement(scenario, field, *said[field]) for field in FIELDS if field in said]


def _usage(truth: dict[str, Any], calls: list[LLMCall]) -> dict[str, tuple[Any, Any]]:
    totals = {
        "tokens in": ("input_tokens", [c.usage.prompt_tokens for c in calls]),
        "tokens out": ("output_tokens", [c.usage.completion_tokens for c in calls]),
        "cache read": ("cache_read_tokens", [c.usage.cache_read for c in calls]),
        "cache write": ("cache_write_tokens", [c.usage.cache_write for c in calls]),
        "reasoning": ("reasoning_tokens", [c.usage.reasoning for c in calls]),
    }
    delivered = truth["usage_delivered"]
    if delivered == "none":
        return {field: (0, sum(count or 0 for count in totals[field][1])) for field in ("tokens in", "tokens out")}
    fields = ("tokens in",) if delivered == "input_only" else tuple(totals)
    return {field: (truth[totals[field][0]], sum(count or 0 for count in totals[field][1])) for field in fields}


def _models(calls: list[LLMCall]) -> str:
    return ", ".join(sorted({str(call.model) for call in calls})) or "no call"


def _asked(calls: list[LLMCall]) -> Iterator[str]:
    for call in calls:
        for message in call.completion if isinstance(call.completion, list) else ():
            for part in message["parts"]:
                if part.get("type") == "tool_call":
                    yield str(part["name"])
