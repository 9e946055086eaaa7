"""What the SQLite store says of many sessions at once, and what is read from the answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import EndState, LLMCall, Usage
from agentops_otel.store.overview import (
    Group,
    OverviewQuery,
    Share,
    costs_by_name,
    percentiles,
    unpriced_by_name,
)
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.store.sqlite.overview import QUARTER_NS

HOUR = 3_600_000_000_000
SINCE = 1_700_000_000 * 1_000_000_000
QUERY = OverviewQuery(SINCE, SINCE + 3 * HOUR, HOUR)
QUARTERS = OverviewQuery(0, 12 * QUARTER_NS, 3 * QUARTER_NS)


def session(
    session_id: str,
    start_ns: int,
    state: EndState = "Success",
    reason: str = "",
    lasted_ns: int = 5_000_000_000,
    tags: tuple[str, ...] = (),
) -> SessionFacts:
    end = End(EndRank.EXPLICIT, start_ns + lasted_ns, "test", state, reason)
    return SessionFacts(session_id, start_ns, start_ns, end, tags_set=(Stamp(start_ns, "test"), tags))


def call(session_id: str, event_id: str, model: str, cost: str | None) -> EventFact:
    return EventFact(
        LLMCall(
            event_id=event_id,
            session_id=session_id,
            name=f"chat {model}",
            init_timestamp=SINCE,
            model=model,
            usage=Usage(input=10, cache_read=5, output=2),
            cost=None if cost is None else Decimal(cost),
        )
    )


FACTS: list[Fact] = [
    session("early", SINCE - 1, tags=("a",)),
    session("first", SINCE, tags=("a", "b")),
    call("first", "1", "m", "0.5"),
    call("first", "2", "n", None),
    session("twice", SINCE + 1, lasted_ns=5_000_000_001, tags=("a",)),
    call("twice", "3", "m", "0.25"),
    session("broken", SINCE + HOUR, "Failure", "no way", 7_000_000),
    session("again", SINCE + HOUR, "Failure", "no way", 7_000_000),
    session("silent", SINCE + HOUR, "Failure", "", 9_000_000),
    session("late", SINCE + 3 * HOUR, tags=("a",)),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "agentops.db")
    opened.append("p", FACTS)
    opened.append("other", [session("foreign", SINCE)])
    yield opened
    opened.close()


def test_sessions_are_grouped_by_step_state_and_duration(store: SqliteStore) -> None:
    """Of the span and of the project alone; durations to three digits, so two of nearly the same stand together."""
    groups = store.overview("p", QUERY).groups
    assert sorted(groups) == [
        Group(0, "Success", 5_000_000_000, 2, 45, 15, 6, 0.75, 1),
        Group(1, "Failure", 7_000_000, 2, 0, 0, 0, 0.0, 0),
        Group(1, "Failure", 9_000_000, 1, 0, 0, 0, 0.0, 0),
    ]


def test_costs_are_told_by_model_and_by_tag(store: SqliteStore) -> None:
    """By model each call counts once; by tag a session counts under each of its tags."""
    found = store.overview("p", QUERY)
    assert sorted(found.by_model) == [Share(0, "m", 0.75, 0), Share(0, "n", 0.0, 1)]
    assert sorted(found.by_tag) == [Share(0, "a", 0.75, 1), Share(0, "b", 0.5, 1)]


def test_the_dearest_and_the_most_frequent_come_first(store: SqliteStore) -> None:
    """Sessions and calls by cost, those that cost nothing left out; reasons of failures by number."""
    found = store.overview("p", QUERY)
    assert [one.session_id for one in found.dearest] == ["first", "twice"]
    assert found.dearest == [store.session("p", one) for one in ("first", "twice")]
    assert [(one.session_id, one.event_id) for one in found.dearest_calls] == [("first", "1"), ("twice", "3")]
    assert found.reasons == [("no way", 2), ("", 1)]


def test_an_empty_span_is_an_answer(store: SqliteStore) -> None:
    """Nothing of everything."""
    found = store.overview("p", OverviewQuery(0, HOUR, HOUR))
    assert (found.groups, found.by_model, found.by_tag, found.dearest, found.dearest_calls, found.reasons) == (
        *([], [], [], [], []),
        [],
    )


CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda name, start, state, reason, lasted, tags: [session(name, start, state, reason, lasted, tags)],
            st.sampled_from("abcdef"),
            st.integers(0, 13 * QUARTER_NS),
            st.sampled_from(get_args(EndState)),
            st.sampled_from(["", "no way", "too late"]),
            st.sampled_from([0, 5_000_000_000, 5_000_000_001, 86_400_000_000_000]),
            st.sampled_from([(), ("a",), ("a", "b")]),
        ),
        st.builds(
            lambda name, event_id, model, cost: [call(name, event_id, model, cost)],
            st.sampled_from("abcdef"),
            st.sampled_from("123"),
            st.sampled_from("mn"),
            st.sampled_from(["0.5", "0.25", None]),
        ),
        st.sampled_from("abcdef"),  # is deleted
        st.just(None),  # what is over is added up
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_sums_that_are_kept_are_those_of_the_sessions(changes: list[list[Fact] | str | None]) -> None:
    """Whatever comes, moves, changes or goes after a quarter was added up, the overview is that of a store in which
    every quarter is stale."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        kept, plain = (stack.enter_context(closing(SqliteStore(folder / name))) for name in ("kept.db", "plain.db"))
        for change in [[session("a", 0)], *changes]:
            if change is None:
                while kept.roll_up():
                    pass
            elif isinstance(change, str):
                assert kept.delete_session("p", change) == plain.delete_session("p", change)
            else:
                kept.append("p", change)
                plain.append("p", change)
        with closing(sqlite3.connect(plain.path)) as db, db:
            db.executemany("INSERT OR IGNORE INTO overview_stale VALUES ('p', ?)", [(number,) for number in range(12)])
        ours, theirs = (store.overview("p", QUARTERS) for store in (kept, plain))
        for part in ("groups", "by_model", "by_tag"):
            assert sorted(getattr(ours, part), key=repr) == sorted(getattr(theirs, part), key=repr)
        assert (ours.reasons, ours.dearest) == (theirs.reasons, theirs.dearest)


