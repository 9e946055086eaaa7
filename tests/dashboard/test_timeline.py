"""Where moments lie on the axis of a waterfall, and what the map above it shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel.records import Action, Event, Failure, LLMCall, ToolCall
from agentops_otel.server.dashboard.minimap import LANE, Lane, lanes_of, minimap
from agentops_otel.server.dashboard.timeline import GAP_WIDTH, WIDTH, Axis, Bar, Gap, Tick, gaps_of, ran_of
from agentops_otel.server.dashboard.view import View, seconds
from agentops_otel.server.dashboard.waterfall import Waterfall, axis_of
from agentops_otel.text.tree import parents_of

from .conftest import PROTOBUF, Recorded, at_times
from .test_waterfall import event

SECOND = 1_000_000_000


def ran(events: list[Event]) -> list[Event]:
    """What ran in a session of these events."""
    return ran_of(events, parents_of(events))


STEP = event(Action, "step", 0, 1000)
EARLY = event(LLMCall, "early", 0, 100, "step", model="gpt")
LATE = event(ToolCall, "late", 900, 1000, "step")
EVENTS: list[Event] = [STEP, EARLY, LATE]


def test_a_gap_is_when_nothing_ran_within_steps() -> None:
    """A step in which others ran is around them, one by itself is not; short gaps and errors are no matter."""
    failed = Failure(event_id="f", session_id="s", name="E", init_timestamp=500)
    assert gaps_of(ran([*EVENTS, failed]), 0, 1000) == [Gap(100, 900)]
    assert gaps_of(ran([*EVENTS, event(Action, "wait", 100, 880, "step")]), 0, 1000) == []
    assert gaps_of(ran([EARLY]), 0, 1000) == [Gap(100, 1000)]
    assert gaps_of(ran([LATE]), 0, 950) == [Gap(0, 900)]
    assert gaps_of(ran([]), 0, 0) == []


def test_a_closed_gap_has_a_fixed_width() -> None:
    """What is around it gets the room; places within it are in it."""
    axis = Axis(0, 1000, [Gap(100, 900)])
    busy = (WIDTH - GAP_WIDTH) / 2
    assert [axis.at(one) for one in (0, 50, 100, 500, 900, 1000)] == pytest.approx(
        [0, busy / 2, busy, busy + GAP_WIDTH / 2, busy + GAP_WIDTH, WIDTH]
    )
    assert axis.closed == [Bar(busy, GAP_WIDTH)]


@given(st.lists(st.integers(0, 1000), max_size=12, unique=True), st.lists(st.integers(-10, 1010), min_size=2))
def test_later_is_never_further_left(edges: list[int], moments: list[int]) -> None:
    """With any gaps, and within the axis also for moments that are not."""
    ordered = sorted(edges)
    axis = Axis(0, 1000, [Gap(*pair) for pair in zip(ordered[::2], ordered[1::2])])  # noqa: B905 - the last may be alone
    places = [axis.at(one) for one in sorted(moments)]
    assert places == sorted(places)
    assert all(-1e-6 <= one <= WIDTH + 1e-6 for one in places)


def test_the_axis_is_labelled_with_its_times_or_its_gaps() -> None:
    """Times since the session began; a gap with its length where there is room for the words."""
    assert Axis(SECOND, 3 * SECOND).ticks(0) == [Tick(0, "1.0 s"), Tick(50, "2.0 s"), Tick(100, "3.0 s")]
    close = Axis(0, 100 * SECOND, [Gap(SECOND, 40 * SECOND), Gap(49 * SECOND, 90 * SECOND)])
    assert [tick.words for tick in close.ticks(0)] == ["0", "41.0 s", "1m 40s"]


def test_a_part_of_the_time_shows_what_ran_in_it() -> None:
    """With what it is in, and the errors of what is shown; the axis is that part."""
    failed = Failure(event_id="f", session_id="s", name="E", init_timestamp=999, trigger_event_id="late")
    plan = Waterfall.of([*EVENTS, failed], View(begin_ns=500, end_ns=950))
    assert [(row.event.event_id, row.failed) for row in plan.rows] == [("step", False), ("late", True)]
    assert (plan.axis.start_ns, plan.axis.end_ns, plan.whole.end_ns) == (500, 950, 1000)
    assert [*plan.rows[1].bars] == [Bar(888.89, 111.11)]


@pytest.mark.parametrize("view", [View(begin_ns=2000), View(begin_ns=9, end_ns=9), View(end_ns=0)])
def test_a_part_that_is_none_is_all_of_it(view: View) -> None:
    """Beyond the end, or nothing between."""
    assert [row.event.event_id for row in Waterfall.of(EVENTS, view).rows] == ["step", "early", "late"]


def test_the_map_has_a_lane_for_each_kind() -> None:
    """Steps around others are left out; what is chosen lies between the two that are not."""
    failed = Failure(event_id="f", session_id="s", name="E", init_timestamp=950, trigger_event_id="late")
    events = [*EVENTS, failed]
    found = minimap(lanes_of(ran(events), axis_of(events)), axis_of(events), Axis(500, 1000))
    assert found.lanes == [
        Lane("llms", f"M0 3h100v{LANE}h-100z"),
        Lane("tools", f"M900 13h100v{LANE}h-100z"),
        Lane("errors", f"M950 23h3v{LANE}h-3z"),
    ]
    assert (found.chosen, found.after, found.height) == (Bar(500, 500), 1000, 33)
    assert minimap(lanes_of(ran(events), axis_of(events)), axis_of(events), axis_of(events)).chosen is None


def test_the_map_of_a_long_session_is_no_longer() -> None:
    """Events that cannot be told apart are drawn as one."""
    many = [event(ToolCall, f"e{n}", 10 * n, 10 * n + 9) for n in range(50_000)]
    [lane] = minimap(lanes_of(many, axis_of(many)), axis_of(many), axis_of(many)).lanes
    assert lane.path == f"M0 3h1000v{LANE}h-1000z"


@pytest.mark.parametrize(("time_ns", "said"), [(None, None), (0, "0"), (12_500_000_000, "12.5"), (1, "0.000000001")])
def test_seconds_in_a_url_are_exact(time_ns: int | None, said: str | None) -> None:
    """To the nanosecond, without zeros at the end."""
    assert seconds(time_ns) == said


def test_gaps_and_time_are_in_the_url(nothing: Recorded) -> None:
    """The page tells how long the gaps are, shows them where they are closed, and keeps the part of the time."""
    nothing.server.ask("POST", "/v1/traces", at_times("gaps", (0, 1), (600, 601), (602, 603)), Content_Type=PROTOBUF)
    page = nothing.read("/sessions/gaps")
    closed = nothing.read("/sessions/gaps?gaps=closed&from=1&to=602")
    assert "Close 1 gap 9m 59s" in page.words
    assert [len(one.all("rect", "gap")) for one in (page, closed)] == [0, 1]
    assert [len(one.all("use")) for one in (page, closed)] == [0, 3]
    assert all("gaps=closed&from=1&to=602" in link for link in closed.links("row"))
