"""What every store does, whatever it is made of. A backend is finished when it passes.

test_conformance.py runs this for each backend; `make(**options)` opens an empty store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from agentops_otel.errors import InvalidValueError
from agentops_otel.facts import End, EndRank, EventFact, Fact, ProcessFacts, ProcessKey, SessionFacts, Stamp
from agentops_otel.fold import Fold
from agentops_otel.records import Action, Failure, LLMCall, Session, Spent, Statistics, ToolCall, Usage, to_json
from agentops_otel.spans import STATUS_ERROR, FlatSpan
from agentops_otel.store.base import (
    Appended,
    EventQuery,
    FindsIds,
    FindsSpans,
    ListsModels,
    SessionQuery,
    Store,
    Totals,
    TotalsRow,
    cursor_of,
    without_host_env,
    without_large_fields,
)
from agentops_otel.translate import session_of_trace, translate
from fold.strategies import START, one_of_everything

Make = Callable[..., Any]
NOW = START + 1_000_000_000
DAY = 86_400 * 1_000_000_000


@pytest.fixture
def store(make: Make) -> Any:
    """An empty store whose clock stands still."""
    return make(clock=lambda: NOW)


def step(session_id: str, event_id: str, start_ns: int = START, **more: Any) -> EventFact:
    return EventFact(Action(event_id=event_id, session_id=session_id, name="step", init_timestamp=start_ns, **more))


def call(session_id: str, event_id: str, start_ns: int = START, **more: Any) -> EventFact:
    return EventFact(LLMCall(event_id=event_id, session_id=session_id, name="chat", init_timestamp=start_ns, **more))


def ids(store: Store, query: SessionQuery) -> list[str]:
    return [session.session_id for session in store.sessions("p", query).items]


def folded(facts: list[Fact], session_id: str) -> tuple[Session | None, list[Any]]:
    fold = Fold()
    fold.add(facts)
    return fold.session(session_id, NOW, "p"), fold.events(session_id)


def stored(store: Store, session_id: str) -> tuple[Session | None, list[Any]]:
    return store.session("p", session_id), list(store.events("p", session_id))


# --- writing ---------------------------------------------------------------------------------------------------------


def test_records_come_back_whole(store: Store) -> None:
    """Every field of a session and of each kind of event is what the fold makes of the facts."""
    facts = one_of_everything()
    assert Appended(5, 0) == store.append("p", facts)
    assert folded(facts, "s") == stored(store, "s")


def test_appending_again_changes_nothing(store: Store) -> None:
    """A batch that is delivered twice is counted once."""
    facts = one_of_everything()
    store.append("p", facts)
    before = stored(store, "s")
    assert (Appended(0, 0), before) == (store.append("p", facts), stored(store, "s"))


def test_nothing_to_append_is_nothing(store: Store) -> None:
    """An empty batch makes no session."""
    assert Appended(0, 0) == store.append("p", [])


def test_a_newer_revision_replaces_and_the_sums_follow(store: Store) -> None:
    """The session adds up what stays, under the model that stays, whichever revision came first."""
    old = call("s", "e", model="m1", cost=Decimal("0.1"), usage=Usage(input=10))
    new = EventFact(replace(old.event, model="m2", cost=Decimal("0.25"), init_timestamp=START + 5), revision=1)
    store.append("p", [old])
    assert Appended(0, 1) == store.append("p", [new])
    assert Appended(0, 0) == store.append("p", [old])
    session, events = stored(store, "s")
    assert session is not None
    assert ([new.event], Decimal("0.25"), 10) == (events, session.statistics.cost, session.statistics.prompt_tokens)
    assert (ids(store, SessionQuery(model="m1")), ids(store, SessionQuery(model="m2"))) == ([], ["s"])


def test_an_event_may_come_before_its_session(store: Store) -> None:
    """An event of a session nobody announced makes the session; what is told later is added."""
    store.append("p", [step("s", "e", START + 7, end_timestamp=START + 9)])
    early = store.session("p", "s")
    store.append("p", [SessionFacts("s", start_ns=START, tags_added=frozenset({(Stamp(1, "a"), ("t",))}))])
    late = store.session("p", "s")
    assert early is not None
    assert late is not None
    assert (early.init_timestamp, early.last_activity_at, early.tags) == (START + 7, START + 9, ())
    assert (late.init_timestamp, late.last_activity_at, late.tags) == (START, START + 9, ("t",))


def test_one_append_may_hold_many_sessions(store: Store) -> None:
    """Facts of several sessions in one batch go each to its own."""
    store.append("p", [step("a", "e", START), step("b", "e", START + 1), step("a", "f", START + 2)])
    assert (ids(store, SessionQuery()), [e.event_id for e in store.events("p", "a")]) == (["b", "a"], ["e", "f"])


def test_projects_do_not_see_each_other(store: Store) -> None:
    """The same ids in two projects are two sessions."""
    store.append("p", [step("s", "e")])
    store.append("q", [step("s", "e", START + 1), step("s", "f")])
    store.delete_session("q", "s")
    session, events = stored(store, "s")
    assert session is not None
    assert (session.project_id, session.statistics.events, [event.event_id for event in events]) == ("p", 1, ["e"])
    assert (store.session("q", "s"), list(store.events("q", "s"))) == (None, [])


def test_what_a_session_has_cost_can_be_asked_alone(store: Any) -> None:
    """The exact sum, and how many calls have no price; nothing for a session that nobody knows."""
    store.append("p", [call("s", "a", cost=Decimal("0.1")), call("s", "b", cost=Decimal("0.02")), call("s", "c")])
    assert store.spent("p", "s") == Spent(Decimal("0.12"), 1)
    assert store.spent("p", "unknown") == store.spent("other", "s") == Spent()


def test_deleting_removes_the_session_and_its_events(store: Store) -> None:
    """Nothing of a deleted session is left, and another session is untouched."""
    store.append("p", [*one_of_everything("s"), *one_of_everything("other")])
    assert (store.delete_session("p", "s"), store.delete_session("p", "s")) == (True, False)
    assert stored(store, "s") == (None, [])
    assert folded(one_of_everything("other"), "other") == stored(store, "other")
    assert ids(store, SessionQuery(tag="x")) == ["other"]
    assert ids(store, SessionQuery(model="m-1")) == ["other"]
    assert ids(store, SessionQuery(provider="openai")) == ids(store, SessionQuery(host="host")) == ["other"]


def test_a_deleted_session_can_come_back(store: Store) -> None:
    """A fact that arrives after the deletion makes the session anew, without what was deleted."""
    store.append("p", one_of_everything())
    store.delete_session("p", "s")
    store.append("p", [step("s", "late")])
    assert folded([step("s", "late")], "s") == stored(store, "s")


def test_many_are_deleted_at_once(store: Store) -> None:
    """Those that are there, each once; other projects keep theirs."""
    store.append("p", [*one_of_everything("a"), *one_of_everything("b"), *one_of_everything("c")])
    store.append("q", one_of_everything("a"))
    assert store.projects() == ["p", "q"]
    assert store.delete_sessions("p", ["a", "no", "b", "a"]) == 2
    assert (ids(store, SessionQuery()), store.delete_sessions("p", []), store.projects()) == (["c"], 0, ["p", "q"])
    assert store.delete_sessions("q", ["a"]) == 1
    assert store.projects() == ["p"]


def test_any_text_is_kept(store: Store) -> None:
    """Ids, names and contents may hold NUL, emoji, quotes and lone surrogates in content."""
    odd = "a\u0000b'\"; DROP TABLE events; -- 😀"
    facts = [
        EventFact(
            ToolCall(event_id=odd, session_id=odd, name=odd, init_timestamp=START, params={odd: odd}, returns="\ud800")
        ),
        SessionFacts(odd, tags_set=(Stamp(1, odd), (odd,))),
    ]
    store.append("p", facts)
    assert folded(facts, odd) == stored(store, odd)
    assert [odd] == ids(store, SessionQuery(tag=odd))


# --- listing sessions ------------------------------------------------------------------------------------------------


def fleet() -> list[Fact]:
    """Eight sessions that differ in what can be filtered."""
    facts: list[Fact] = []
    for number in range(8):
        name, start = f"{'ab'[number % 2]}{number}", START + number // 2 * DAY
        tags = ("even",) if number % 2 == 0 else ("odd", "rare") if number == 3 else ("odd",)
        reason = "the judge" if number == 3 else "the judge, too" if number == 5 else ""
        end = End(EndRank.EXPLICIT, start + 9, "o", "Failure" if number % 3 == 0 else "Success", reason)
        told = SessionFacts(name, start_ns=start, end=end, tags_set=(Stamp(start, "o"), tags))
        machines = {ProcessKey(host, pid, 1): ProcessFacts() for host, pid in (("east", 1), ("east", number), ("w", 1))}
        told = replace(told, processes={key: machines[key] for key in list(machines)[: number % 4]})
        facts.append(told if number < 6 else replace(told, end=None, processes={}))
        spent = {"cost": Decimal(number) / 10, "usage": Usage(input=number)}
        facts.append(call(name, "c", start, model=f"m{number % 3}", provider=("openai", None)[number % 2], **spent))
        facts.append(call(name, "d", start, provider="anthropic") if number == 5 else SessionFacts(name))
        if number % 4 == 1:
            facts.append(EventFact(Failure(event_id="f", session_id=name, name="E", init_timestamp=start)))
    return facts


@pytest.fixture
def many(make: Make) -> Any:
    """A store with the fleet, of which the two without an end are fresh or not by the clock."""
    store = make(clock=lambda: START + 3 * DAY + 1)
    store.append("p", fleet())
    return store


FILTERS = {
    "none": (SessionQuery(), ["a6", "b7", "a4", "b5", "a2", "b3", "a0", "b1"]),
    "tag": (SessionQuery(tag="odd"), ["b7", "b5", "b3", "b1"]),
    "unknown tag": (SessionQuery(tag="no"), []),
    "end state": (SessionQuery(end_state="Failure"), ["b3", "a0"]),
    "without an end": (SessionQuery(end_state="Indeterminate"), ["a6", "b7"]),
    "running": (SessionQuery(running=True), ["a6", "b7"]),
    "not running": (SessionQuery(running=False, tag="odd"), ["b5", "b3", "b1"]),
    "since": (SessionQuery(since_ns=START + 2 * DAY), ["a6", "b7", "a4", "b5"]),
    "until": (SessionQuery(until_ns=START + DAY), ["a0", "b1"]),
    "errors": (SessionQuery(has_errors=True), ["b5", "b1"]),
    "no errors": (SessionQuery(has_errors=False, tag="odd"), ["b7", "b3"]),
    "model": (SessionQuery(model="m1"), ["b7", "a4", "b1"]),
    "tag and model": (SessionQuery(tag="odd", model="m1"), ["b7", "b1"]),
    "provider": (SessionQuery(provider="openai"), ["a6", "a4", "a2", "a0"]),
    "provider of another call": (SessionQuery(provider="anthropic"), ["b5"]),
    "provider and model": (SessionQuery(provider="openai", model="m1"), ["a4"]),
    "host": (SessionQuery(host="east"), ["b5", "a2", "b3", "b1"]),
    "host of another process": (SessionQuery(host="w"), ["b3"]),
    "host, tag and provider": (SessionQuery(host="east", tag="odd", provider="anthropic"), ["b5"]),
    "unknown host": (SessionQuery(host="eas"), []),
    "cost from": (SessionQuery(min_cost=Decimal("0.6")), ["a6", "b7"]),
    "cost to": (SessionQuery(max_cost=Decimal("0.1")), ["a0", "b1"]),
    "cost above by a hair": (SessionQuery(min_cost=Decimal("0.70000000000000000001")), []),
    "reason": (SessionQuery(reason="the judge"), ["b3"]),
    "without a reason": (SessionQuery(reason="", tag="even"), ["a6", "a4", "a2", "a0"]),
    "lasted long": (SessionQuery(min_duration_ns=10), []),
    "lasted as long": (SessionQuery(min_duration_ns=9, max_duration_ns=9, tag="odd"), ["b5", "b3", "b1"]),
    "text": (SessionQuery(text="RAR"), ["b3"]),
    "prefix": (SessionQuery(id_prefix="b"), ["b7", "b5", "b3", "b1"]),
    "prefix, tag and model": (SessionQuery(id_prefix="b", tag="rare", model="m0"), ["b3"]),
    "all at once": (
        SessionQuery(
            tag="odd",
            end_state="Success",
            running=False,
            since_ns=START,
            until_ns=START + 9 * DAY,
            has_errors=True,
            model="m2",
            min_cost=Decimal("0.5"),
            max_cost=Decimal("0.5"),
            id_prefix="b",
        ),
        ["b5"],
    ),
}


SORTS = {
    "end": ["a4", "b5", "a2", "b3", "a0", "b1", "a6", "b7"],
    "duration": ["a0", "a2", "a4", "b1", "b3", "b5", "a6", "b7"],
    "cost": ["b7", "a6", "b5", "a4", "b3", "a2", "b1", "a0"],
    "tokens": ["b7", "a6", "b5", "a4", "b3", "a2", "b1", "a0"],
    "errors": ["b1", "b5", "a0", "a2", "a4", "a6", "b3", "b7"],
    "start": ["a6", "b7", "a4", "b5", "a2", "b3", "a0", "b1"],
}
FILTERS |= {f"by {sort}": (SessionQuery(sort=sort), expected) for sort, expected in SORTS.items()}
FILTERS |= {f"by {sort}, up": (SessionQuery(sort=sort, ascending=True), SORTS[sort][::-1]) for sort in SORTS}
FILTERS |= {
    "by cost with a tag": (SessionQuery(sort="cost", tag="odd"), ["b7", "b5", "b3", "b1"]),
    "by cost with a model and a prefix": (SessionQuery(sort="cost", model="m1", id_prefix="b"), ["b7", "b1"]),
    "by tokens with a provider": (SessionQuery(sort="tokens", provider="openai"), ["a6", "a4", "a2", "a0"]),
    "by cost with a host, up": (SessionQuery(sort="cost", host="east", ascending=True), ["b1", "a2", "b3", "b5"]),
    "by tokens without an end": (SessionQuery(sort="tokens", end_state="Indeterminate"), ["b7", "a6"]),
    "by errors with a tag, up": (SessionQuery(sort="errors", tag="odd", ascending=True), ["b7", "b3", "b5", "b1"]),
    "oldest with a tag": (SessionQuery(tag="odd", ascending=True), ["b1", "b3", "b5", "b7"]),
}


def all_pages(store: Store, query: SessionQuery) -> list[Session]:
    """Every session of a listing, each page asked for with the cursor of the one before."""
    page = store.sessions("p", query)
    found = [*page.items]
    while page.next_cursor is not None:
        page = store.sessions("p", replace(query, cursor=page.next_cursor))
        found += page.items
    return found


@pytest.mark.parametrize("name", FILTERS)
def test_filters(many: Store, name: str) -> None:
    """Each filter keeps what it names, in the order asked for: the newest start first by default, equal ones by id."""
    query, expected = FILTERS[name]
    assert expected == ids(many, query)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("limit", [1, 3])
def test_pages_are_the_listing_cut(many: Store, name: str, limit: int) -> None:
    """Following the cursor of each page gives the same sessions in the same order, none twice."""
    query, expected = FILTERS[name]
    assert expected == [one.session_id for one in all_pages(many, replace(query, limit=limit))]


OURS = ("a0", "a2", "b3", "b7")
"""The sessions of the fleet that are the reader's own in `apart`; the others are shared with it."""


