"""The events of a session as a tree."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.text.examples import EVENTS, FAILED, START_NS, call, error, step

from agentops_otel.records import Action, ToolCall, Usage
from agentops_otel.text import event_tree
from agentops_otel.text.layout import columns_of


def test_events_stand_under_their_parents_with_time_tokens_and_cost() -> None:
    """An API call is folded away but not what happened in it; an error is told once, where it happened."""
    assert event_tree(reversed(EVENTS)) == (
        "event                           time    tokens        cost\n"
        "action forecast [Forecaster]   1.2 s\n"
        "├─ llm    gpt-4o-mini         340 ms  100 → 20   $0.002000\n"
        "├─ tool   get_weather         0.2 ms\n"
        "└─ llm    gpt-4o-mini         640 ms  100 → 20  <$0.000001\n"
        "action ask ✗                   12 ms\n"
        "└─ llm    no-such-model ✗     8.0 ms         –           –\n"
        "          NotFoundError: no such model"
    )


def test_a_long_error_takes_three_lines_and_is_cut() -> None:
    """So that what went wrong can be read on a narrow terminal, and a stack of words does not push the tree away."""
    assert event_tree([FAILED, error(FAILED, details="word " * 60)], 40).splitlines()[2:] == [
        "       NotFoundError: word word word",
        "       word word word word word word",
        "       word word word word word word wo…",
    ]


def test_api_calls_are_shown_when_asked_for() -> None:
    """Then they stand between the step and what happened inside them."""
    assert event_tree(EVENTS, apis=True).splitlines()[5:] == [
        "action ask ✗                   12 ms",
        "└─ api    POST                 10 ms",
        "   └─ llm    no-such-model ✗  8.0 ms         –           –",
        "             NotFoundError: no such model",
    ]


def test_no_events_are_no_tree() -> None:
    """Not even a header."""
    assert event_tree([]) == ""


def test_loops_are_folded_with_their_sums() -> None:
    """Thirty-seven rounds of model and tool are two lines; what differs stays apart."""
    rounds = [
        one
        for n in range(37)
        for one in (call(f"m{n}", 10 * n, 4, "a"), step(ToolCall, f"t{n}", "search", 10 * n + 5, 2, "a"))
    ]
    last = call("end", 1000, 5, "a", model="text-embedding-3-small", operation="embeddings", usage=Usage(input=7))
    assert event_tree([step(Action, "a", "loop", 0, 2000), *rounds, last]) == (
        "event                                            time       tokens       cost\n"
        "action loop                                     2.0 s\n"
        "├─ llm    gpt-4o-mini ×37                      148 ms  3,700 → 740  $0.074000\n"
        "├─ tool   search ×37                            74 ms\n"
        "└─ llm    text-embedding-3-small (embeddings)  5.0 ms        7 → –  $0.002000"
    )


def test_repeated_subtrees_are_folded_whole() -> None:
    """Steps that differ only in how often something repeats inside are one line, too."""
    steps = [step(Action, f"a{n}", "step", 100 * n, 50) for n in range(4)]
    inside = [call(f"m{n}-{i}", 100 * n + i, 1, f"a{n}") for n in range(4) for i in range(n + 3)]
    assert event_tree([*steps, *inside]).splitlines()[1:] == [
        "action step ×4             200 ms",
        "└─ llm    gpt-4o-mini ×18   18 ms  1,800 → 360  $0.036000",
    ]


def test_an_unfinished_event_has_no_duration() -> None:
    """It is not made up from the clock."""
    running = replace(step(Action, "a", "still going", 0, 0), end_timestamp=None)
    assert event_tree([running]).splitlines()[1:] == ["action still going     –"]


def test_an_error_whose_event_is_not_there_stands_alone() -> None:
    """Its event may be the session itself, or not have arrived."""
    alone = replace(error(FAILED, details={"status": 404}), trigger_event_id="gone", parent_id=None)
    assert event_tree([alone]).splitlines()[1:] == ['error  NotFoundError: {"status":404} ✗']


def test_a_narrow_terminal_cuts_names_but_not_figures() -> None:
    """The mark of an error and the count of repeats are kept when a name is cut."""
    events = [step(Action, f"a{n}", "a step with a long name " * 5, n, 1) for n in range(3)]
    lines = event_tree([*events, *map(error, events)], 60).splitlines()
    assert [lines[1][-14:], max(map(columns_of, lines)) <= 60] == ["… ×3 ✗  3.0 ms", True]


def test_parents_that_go_in_circles_lose_nothing() -> None:
    """Two spans that name each other as parent are both shown, as is one that names itself."""
    names = {"one": "b", "two": "a", "own": "c"}
    circle = [step(Action, own, name, 0, 1, parent) for own, (name, parent) in zip("abc", names.items(), strict=True)]
    shown = event_tree(circle).splitlines()
    assert [sum(name in line for line in shown) for name in names] == [1, 1, 1]


def test_a_chain_of_thousands_is_drawn() -> None:
    """Depth is bounded on the screen and in memory."""
    chain = [step(Action, str(n), f"step {n}", n, 1, str(n - 1)) for n in range(3000)]
    lines = event_tree(chain).splitlines()
    assert (len(lines), max(map(columns_of, lines)) <= 80) == (3001, True)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-1, 7), st.booleans()), max_size=12, unique_by=lambda x: x[0]))
def test_every_event_is_shown_once(spans: list[tuple[int, int, bool]]) -> None:
    """Whatever the parents are, the counts of the lines add up to the number of events."""
    events = [step(Action, f"{n}", f"n{n}", n, 1, f"{parent}") for n, parent, _ in spans]
    errors = [error(event) for event, (_, _, failed) in zip(events, spans, strict=True) if failed]
    tree = event_tree([*events, *errors])
    assert [tree.count(f"action n{n} ") for n, _, _ in spans] == [1] * len(spans)
    assert tree.count("✗") == len(errors)


def test_a_start_before_all_others_is_first() -> None:
    """Roots are ordered by start, however the events arrive."""
    events = [step(Action, name, name, at, 1) for name, at in (("late", 50), ("early", 1))]
    assert (events[0].init_timestamp - START_NS) > 0
    assert [line.split()[1] for line in event_tree(events).splitlines()[1:]] == ["early", "late"]