def test_a_quarter_that_is_added_up_is_not_read_again(tmp_path: Path) -> None:
    """Its sums stand in tables of their own; what changes a session of it makes it stale, and its sums go at once. A
    quarter that goes on has none."""
    now = 40 * QUARTER_NS + HOUR
    with closing(SqliteStore(tmp_path / "agentops.db", clock=lambda: now)) as store:
        store.append("p", [session("old", QUARTER_NS, "Failure", "secret words", tags=("a",))])
        store.append("p", [call("old", "1", "m", "0.5")])
        store.append("p", [session("running", now - 1)])
        while store.roll_up():
            pass
        assert rolled_up(store) == {
            "overview_groups": [("p", 1, "Failure", 5_000_000_000, 1, 15, 5, 2, 0.5, 0)],
            "overview_models": [("p", 1, "m", 0.5, 0)],
            "overview_reasons": [("p", 1, "secret words", 1)],
            "overview_stale": [("p", 40)],
            "overview_tags": [("p", 1, "a", 0.5, 0)],
        }
        assert store.delete_session("p", "old")
        assert b"secret words" not in store.path.read_bytes()
        assert rolled_up(store)["overview_stale"] == [("p", 1), ("p", 40)]


def rolled_up(store: SqliteStore) -> dict[str, list[tuple[object, ...]]]:
    """What is kept of sums."""
    with closing(sqlite3.connect(store.path)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = sorted(name for name in names if name.startswith("overview_"))
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in kept}


@pytest.mark.parametrize(("hours", "steps"), [(0, 1), (1, 1), (2.5, 3), (24, 24)])
def test_the_last_step_may_be_shorter(hours: float, steps: int) -> None:
    """There is one at least."""
    assert OverviewQuery(SINCE, SINCE + int(hours * HOUR), HOUR).steps == steps


def test_percentiles_are_durations_that_occur() -> None:
    """The smallest that so many do not exceed; sessions without a duration do not count."""

    def group(duration_ns: int | None, count: int) -> Group:
        return Group(0, "Success", duration_ns, count, 0, 0, 0, 0.0, 0)

    groups = [group(30, 5), group(10, 90), group(20, 5), group(None, 1000)]
    assert percentiles(groups, (0.5, 0.9, 0.95, 0.99, 1)) == [10, 10, 20, 30, 30]
    assert percentiles([group(None, 3)], (0.5,)) is None


def test_shares_are_added_up_under_their_names() -> None:
    """The dearest name first; names of which every call has a price are no gap."""
    shares = [Share(0, "a", 1.0, 0), Share(1, "b", 2.0, 3), Share(1, "a", 0.5, 0), Share(2, "c", 0.0, 4)]
    assert list(costs_by_name(shares).items()) == [("b", {1: 2.0}), ("a", {0: 1.0, 1: 0.5}), ("c", {2: 0.0})]
    assert unpriced_by_name(shares) == {"c": 4, "b": 3}