@pytest.fixture
def apart(make: Make) -> Any:
    """A store with the fleet in two projects, of which the first may read some of the second: all but `own id`."""
    store = make(clock=lambda: START + 3 * DAY + 1)
    for fact in fleet():
        name = fact.session_id if isinstance(fact, SessionFacts) else fact.event.session_id
        if name not in OURS:
            store.share("q", name, "p")  # before there is anything of it, and again after that
        store.append("p" if name in OURS else "q", [fact])
    store.append("q", [step("secret", "e", START + 7)])
    store.append("q", [step("a0", "e", START + 7)])
    store.share("q", "a0", "p")
    store.share("q", "never came", "p")
    return store


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("name", FILTERS)
def test_sessions_that_are_shared_are_listed_with_the_others(apart: Store, name: str, limit: int) -> None:
    """In every order and under every filter, where they would stand if they were the reader's own; or alone."""
    query, expected = FILTERS[name]
    query = replace(query, limit=limit)
    both, shared, own = [all_pages(apart, replace(query, shared=shared)) for shared in (None, True, False)]
    assert expected == [one.session_id for one in both]
    assert [one for one in both if one.project_id == "q"] == shared
    assert [one for one in both if one.project_id == "p"] == own
    assert {one.session_id for one in own} <= set(OURS)


