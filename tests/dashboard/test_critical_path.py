"""Which events decide when a session ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentops_otel.records import Action, Event, LLMCall, ToolCall
from agentops_otel.server.dashboard.critical_path import CriticalPath, Part, critical_path
from agentops_otel.server.dashboard.timeline import Bar
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Waterfall
from agentops_otel.text.tree import Plot

from .conftest import Recorded
from .test_waterfall import event


def path_of(events: list[Event]) -> CriticalPath:
    """The path of a session from its first start to its last end."""
    start, end = min(one.init_timestamp for one in events), max(one.end_timestamp or 0 for one in events)
    return critical_path(Plot(events, apis=False), start, end)


def told(path: CriticalPath) -> list[tuple[str | None, int, int]]:
    """Each stretch by the id of its event."""
    return [(one.event and one.event.event_id, one.begin_ns, one.end_ns) for one in path.stretches]


STEP = event(Action, "step", 0, 100)
FAST = event(ToolCall, "fast", 10, 40, "step")
SLOW = event(ToolCall, "slow", 12, 60, "step")
CALL = event(LLMCall, "call", 62, 95, "step")
LATE = event(LLMCall, "late", 150, 200)


def test_the_path_goes_back_from_the_last_end() -> None:
    """Of two tools at once the slower one counts; a step counts where nothing happens in it, nobody between steps."""
    path = path_of([STEP, FAST, SLOW, CALL, LATE])
    assert told(path) == [
        ("step", 0, 12),
        ("slow", 12, 60),
        ("step", 60, 62),
        ("call", 62, 95),
        ("step", 95, 100),
        (None, 100, 150),
        ("late", 150, 200),
    ]
    assert path.kinds == [("llms", 83 / 200), (None, 50 / 200), ("tools", 48 / 200), ("actions", 19 / 200)]
    assert path.longest == [Part(LATE, 50, 0.25), Part(SLOW, 48, 0.24), Part(CALL, 33, 0.165)]
    assert path.events == 4


def test_what_nobody_waits_for_is_not_on_it() -> None:
    """An event that ends after what followed it had no say."""
    aside = event(ToolCall, "aside", 30, 65, "step")
    assert told(path_of([STEP, SLOW, CALL, aside])) == told(path_of([STEP, SLOW, CALL]))


def test_what_outlives_its_step_counts_within_it() -> None:
    """Up to the end of the step; and what ends where the next begins is before it."""
    parts = [event(ToolCall, "a", 10, 30, "step"), event(ToolCall, "b", 30, 300, "step")]
    assert told(path_of([STEP, *parts, event(LLMCall, "m", 290, 310)]))[:3] == [
        ("step", 0, 10),
        ("a", 10, 30),
        ("b", 30, 100),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(-1, 8)),
        min_size=1,
        max_size=12,
    )
)
def test_the_path_covers_the_whole_time_once(drawn: list[tuple[int, int, int]]) -> None:
    """Whatever lies within what: stretches follow one another from the first start to the last end."""
    events = [
        event(Action, f"e{n}", begin, begin + length, f"e{above}" if above >= 0 else None)
        for n, (begin, length, above) in enumerate(drawn)
    ]
    start, end = min(one.init_timestamp for one in events), max(one.end_timestamp for one in events)
    edges = [start]
    for one in path_of(events).stretches:
        assert (one.begin_ns, one.begin_ns < one.end_ns) == (edges[-1], True)
        edges.append(one.end_ns)
    assert edges[-1] == end


def test_rows_are_marked_with_their_part_of_it() -> None:
    """Where the view asks for it, each stretch on the bar of its event."""
    marked = Waterfall.of([STEP, FAST, SLOW, CALL, LATE], View(path=True)).rows
    assert {row.name: [*row.path] for row in marked} == {
        "step": [Bar(0, 60), Bar(300, 10), Bar(475, 25)],
        "fast": [],
        "slow": [Bar(60, 240)],
        "call": [Bar(310, 165)],
        "late": [Bar(750, 250)],
    }
    assert [row.path for row in Waterfall.of([STEP, FAST], View()).rows] == [[], []]


def test_the_page_says_what_the_path_is_made_of(crew: Recorded) -> None:
    """In words with links to the longest events, and only where it is asked for."""
    page, plain = crew.session("crew", "?critical=yes"), crew.session("crew")
    assert "events decide when it ends: " in page.words
    assert "events decide when it ends: " not in plain.words
    assert len(page.all("rect", "path")) >= 5
    assert plain.all("rect", "path") == []
    assert all("critical=yes" in link for link in page.links("row"))
