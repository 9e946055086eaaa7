"""The laws of the fold: in whatever order, how often and in what groups facts come, the records are the same bytes."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.facts import Fact, SessionFacts, facts_from_json, facts_json
from agentops_otel.fold import Fold, canonical, join, join_all, survivor, tags_of, traces
from agentops_otel.records import Event, LLMCall, Session, Statistics, ToolCall, event_from_json, to_json, total

from . import strategies

NOW = 1_000


def records(fold: Fold) -> list[str]:
    """Every record as bytes would be: JSON text, and the exact times that JSON cuts to microseconds."""
    lines = []
    for session_id in fold.session_ids():
        session = fold.session(session_id, NOW)
        assert session is not None
        lines += [text_of(session), *(text_of(event) for event in fold.events(session_id))]
    return lines


def text_of(record: Session | Event) -> str:
    """One record as text that tells all differences but the order of keys."""
    return json.dumps([record.init_timestamp, record.end_timestamp, to_json(record)], sort_keys=True)


def folded(batches: Iterable[list[Fact]]) -> list[str]:
    fold = Fold()
    for batch in batches:
        fold.add(batch)
    return records(fold)


@given(strategies.facts, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_repetition_and_batches_do_not_matter(facts: list[Fact], chance: random.Random) -> None:
    """Shuffled, partly repeated and cut into batches anywhere, facts give the same records."""
    shuffled = facts + chance.choices(facts, k=len(facts)) if facts else []
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(shuffled))
    assert folded([facts]) == folded([shuffled[:cut], shuffled[cut:]])


@given(strategies.session_facts, strategies.session_facts, strategies.session_facts)
@settings(deadline=None)
def test_join_is_a_lattice(a: SessionFacts, b: SessionFacts, c: SessionFacts) -> None:
    """`join` is associative, commutative and idempotent on what facts say once joined with nothing."""
    a, b, c = (join(SessionFacts("s"), replace(one, session_id="s")) for one in (a, b, c))
    assert (join(a, b), join(join(a, b), c), join(a, a)) == (join(b, a), join(a, join(b, c)), a)


@given(st.lists(strategies.session_facts, max_size=4))
@settings(deadline=None)
def test_many_facts_join_as_one_after_the_other(facts: list[SessionFacts]) -> None:
    """Whether they tell no more than times or everything."""
    facts = [replace(one, session_id="s") for one in facts]
    slim = [SessionFacts("s", one.start_ns, one.activity_ns) for one in facts]
    for told in (facts, slim, [*facts, *slim]):
        assert join_all("s", told) == functools.reduce(join, told, SessionFacts("s"))


@given(strategies.session_facts)
@settings(deadline=None)
def test_facts_survive_json(facts: SessionFacts) -> None:
    """What a store writes of session facts is read back equal, and equal facts are written alike."""
    text = json.dumps(facts_json(facts))
    again = facts_from_json(facts.session_id, json.loads(text))
    assert (facts, text) == (again, json.dumps(facts_json(again)))


@given(strategies.event_facts, strategies.event_facts)
@settings(deadline=None)
def test_the_survivor_does_not_depend_on_who_came_first(a: strategies.EventFact, b: strategies.EventFact) -> None:
    """Of two facts the same one stays, down to the bytes, whichever is seen first."""
    assert canonical(survivor(a, b)) == canonical(survivor(b, a))


@given(strategies.events)
@settings(deadline=None)
def test_events_survive_json(event: Event) -> None:
    """An event read from its JSON is the event, times cut to microseconds."""
    cut = replace(event, init_timestamp=event.init_timestamp * 1000, end_timestamp=None)
    assert event_from_json(json.loads(json.dumps(to_json(cut)))) == cut


@given(st.lists(strategies.events), st.lists(strategies.events))
@settings(deadline=None)
def test_statistics_are_a_group(kept: list[Event], replaced: list[Event]) -> None:
    """Taking events back restores the sum exactly, cost included."""
    rest = total(map(Statistics.of, kept))
    assert total(map(Statistics.of, kept + replaced)) - total(map(Statistics.of, replaced)) == rest


def test_costs_do_not_drift() -> None:
    """Ten million times a tenth of a cent's millionth is exact, and so is taking it back."""
    tiny, large = Decimal("1E-12"), Decimal("12345678.9")
    both = Statistics(cost=large) + Statistics(cost=tiny)
    assert (Decimal("12345678.900000000001"), tiny) == (both.cost, (both - Statistics(cost=large)).cost)


def test_values_that_compare_equal_are_told_apart() -> None:
    """1, 1.0 and True are equal in Python and not in JSON; a nanosecond is lost in JSON and not in a record."""
    call = LLMCall(event_id="e", session_id="s", name="n", init_timestamp=1, params=[1])
    others = [replace(call, params=[1.0]), replace(call, params=[True]), replace(call, init_timestamp=2)]
    facts = [strategies.EventFact(one) for one in (call, *others)]
    assert len({canonical(fact) for fact in facts}) == 4


def test_stale_additions_of_tags_are_dropped_at_once() -> None:
    """A fact that carries a replacement of all tags and an older addition says the same alone and repeated."""
    facts = SessionFacts("s", tags_set=((5, "a"), ("new",)), tags_added=frozenset({((3, "a"), ("old",))}))
    fold = Fold()
    fold.add([facts])
    session = fold.session("s", NOW)
    assert session is not None
    assert (session.tags, tags_of(join(facts, facts))) == (("new",), ("new",))


def test_events_tell_when_their_session_was_active() -> None:
    """A session of which only events are known starts with the first and is active until the last one's end."""
    events = [
        ToolCall(event_id=str(at), session_id="s", name="t", init_timestamp=at, end_timestamp=at + 10) for at in (7, 3)
    ]
    assert SessionFacts("s", start_ns=3, activity_ns=17) == traces("s", events)