def test_a_shared_session_follows_its_start_and_goes_with_its_end(store: Store) -> None:
    """A start that moves back moves it in the listings of both; one that is deleted is no longer shared."""
    store.append("q", [step("a", "e", START + 9), step("b", "e", START + 5)])
    for name in ("a", "b"):
        store.share("q", name, "p")
    store.append("q", [SessionFacts("a", start_ns=START + 1)])
    assert ids(store, SessionQuery(shared=True)) == ["b", "a"]
    store.delete_session("q", "a")
    store.append("q", [step("a", "e", START + 9)])
    assert ids(store, SessionQuery(shared=True)) == ["b"]
    assert [store.owner_of_shared("p", name) for name in ("a", "b")] == [None, "q"]


def test_a_shared_session_has_one_owner(store: Store) -> None:
    """The first who shares an id; sharing again changes nothing, and who owns one is no reader of it."""
    for owner in ("q", "r"):
        store.append(owner, [step("a", "e")])
        for _ in range(2):
            store.share(owner, "a", "p")
    assert [one.project_id for one in store.sessions("p", SessionQuery(shared=None)).items] == ["q"]
    assert store.sessions("q", SessionQuery(shared=True)).items == []


def test_twins_in_a_shared_session_count_once(store: Any) -> None:
    """Whoever lists it first."""
    store.share("q", "s", "p")
    store.append("q", told_twice())
    assert [one.statistics.llms for one in store.sessions("p", SessionQuery(shared=True)).items] == [1]


