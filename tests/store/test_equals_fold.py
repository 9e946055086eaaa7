"""The SQLite store is the fold: the same facts, cut and shared among connections in any way, give the same records."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentops_otel.facts import Fact, SessionFacts
from agentops_otel.fold import Fold
from agentops_otel.records import Statistics, total
from agentops_otel.store.base import SESSION_SORTS, EventQuery, SessionQuery
from agentops_otel.store.memory import MemoryStore
from agentops_otel.store.sqlite import SqliteStore
from fold.strategies import facts as any_facts
from fold.test_laws import NOW, records, text_of
from store.conformance import all_pages

CHOICES = (
    EventQuery(payloads=False),
    EventQuery(types=("llms", "errors"), limit=2),
    EventQuery(event_id="e2"),
    EventQuery(told=True),
    EventQuery(latest_first=True),
    EventQuery(latest_first=True, types=("llms",), limit=1),
)


QUERIES = (
    *(SessionQuery(), SessionQuery(model="m1"), SessionQuery(tag="a"), SessionQuery(has_errors=True)),
    *(
        SessionQuery(provider="openai"),
        SessionQuery(host="host"),
        SessionQuery(host="h", provider="openai", model="m1"),
    ),
    *(SessionQuery(sort=sort, ascending=up) for sort in SESSION_SORTS for up in (False, True)),
    SessionQuery(sort="cost", tag="a"),
    *(SessionQuery(text=text) for text in ("a", "B", "ä", '"a"', "a ä", "s1")),
)


def opened(folder: str) -> closing[SqliteStore]:
    return closing(SqliteStore(Path(folder) / "x.db", clock=lambda: NOW))


def stored(store: SqliteStore) -> list[str]:
    lines = []
    for session_id in store.find_session_ids("default", ""):
        session = store.session("default", session_id)
        assert session is not None
        lines += [text_of(session), *(text_of(event) for event in store.events("default", session_id))]
    return lines


@given(any_facts, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_the_store_equals_the_fold(facts: list[Fact], chance: random.Random) -> None:
    """Records, totals and listings are those of the fold, after every batch, through either of two connections.

    Also where events repeat others, and whichever listing is the first to notice.
    """
    fold, memory = Fold(), MemoryStore(clock=lambda: NOW)
    with tempfile.TemporaryDirectory() as folder, opened(folder) as one, opened(folder) as two:
        rest = facts + (chance.choices(facts, k=3) if facts else [])
        chance.shuffle(rest)
        while rest:
            batch = [rest.pop() for _ in range(chance.randint(1, len(rest)))]
            fold.add(batch)
            memory.append("default", batch)
            chance.choice((one, two)).append("default", batch)
            if chance.random() < 0.3:
                chance.choice((one.index_texts, two.compact))()
            if chance.random() < 0.7:
                assert records(fold) == stored(chance.choice((one, two)))
        for query in QUERIES:
            assert memory.sessions("default", query) == one.sessions("default", query)
            for by in ("day", "model", "end_state"):
                assert memory.totals("default", query, by) == one.totals("default", query, by)
        assert records(fold) == stored(one)
        for session_id in fold.session_ids():
            for choice in CHOICES:
                chosen = [list(store.events("default", session_id, choice)) for store in (memory, one)]
                assert list(map(text_of, chosen[0])) == list(map(text_of, chosen[1]))


@given(any_facts, st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_the_pages_of_what_is_shared_are_the_whole(facts: list[Fact], data: st.DataObject) -> None:
    """Sessions of three projects, any of which the first may read: each of its listings, cut into pages of any length,
    has every session once, as the fold has it."""
    memory = MemoryStore(clock=lambda: NOW)
    query = replace(data.draw(st.sampled_from(QUERIES)), shared=None, limit=data.draw(st.integers(1, 4)))
    with tempfile.TemporaryDirectory() as folder, opened(folder) as store:
        for fact in facts:
            project, is_shared = data.draw(st.sampled_from("pqr")), data.draw(st.booleans())
            session_id = fact.session_id if isinstance(fact, SessionFacts) else fact.event.session_id
            for one in (memory, store):
                one.append(project, [fact])
                if is_shared and project != "p":
                    one.share(project, session_id, "p")
        whole = memory.sessions("p", replace(query, limit=1000)).items
        assert whole == all_pages(store, query)


@given(any_facts)
@settings(deadline=None, max_examples=30)
def test_sums_are_those_of_the_events(facts: list[Fact]) -> None:
    """The rollup of a session is the sum over its stored events, exactly."""
    with tempfile.TemporaryDirectory() as folder, opened(folder) as store:
        for fact in facts:
            store.append("default", [fact])
        for session in store.sessions("default", SessionQuery()).items:
            events = store.events("default", session.session_id)
            dropped = Statistics(dropped=sum(process.dropped for process in session.processes))
            assert total(map(Statistics.of, events)) + dropped == session.statistics
