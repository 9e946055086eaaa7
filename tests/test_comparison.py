"""Two sessions side by side: which steps answer each other, and what changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel import comparison
from agentops_otel.comparison import Comparison, Difference, Step, aligned, compare, steps_of
from agentops_otel.records import Action, ApiCall, Event, Failure, LLMCall, Session, Statistics, ToolCall, Usage
from agentops_otel.text import comparison_text

MS = 1_000_000


def called(name: str, at: int = 0, **more: Any) -> ToolCall:
    return ToolCall(event_id=f"{name}-{at}", session_id="s", name=name, init_timestamp=at * MS, **more)


def asked(at: int = 0, **more: Any) -> LLMCall:
    known: dict[str, Any] = {"model": "gpt-4o", "operation": "chat", "usage": Usage(input=10, output=2)}
    return LLMCall(event_id=f"chat-{at}", session_id="s", name="chat", init_timestamp=at * MS, **{**known, **more})


def named(*names: str) -> list[Step]:
    return list(steps_of(called(name, at) for at, name in enumerate(names)))


def compared(a: list[Event], b: list[Event]) -> Comparison:
    def session(session_id: str, events: list[Event]) -> Session:
        return Session(project_id="p", session_id=session_id, statistics=Statistics.of(*events))

    return compare(session("a", a), a, session("b", b), b)


def in_words(a: list[Step], b: list[Step]) -> str:
    """`x` for a step in both, `-x` for one that is gone, `+x` for a new one."""
    pairs = aligned(a, b)
    return " ".join(x.name if x and y else f"-{x.name}" if x else f"+{y.name}" if y else "" for x, y in pairs)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("", "", ""),
        ("p q r", "p q r", "p q r"),
        ("p q r", "p r", "p -q r"),
        ("p r", "p q r", "p +q r"),
        ("p q", "p x", "p -q +x"),
        ("p q r s t", "p x r y t", "p -q +x r -s +y t"),
        ("q q q", "q", "q -q -q"),
        ("", "p", "+p"),
    ],
)
def test_steps_are_aligned_in_the_order_of_both(a: str, b: str, words: str) -> None:
    """As many as possible have an answer; what is gone comes before what is new."""
    assert in_words(named(*a.split()), named(*b.split())) == words


@given(st.lists(st.sampled_from("pqr"), max_size=12), st.lists(st.sampled_from("pqr"), max_size=12), st.booleans())
def test_an_alignment_loses_and_invents_nothing(a: list[str], b: list[str], in_pieces: bool) -> None:
    """Both sides are there in their order, and only equal steps answer each other, also where it is done in pieces."""
    before, comparison.MOST_CELLS = comparison.MOST_CELLS, 8 if in_pieces else 4_000_000
    try:
        pairs = list(aligned(named(*a), named(*b)))
    finally:
        comparison.MOST_CELLS = before

    assert [pair.a.name for pair in pairs if pair.a] == a
    assert [pair.b.name for pair in pairs if pair.b] == b
    assert all(pair.a.key == pair.b.key for pair in pairs if pair.a and pair.b)


def test_what_changed_in_a_step_is_named() -> None:
    """The model, what was asked and answered, arguments and results; times and costs are not changes."""
    a: list[Event] = [
        asked(1, prompt="Hi", completion="Hello", agent_name="A"),
        called("search", 2, params={"q": 1}, returns=[1]),
        called("search", 3, params={"q": 2}, returns=[2], end_timestamp=9 * MS),
        Action(event_id="x", session_id="s", name="step", init_timestamp=4 * MS, returns="r"),
    ]
    b: list[Event] = [
        asked(1, prompt="Hi", completion="Good day", model="gpt-4.1", agent_name="A"),
        called("search", 2, params={"q": 1}, returns=[1, 2]),
        called("search", 30, params={"q": 2}, returns=[2], end_timestamp=31 * MS),
        Action(event_id="y", session_id="s", name="step", init_timestamp=40 * MS, params={"n": 1}, returns="r"),
    ]
    found = compared(a, b)
    assert [pair.changes for pair in found.pairs] == [["model", "answer"], ["result"], [], ["arguments"]]
    assert [pair.is_same for pair in found.pairs] == [False, False, True, False]
    assert len(found.differing) == 3


def test_calls_answer_calls_of_the_same_agent_and_operation() -> None:
    """Whatever their model is; errors answer errors of the same type; API calls are no steps."""
    api = ApiCall(event_id="api", session_id="s", name="POST", init_timestamp=0)
    error = Failure(event_id="f", session_id="s", name="boom", init_timestamp=5, error_type="ValueError", details="a")
    steps = list(steps_of([api, asked(1), asked(2, agent_name="A"), asked(3, operation="embeddings"), error]))
    assert [step.key for step in steps] == [
        ("llms", "chat"),
        ("llms", "chat [A]"),
        ("llms", "embeddings"),
        ("errors", "ValueError"),
    ]


def test_sums_say_what_the_second_has_more() -> None:
    """Cost, duration, tokens and counts; a duration that one of them has not is not known."""
    a = [asked(1, cost=Decimal("0.5")), called("t")]
    b = [asked(1, cost=Decimal("0.75")), asked(2, cost=Decimal("0.25"))]
    found = compared([*a], [*b])
    lasting = Comparison(replace(found.a, init_timestamp=0, end_timestamp=5), found.b, found.pairs)

    assert found.sums == [
        Difference("cost_usd", Decimal("0.5"), Decimal("1.00")),
        Difference("duration_ns", None, None),
        Difference("prompt_tokens", 10, 20),
        Difference("cache_read_tokens", 0, 0),
        Difference("completion_tokens", 2, 4),
        Difference("llms", 1, 2),
        Difference("tools", 1, 0),
        Difference("actions", 0, 0),
        Difference("errors", 0, 0),
    ]
    assert (found.sums[0].change, found.sums[5].change) == (Decimal("0.50"), 1)
    assert lasting.sums[1] == Difference("duration_ns", 5, None)
    assert lasting.sums[1].change is None


def test_tools_that_were_called_another_number_of_times_are_listed() -> None:
    """Once each, by name."""
    found = compared([called("x"), called("y", 1), called("y", 2)], [called("y"), called("z"), called("x", 9)])
    assert found.tools == [Difference("y", 2, 1), Difference("z", 0, 1)]


def test_a_comparison_as_json_has_no_texts() -> None:
    """Sums, tools and steps with what changed; what was said is in the sessions themselves."""
    found = compared([asked(1, prompt="secret", cost=Decimal("0.10"))], [called("t")]).to_json()
    assert found["sums"]["cost_usd"] == {"a": "0.1", "b": "0", "change": "-0.1"}
    assert found["tools"] == {"t": {"a": 0, "b": 1, "change": 1}}
    assert found["steps"][0] == {
        "a": {
            "kind": "llms",
            "name": "chat",
            "event_id": "chat-1",
            "duration_ns": None,
            "cost": "0.1",
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "model": "gpt-4o",
        },
        "b": None,
        "changes": [],
    }
    assert "secret" not in str(found)


def test_a_comparison_as_text_shows_what_differs() -> None:
    """Sums with their change, tools, steps that are gone, new or changed; the others are counted."""
    a: list[Event] = [called("x"), called("x", 1), asked(2, completion="a", cost=Decimal("0.5"), end_timestamp=5 * MS)]
    b: list[Event] = [called("x"), called("x", 1), asked(2, completion="b", cost=Decimal("0.25")), called("new", 9)]
    assert comparison_text(compared(a, b)) == "\n".join(
        [
            "             a              b                  change",
            "session      a              b",
            "state        Indeterminate  Indeterminate",
            "cost         $0.500000      $0.250000      -$0.250000",
            "duration     –              –                       –",
            "tokens in    10             10",
            "cached       0              0",
            "tokens out   2              2",
            "model calls  1              1",
            "tools        2              3                      +1",
            "actions      0              0",
            "errors       0              0",
            "",
            "tool  a  b",
            "new   0  1",
            "",
            "   step           time a  time b        cost  changed",
            "   2 steps alike",
            "~  llm chat       3.0 ms          -$0.250000  answer",
            "+  tool new",
        ]
    )