def test_what_is_shared_is_added_up_where_it_is(apart: Any) -> None:
    """Sums of the reader are of its own sessions, whatever the query says."""
    rows = [apart.totals("p", SessionQuery(shared=shared), "end_state") for shared in (None, True, False)]
    assert [len(OURS)] * 3 == [sum(row.sessions for row in one) for one in rows]


def test_listed_sessions_are_the_sessions(store: Store) -> None:
    """A listing has all of a session but the host environments."""
    store.append("p", one_of_everything())
    session = store.session("p", "s")
    assert session is not None
    assert [without_host_env(session)] == store.sessions("p", SessionQuery()).items


def test_a_start_that_moves_back_moves_the_session(store: Store) -> None:
    """The listings follow a start, a tag, a host, a model and a provider that become known later."""
    called = {"model": "m", "provider": "openai"}
    store.append("p", [call("a", "e", START + 9, **called), call("b", "e", START + 5, **called)])
    here = {ProcessKey("east", 1, 1): ProcessFacts()}
    store.append("p", [SessionFacts("a", processes=here), SessionFacts("b", processes=here)])
    tagged = frozenset({(Stamp(1, "o"), ("t",))})
    store.append("p", [SessionFacts("a", tags_added=tagged), SessionFacts("b", tags_added=tagged)])
    store.append("p", [SessionFacts("a", start_ns=START)])
    by_facts, by_calls = [{"tag": "t"}, {"host": "east"}], [{"model": "m"}, {"provider": "openai"}]
    for filters in ({}, *by_facts, *by_calls):
        query = SessionQuery(**filters)
        assert ids(store, query) == ["b", "a"]


def test_replaced_tags_leave_the_listing(store: Store) -> None:
    """A session is found by the tags it has, not by those it had."""
    store.append("p", [SessionFacts("s", start_ns=START, tags_set=(Stamp(1, "o"), ("old",)))])
    store.append("p", [SessionFacts("s", tags_set=(Stamp(2, "o"), ("new",)))])
    assert (ids(store, SessionQuery(tag="old")), ids(store, SessionQuery(tag="new"))) == ([], ["s"])


