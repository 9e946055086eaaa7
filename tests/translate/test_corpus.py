"""Every recorded span of every instrumentor becomes the right event, once, or there is a reason why it cannot."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from agentops_otel.conventions.writeback import spans_of
from agentops_otel.dedupe import surviving
from agentops_otel.facts import EventFact
from agentops_otel.fold import Fold
from agentops_otel.records import to_json
from agentops_otel.translate import translate

from .corpus import Scenario, judge, scenarios
from .reasons import REASONS, reason_for
from .report import report

DOCUMENT = Path(__file__).parents[2] / "docs" / "corpus.md"
SETS = sorted({scenario.set_name for scenario in scenarios()})


def of_set(name: str) -> list[Scenario]:
    return [scenario for scenario in scenarios() if scenario.set_name == name]


@pytest.mark.parametrize("name", SETS)
def test_every_field_of_a_set_is_right_or_explained(name: str) -> None:
    """Calls, tokens, models, tools and errors are what the model server kept in its ledger."""
    judged = [one for scenario in of_set(name) for one in judge(scenario)]
    unexplained = [
        (one.scenario.name, one.field, one.expected, one.actual)
        for one in judged
        if not one.is_right and reason_for(name, one.scenario.name, one.field) is None
    ]
    assert unexplained == []


def test_every_reason_explains_something() -> None:
    """A reason that has become untrue is taken away."""
    wrong = [one for scenario in scenarios() for one in judge(scenario) if not one.is_right]
    used = {reason_for(one.scenario.set_name, one.scenario.name, one.field) for one in wrong}
    assert [reason for reason in REASONS if reason not in used] == []


def test_the_report_in_docs_says_what_the_corpus_gives() -> None:
    """docs/corpus.md is this run's result."""
    text = report()
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(text, "utf-8")
    assert text == DOCUMENT.read_text("utf-8")


@pytest.mark.parametrize("name", SETS)
def test_recorded_spans_are_written_back_and_read_again_alike(name: str) -> None:
    """What an event says does not depend on how often it has been a span."""
    for scenario in of_set(name):
        events = scenario.events
        again = [fact.event for span in spans_of(events) for fact in translate(span) if isinstance(fact, EventFact)]
        assert sorted(map(as_text, events)) == sorted(map(as_text, again))


def as_text(event: object) -> str:
    return json.dumps(to_json(event), sort_keys=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SETS)
def test_the_order_of_spans_changes_nothing(name: str) -> None:
    """Shuffled, doubled and split, the facts of a set give the same sessions, events and twins."""
    facts = [fact for scenario in of_set(name) for fact in scenario.facts]
    shuffled = [*facts, *facts[::2]]
    random.Random(name).shuffle(shuffled)
    one, other = Fold(), Fold()
    one.add(facts)
    for start in range(0, len(shuffled), 7):
        other.add(shuffled[start : start + 7])
    for session_id in one.session_ids():
        assert one.session(session_id, now_ns=0) == other.session(session_id, now_ns=0)
        events = other.events(session_id)
        assert one.events(session_id) == events
        told = other.told(session_id)
        random.Random(session_id).shuffle(told)
        assert sorted(map(as_text, events)) == sorted(map(as_text, surviving(told)))


def test_attributes_cut_short_never_lose_the_event() -> None:
    """Every text of every recorded span may be cut anywhere; what is left is read, and nothing raises."""
    for scenario in scenarios():
        for span in scenario.spans:
            cut = {key: value[:20] if isinstance(value, str) else value for key, value in span.attributes.items()}
            assert translate(replace(span, attributes=cut)) or translate(span) == []
