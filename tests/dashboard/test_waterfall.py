"""The rows of a waterfall: which there are, what is folded, where the bars lie."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentops_otel.records import Action, ApiCall, Event, Failure, LLMCall, ToolCall
from agentops_otel.server.dashboard.timeline import Bar
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Row, Waterfall

from .conftest import Recorded


def event(cls: type[Event], event_id: str, begin: int, end: int | None, parent: str | None = None, **more: Any) -> Any:
    """An event whose span has its id."""
    named = {"event_id": event_id, "session_id": "s", "name": more.pop("name", event_id), "trace_id": "t"}
    times = {"init_timestamp": begin, "end_timestamp": end}
    return cls(span_id=event_id, parent_id=parent, **named, **times, **more)


def searches(count: int, start: int = 100, parent: str | None = "a", name: str = "search") -> list[Event]:
    """Tools of one name, each 5 long and 10 after the other."""
    return [
        event(ToolCall, f"{name}{n}", start + 10 * n, start + 10 * n + 5, parent, name=name, cost=Decimal("0.1"))
        for n in range(count)
    ]


ROUND = [event(Action, "a", 0, 1000), event(LLMCall, "m", 10, 90, "a", model="gpt"), *searches(37)]


def names(plan: Waterfall) -> list[tuple[str, int, int]]:
    """Of each row the name, how many events it stands for, and its depth."""
    return [(row.name, row.repeats, row.depth) for row in plan.rows]


def test_neighbours_that_repeat_are_one_row() -> None:
    """With how often, the sum of their time and cost, and a bar for each."""
    plan = Waterfall.of(ROUND, View())
    fold = plan.rows[2]

    assert names(plan) == [("a", 1, 0), ("gpt", 1, 1), ("search", 37, 1)]
    assert (fold.duration_ns, fold.cost, fold.is_open, fold.ids) == (37 * 5, Decimal("3.7"), False, [])
    assert [*fold.bars][:2] == [Bar(100, 5), Bar(110, 5)]
    assert len(fold.bars) == 37


@pytest.mark.parametrize("fold", ["search0", "all"])
def test_an_open_fold_is_followed_by_its_events(fold: str) -> None:
    """Opened by its own id, or with all others."""
    plan = Waterfall.of(ROUND, View(opened=frozenset({fold})))
    assert names(plan)[2:] == [("search", 37, 1), *[("search", 1, 2)] * 37]
    assert plan.rows[2].is_open
    assert [row.event.event_id for row in plan.rows[3:]] == [f"search{n}" for n in range(37)]


def test_every_event_has_a_place_or_a_fold() -> None:
    """So that a page can show what is picked."""
    shut, opened = (Waterfall.of(ROUND, View(opened=frozenset(one))) for one in ((), ("search0",)))
    assert [shut.place_of(one) for one in ("a", "m", "search0", "search36", "none", None)] == [0, 1, *[None] * 4]
    assert [shut.fold_of(one) for one in ("a", "search0", "search36", "none", None)] == [
        *(None, "search0", "search0"),
        *(None, None),
    ]
    assert [opened.place_of(one) for one in ("search0", "search36")] == [3, 39]
    assert opened.fold_of("search36") is None


def test_what_went_wrong_or_has_something_inside_is_never_folded() -> None:
    """Two are not folded either; a failed one parts those before it from those after it."""
    failed = Failure(event_id="f", session_id="s", name="E", init_timestamp=131, trigger_event_id="search3")
    inner = event(LLMCall, "m", 161, 162, "search6", model="gpt")
    plan = Waterfall.of([*ROUND[:1], *searches(9), failed, inner], View())
    assert names(plan)[1:] == [
        ("search", 3, 1),
        ("search", 1, 1),
        ("search", 1, 1),
        ("search", 1, 1),
        ("search", 1, 1),
        ("gpt", 1, 2),
        ("search", 1, 1),
        ("search", 1, 1),
    ]


def test_other_names_and_kinds_are_other_folds() -> None:
    """Also of the same start and parent; API calls are folded once they are shown."""
    apis = [event(ApiCall, f"p{n}", 500 + n, 501 + n, "a", name="POST") for n in range(4)]
    events = [*ROUND[:1], *searches(3), *searches(3, 200, name="fetch"), *apis]
    assert names(Waterfall.of(events, View()))[1:] == [("search", 3, 1), ("fetch", 3, 1)]
    assert names(Waterfall.of(events, View(apis=True)))[1:] == [("search", 3, 1), ("fetch", 3, 1), ("POST", 4, 1)]


@pytest.mark.parametrize(
    ("costs", "cost", "is_bound"),
    [
        (("0.1", "0.2", "0.3"), Decimal("0.6"), False),
        (("0.1", None, "0.3"), Decimal("0.4"), True),
        ((None,) * 3, None, True),
    ],
)
def test_the_cost_of_a_fold_is_known_as_far_as_it_is(
    costs: tuple[str | None, ...], cost: Decimal | None, is_bound: bool
) -> None:
    """A lower bound where some calls have no price, unknown where none has one."""
    calls = [
        event(LLMCall, f"m{n}", n, n + 1, model="gpt", cost=None if one is None else Decimal(one))
        for n, one in enumerate(costs)
    ]
    [row] = Waterfall.of(calls, View()).rows
    assert (row.cost, row.is_lower_bound) == (cost, is_bound)


def test_bars_that_cannot_be_told_apart_are_one() -> None:
    """A fold of ten thousand draws no more than the width has room for."""
    [row] = Waterfall.of(searches(10_000, parent=None), View()).rows
    assert row == Row(row.events, 0, "search", (), [Bar(0, 1000)], [])


def test_repeats_are_folded_on_the_page(crew: Recorded) -> None:
    """Without a script the row is a link that opens it, and then one that shuts it."""
    page = crew.session("crew")
    opened = crew.read(page.links("fold")[0])
    assert "×5 search_papers [Editor]" in page.words
    assert len(opened.all("a", "row")) == len(page.all("a", "row")) + 5
    assert crew.read(opened.links("fold")[0]).words == page.words


def test_the_fold_of_a_picked_event_is_open(crew: Recorded) -> None:
    """Also in the links of the page, so that further rows are counted alike."""
    hidden = [one for one in crew.events("crew") if one["name"] == "search_papers"][-1]["event_id"]
    page = crew.session("crew", f"?event={hidden}")
    assert [row.attributes["id"] for row in page.all("a", "row") if "aria-current" in row.attributes] == [f"e-{hidden}"]
    assert all("open=" in link for link in page.links("row") if link not in page.links("fold"))