def test_running_follows_the_processes(make: Make) -> None:
    """A session without an end runs while one of its processes is alive, as the given `liveness` tells."""
    alive = {7: True, 8: False}
    store = make(clock=lambda: START + DAY, liveness=lambda key, process: alive[key.pid])
    for pid in alive:
        process = {ProcessKey("h", pid, START): ProcessFacts(seen_ns=START)}
        store.append("p", [SessionFacts(f"s{pid}", start_ns=START, processes=process)])
    dead = store.session("p", "s8")
    assert (ids(store, SessionQuery(running=True)), ids(store, SessionQuery(running=False))) == (["s7"], ["s8"])
    assert dead.end_state_reason == "process 8 on host h ended without closing the session"


@pytest.mark.parametrize("cursor", ["x", "bm9wZQ", "WzEsMl0", "é"])
def test_a_foreign_cursor_is_refused(store: Store, cursor: str) -> None:
    """A cursor that no listing gave is a mistake of the caller's, and named."""
    with pytest.raises(InvalidValueError, match="not a cursor"):
        store.sessions("p", SessionQuery(cursor=cursor))


def test_sessions_are_found_by_what_their_events_say(store: Store) -> None:
    """Every part of the text, somewhere in the session; besides what the session itself mentions."""
    store.append("p", [call("a", "1", prompt=[{"role": "user", "parts": [{"content": "the forecast"}]}])])
    store.append("p", [step("a", "2", params={"city": "Bern"}), step("b", "1", returns="a forecast, please")])
    store.append("p", [SessionFacts("c", tags_set=(Stamp(1, "o"), ("forecasts",)))])
    store.append("q", [step("d", "1", returns="forecast")])
    assert sorted(ids(store, SessionQuery(text="FORECAST"))) == ["a", "b", "c"]
    assert ids(store, SessionQuery(text="forecast bern")) == ["a"]
    assert ids(store, SessionQuery(text='"forecast please"')) == ["b"]
    assert ids(store, SessionQuery(text="cast")) == ["c"]
    assert ids(store, SessionQuery(text="100%_\\")) == []


def test_a_search_follows_revisions_and_deletions(store: Store) -> None:
    """What was replaced or deleted is found no more, and what stood beside it is."""
    facts = [step("a", str(number), params=f"word{number} common") for number in range(3)]
    store.append("p", [*facts, step("b", "1", params="word1 common")])
    store.append("p", [EventFact(replace(facts[1].event, params="other"), revision=1)])
    assert ids(store, SessionQuery(text="word1")) == ["b"]
    assert [ids(store, SessionQuery(text=text)) for text in ("word0", "word2", "other")] == [["a"]] * 3
    store.delete_session("p", "b")
    assert ids(store, SessionQuery(text="word1")) == []
    store.append("p", [step("c", "1", params="word1")])
    assert (ids(store, SessionQuery(text="word1")), ids(store, SessionQuery(text="common"))) == (["c"], ["a"])


def test_a_cursor_of_another_order_is_refused(many: Store) -> None:
    """It would skip sessions without a word."""
    cursor = many.sessions("p", SessionQuery(limit=1, sort="cost")).next_cursor
    with pytest.raises(InvalidValueError, match="not a cursor of this store and order"):
        many.sessions("p", SessionQuery(limit=1, sort="tokens", cursor=cursor))


def test_an_unknown_order_is_refused() -> None:
    """By the names of those there are."""
    with pytest.raises(InvalidValueError, match="sort is 'name'; choose one of start, end, duration"):
        SessionQuery(sort="name")  # type: ignore[arg-type]


def test_no_page_is_empty_by_request() -> None:
    """A limit below one is a mistake of the caller's."""
    with pytest.raises(InvalidValueError, match="limit is 0"):
        SessionQuery(limit=0)


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_come_by_start_then_id(store: Store) -> None:
    """The order is that of time, not that of arrival."""
    store.append("p", [step("s", "b", START + 1), step("s", "c", START)])
    store.append("p", [step("s", "a", START + 1)])
    assert [event.event_id for event in store.events("p", "s")] == ["c", "a", "b"]


def test_events_without_payloads_lack_only_the_large_fields(store: Store) -> None:
    """Everything else is as it is with payloads."""
    store.append("p", one_of_everything())
    events = list(store.events("p", "s"))
    assert list(map(without_large_fields, events)) == list(store.events("p", "s", EventQuery(payloads=False)))


def test_events_can_be_chosen(store: Store) -> None:
    """By kind, by id, and so many."""
    store.append("p", one_of_everything())

    def chosen(**query: Any) -> list[str]:
        return [event.event_id for event in store.events("p", "s", EventQuery(**query))]

    assert chosen() == ["e4", "e1", "e2", "e3", "e5"]
    assert chosen(types=("llms", "errors")) == ["e1", "e5"]
    assert chosen(event_id="e3") == ["e3"]
    assert chosen(event_id="e3", types=("llms",)) == []
    assert chosen(limit=2) == ["e4", "e1"]
    assert chosen(limit=0) == []


@pytest.mark.parametrize("payloads", [True, False])
def test_long_sessions_are_read_in_pieces(store: Store, payloads: bool) -> None:
    """More events than any chunk holds come complete, in order, and from any place on."""
    facts = [step("s", f"{number:04}", START + number // 2) for number in range(1100)]
    store.append("p", facts[::-1])
    events = list(store.events("p", "s", EventQuery(payloads=payloads)))
    assert [fact.event for fact in facts] == events
    rest = store.events("p", "s", EventQuery(payloads=payloads, cursor=cursor_of(events[998])))
    assert events[999:] == list(rest)
    some = store.events("p", "s", EventQuery(payloads=payloads, cursor=cursor_of(events[0]), limit=600))
    assert events[1:601] == list(some)


def test_a_reading_that_is_left_half_way_blocks_nobody(store: Store) -> None:
    """While a consumer of events pauses, writing, deleting and reading go on."""
    store.append("p", [step("s", f"{number:03}", START + number) for number in range(100)])
    reading = store.events("p", "s")
    next(reading)
    store.append("p", [step("s", "late", START + 1000)])
    assert (len(list(store.events("p", "s"))), store.delete_session("p", "s")) == (101, True)
    reading.close()


# --- one call, one event ---------------------------------------------------------------------------------------------


def told_twice() -> tuple[EventFact, EventFact]:
    """A model call as a framework tells of it, and as the provider's instrumentor does, which knows what it cost."""

    def told(event_id: str, scope: str, **more: Any) -> EventFact:
        common = {"trace_id": "t", "span_id": event_id, "usage": Usage(input=10), "extra": {"otel": {"scope": scope}}}
        return call("s", event_id, end_timestamp=START + 9, **common, **more)

    outer = told("outer", "framework", completion="yes", finish_reasons=("stop",))
    return outer, told("inner", "provider", parent_id="outer", model="m1", cost=Decimal("0.1"))


@pytest.mark.parametrize("late", [0, 1])
def test_a_call_that_is_told_twice_counts_once(store: Any, late: int) -> None:
    """Also when one of the two comes after everything has been read; it has what only the other knows."""
    facts = told_twice()
    whole = replace(facts[1].event, completion="yes", finish_reasons=("stop",), parent_id=None)
    store.append("p", [facts[1 - late]])
    assert stored(store, "s")[1] == [facts[1 - late].event]
    store.append("p", [facts[late]])
    session, events = stored(store, "s")
    assert session is not None
    assert ([whole], Statistics.of(whole)) == (events, session.statistics)
    assert [without_large_fields(whole)] == list(store.events("p", "s", EventQuery(payloads=False)))
    assert session.statistics == store.totals("p", SessionQuery(), "model")[0].statistics
    assert [session.statistics] == [one.statistics for one in store.sessions("p", SessionQuery(model="m1")).items]


def test_sessions_are_found_by_the_providers_of_calls_that_count(store: Any) -> None:
    """By the provider that only a twin names; not by the one a twin calls it, and no more by one that was revised."""
    outer, inner = (fact.event for fact in told_twice())
    both = (SessionQuery(provider="framework"), SessionQuery(provider="openai"))
    store.append("p", [EventFact(replace(outer, provider="framework"))])
    assert [ids(store, query) for query in both] == [["s"], []]
    store.append("p", [EventFact(inner)])
    assert [ids(store, query) for query in both] == [["s"], []]
    store.append("p", [EventFact(replace(inner, provider="openai"), 1)])
    assert [ids(store, query) for query in both] == [[], ["s"]]
    store.append("p", [EventFact(replace(inner, provider=None, parent_id=None), 2)])
    assert [ids(store, query) for query in both] == [["s"], []]


def test_what_stood_below_a_twin_stands_where_the_twin_stood(store: Any) -> None:
    """So that trees have no holes; the error that only the twin met is one of the call that counts."""
    outer, inner = (fact.event for fact in told_twice())
    outer, inner = replace(outer, parent_id="agent"), replace(inner, event_id="in", span_id="in")
    met = Failure(
        event_id="e", session_id="s", name="E", init_timestamp=START + 1, trace_id="t", parent_id="outer",
        trigger_event_id="outer",
    )  # fmt: skip
    store.append("p", [EventFact(event) for event in (outer, inner, met)])
    call, error = store.events("p", "s")
    assert (call.event_id, call.parent_id) == ("in", "agent")
    assert (error.trigger_event_id, error.parent_id) == ("in", "agent")


def test_what_was_told_can_be_asked_for(store: Store) -> None:
    """Every event as it came, by its id too, and nothing filled in."""
    facts = told_twice()
    store.append("p", facts)
    assert [facts[1].event, facts[0].event] == list(store.events("p", "s", EventQuery(told=True)))
    assert list(store.events("p", "s", EventQuery(event_id="outer"))) == []
    assert [facts[0].event] == list(store.events("p", "s", EventQuery(event_id="outer", told=True)))


def test_a_twin_that_becomes_another_call_counts_again(store: Any) -> None:
    """A newer revision with a response id of its own; the sums have both."""
    outer, inner = (replace(fact, event=replace(fact.event, response_id="r1")) for fact in told_twice())
    store.append("p", [outer, inner])
    assert store.session("p", "s").statistics.llms == 1
    store.append("p", [EventFact(replace(outer.event, response_id="r2", model="m2"), 1)])
    assert store.session("p", "s").statistics.llms == 2
    assert [row.key for row in store.totals("p", SessionQuery(), "model")] == ["m1", "m2"]
    store.append("p", [EventFact(replace(outer.event, model="m2"), 2)])
    assert [row.key for row in store.totals("p", SessionQuery(), "model")] == ["m1"]


def test_an_error_that_passes_through_counts_once(store: Any) -> None:
    """Where it was met first; the session is found by it, and no session by errors that it does not have."""
    around = step("s", "around", trace_id="t", span_id="a")
    failed = call("s", "call", trace_id="t", span_id="b", parent_id="a")
    met = [
        EventFact(
            Failure(
                event_id=f"e-{fact.event.event_id}",
                session_id="s",
                name="ValueError",
                init_timestamp=START,
                details="no",
                trigger_event_id=fact.event.event_id,
            )
        )
        for fact in (around, failed)
    ]
    store.append("p", [around, failed, *met])
    assert (ids(store, SessionQuery(has_errors=True)), store.session("p", "s").statistics.errors) == (["s"], 1)
    assert [error.event_id for error in store.events("p", "s", EventQuery(types=("errors",)))] == ["e-call"]


# --- further abilities -----------------------------------------------------------------------------------------------


def test_ids_are_found_by_prefix(store: FindsIds) -> None:
    """In order, and no more than asked for."""
    store.append("p", [SessionFacts(name) for name in ("ab2", "ab1", "ac", "b", "a%", "a_")])
    store.append("q", [SessionFacts("ab3")])
    assert store.find_session_ids("p", "ab") == ["ab1", "ab2"]
    assert store.find_session_ids("p", "a%") == ["a%"]
    assert store.find_session_ids("p", "a", limit=2) == ["a%", "a_"]
    assert store.find_session_ids("p", "z") == []


def test_a_span_is_found_without_its_trace(store: FindsSpans) -> None:
    """By its id or its event's; of two that share an id the newest, of another project none."""
    for session_id, at_ns in (("s", 1), ("t", 3), ("u", 2)):
        event = replace(step(session_id, f"e-{session_id}").event, init_timestamp=at_ns, span_id="same")
        store.append("p", [EventFact(event)])

    assert store.find_span("p", "same") == ("t", "e-t")
    assert store.find_span("p", "e-u") == ("u", "e-u")
    assert (store.find_span("q", "same"), store.find_span("p", "none")) == (None, None)


def test_changes_are_told_by_session(store: Any) -> None:
    """Another number after each append to a session, and only to that; nothing of unknown ones."""
    if not hasattr(store, "changes"):
        pytest.skip("nothing is worth being remembered here")
    store.append("p", [step("s", "1"), step("t", "1")])
    before = store.changes("p", ["s", "t", "none"])
    store.append("p", [step("s", "2")])
    after = store.changes("p", ["s", "t", "none"])
    assert (before.keys(), before["t"]) == (after.keys(), after["t"]) == ({"s", "t"}, before["t"])
    assert before["s"] != after["s"]


def test_models_are_told_by_session(store: ListsModels) -> None:
    """Each session with the models it called, by name; one that called none is left out, and so is a foreign one."""
    store.append("p", [call("s", "1", model="m-2"), call("s", "2", model="m-1"), call("s", "3", model="m-1")])
    store.append("p", [call("t", "1", request_model="m-3"), step("u", "1")])
    store.append("q", [call("u", "1", model="m-4")])

    assert store.models("p", ["s", "t", "u", "none"]) == {"s": ["m-1", "m-2"], "t": ["m-3"]}


def rows(store: Totals, by: Any, **query: Any) -> dict[str, tuple[int, int, Decimal]]:
    return {
        row.key: (row.sessions, row.statistics.prompt_tokens, row.statistics.cost)
        for row in store.totals("p", SessionQuery(**query), by)
    }


def test_totals_add_up(many: Totals) -> None:
    """By day, end state and model, over all sessions or those that a query selects."""
    days = {
        "2023-11-14": (2, 1, Decimal("0.1")),
        "2023-11-15": (2, 5, Decimal("0.5")),
        "2023-11-16": (2, 9, Decimal("0.9")),
        "2023-11-17": (2, 13, Decimal("1.3")),
    }
    states = {
        "Failure": (2, 3, Decimal("0.3")),
        "Indeterminate": (2, 13, Decimal("1.3")),
        "Success": (4, 12, Decimal("1.2")),
    }
    models = {"m0": (3, 9, Decimal("0.9")), "m1": (3, 12, Decimal("1.2")), "m2": (2, 7, Decimal("0.7"))}
    assert (days, states, models) == (rows(many, "day"), rows(many, "end_state"), rows(many, "model"))
    assert {"Failure": (1, 3, Decimal("0.3")), "Success": (2, 6, Decimal("0.6"))} == rows(
        many, "end_state", tag="odd", running=False
    )
    assert {"m1": (1, 7, Decimal("0.7"))} == rows(many, "model", id_prefix="b", model="m1", min_cost=Decimal("0.5"))
    assert rows(many, "end_state", text="rar", min_duration_ns=9) == {"Failure": (1, 3, Decimal("0.3"))}
    assert rows(many, "day", tag="no") == {}


def test_totals_have_every_statistic(store: Totals) -> None:
    """The sum over one session is the session's, drops included; by model, the model calls'."""
    store.append("p", one_of_everything())
    session = store.session("p", "s")
    whole = [TotalsRow(key="Success", sessions=1, statistics=session.statistics)]
    calls = Statistics.of(next(iter(store.events("p", "s", EventQuery(types=("llms",))))))
    assert whole == store.totals("p", SessionQuery(), "end_state")
    assert [TotalsRow(key="m-1", sessions=1, statistics=calls)] == store.totals("p", SessionQuery(), "model")


def test_records_are_json(store: Store) -> None:
    """What comes out of a store can be written as JSON as it is."""
    store.append("p", one_of_everything())
    session, events = stored(store, "s")
    json.dumps([to_json(record) for record in (session, *events)], allow_nan=False)


# --- sessions of traces ----------------------------------------------------------------------------------------------

TRACE = "0af7651916cd43dd8448eb211c80319c"
OWN = session_of_trace(TRACE)


def spans_of_a_trace() -> list[FlatSpan]:
    """The root and two of its spans name no session, the model call does; one span comes twice, once with the name."""

    def span(number: int, parent: int | None, **more: Any) -> FlatSpan:
        parent_id = None if parent is None else f"{parent:016x}"
        start_ns = START + number * 1_000
        return FlatSpan(TRACE, f"{number:016x}", f"span {number}", start_ns, start_ns + 500, parent_id, **more)

    call = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "session.id": "chat-7"}
    http = {"http.request.method": "GET", "url.full": "http://localhost/"}
    return [
        span(1, None, status_code=STATUS_ERROR, status_message="no"),
        span(2, 1, attributes=call),
        span(3, 1, attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}),
        span(4, 3, attributes=http),
        span(4, 3, attributes=http, session_id="chat-7"),
    ]


def test_a_trace_belongs_to_the_session_that_one_of_its_spans_names(make: Make) -> None:
    """Whichever comes first, and however they are put together: there is one session, with all of it."""
    spans = spans_of_a_trace()
    seen = set()
    for number, order in enumerate(permutations(spans)):
        for together in (1, 2, 5) if number % 20 == 0 else (1 + number % 2,):
            store = make(clock=lambda: NOW)
            for begin in range(0, 5, together):
                store.append("p", [fact for one in order[begin : begin + together] for fact in translate(one)])
            [session] = store.sessions("p", SessionQuery()).items
            events = [to_json(event) for event in store.events("p", "chat-7", EventQuery(payloads=True))]
            seen.add(json.dumps([to_json(session), events, to_json(store.session("p", "chat-7"))]))
            assert store.session("p", OWN) is None
            store.close()
    [told] = seen
    session, events, _ = json.loads(told)
    assert (session["session_id"], session["end_state"]) == ("chat-7", "Indeterminate")
    counts = session["statistics"]
    assert [counts[kind] for kind in ("llms", "tools", "actions", "apis", "errors")] == [1, 1, 1, 1, 1]
    assert {event["session_id"] for event in events} == {"chat-7"}


def test_a_trace_that_names_several_sessions_keeps_the_rest_to_itself(store: Store) -> None:
    """What stands above two chats belongs to neither."""
    root, one, tool, *_ = spans_of_a_trace()
    two = replace(tool, attributes={**tool.attributes, "session.id": "chat-8"})
    store.append("p", [fact for span in (one, two) for fact in translate(span)])
    store.append("p", translate(root))
    assert sorted(ids(store, SessionQuery())) == sorted(["chat-7", "chat-8", OWN])


def test_a_session_that_is_its_trace_is_not_moved(store: Store) -> None:
    """A session of ours stays one, whatever a span in it calls its conversation."""
    root, one, *_ = spans_of_a_trace()
    store.append("p", translate(replace(root, attributes={"agentops.session.id": OWN})))
    store.append("p", translate(one))
    assert sorted(ids(store, SessionQuery())) == sorted(["chat-7", OWN])


def test_a_search_follows_events_that_move_to_another_session(store: Any) -> None:
    """What was said in a trace is found in the session that the trace names later, and not twice; indexed or not."""
    root, one, tool, *_ = spans_of_a_trace()
    asked = replace(tool, attributes={**tool.attributes, "gen_ai.tool.call.arguments": '{"query": "walrus"}'})
    store.append("p", [*translate(root), *translate(asked)])
    index(store)
    assert ids(store, SessionQuery(text="walrus")) == [OWN]
    store.append("p", translate(one))
    assert ids(store, SessionQuery(text="walrus")) == ["chat-7"]
    index(store)
    assert ids(store, SessionQuery(text="walrus")) == ["chat-7"]
    store.delete_session("p", "chat-7")
    assert ids(store, SessionQuery(text="walrus")) == []


def index(store: Any) -> None:
    """Take all that was appended into the index of words, where the store has one."""
    while getattr(store, "index_texts", bool)():
        pass


def test_what_comes_after_a_deletion_is_a_session_of_its_own(store: Any) -> None:
    """The trace no longer leads to the session that is gone."""
    root, one, *_ = spans_of_a_trace()
    store.append("p", [*translate(root), *translate(one)])
    store.delete_session("p", "chat-7")
    store.append("p", translate(root))
    assert ids(store, SessionQuery()) == [OWN]
