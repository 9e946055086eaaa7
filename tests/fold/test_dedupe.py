"""dedupe: one call is one event, whoever tells of it, and calls that only look alike stay apart."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.dedupe import View, may_repeat, surviving, twins
from agentops_otel.records import Action, Event, Failure, LLMCall, ToolCall, Usage

OUTER, INNER, THIRD = "framework", "provider", "third"


def event(cls: type[Any], name: str, start: int, end: int, parent: str | None = None, **more: Any) -> Any:
    """An event whose event, span and trace ids are easy to read; `scope` says which instrumentor tells of it."""
    scope = more.pop("scope", OUTER)
    more.setdefault("trace_id", "trace")
    more["extra"] = {"otel": {"scope": scope, **more.pop("otel", {})}}
    return cls(
        **{"event_id": name, "span_id": name, "session_id": "s", "name": more.pop("called", name), "parent_id": parent},
        **{"init_timestamp": start, "end_timestamp": end, **more},
    )


def call(name: str, start: int, end: int, parent: str | None = None, **more: Any) -> LLMCall:
    more.setdefault("model", "gpt-4o-mini")
    more.setdefault("usage", Usage(input=101, output=23))
    called: LLMCall = event(LLMCall, name, start, end, parent, **more)
    return called


def error(name: str, trigger: Event, message: str) -> Failure:
    return Failure(
        event_id=name,
        session_id="s",
        name="ValueError",
        init_timestamp=trigger.init_timestamp,
        trace_id=trigger.trace_id,
        parent_id=trigger.span_id,
        details=message,
        trigger_event_id=trigger.event_id,
        trigger_event_type=trigger.event_type,
    )


def names(*events: Event) -> list[str]:
    return [one.event_id for one in surviving(events)]


def test_a_tool_and_the_request_that_carries_it_out_are_one_call() -> None:
    """The innermost counts; it gets the arguments and the result that only the outer one has."""
    outer = event(ToolCall, "outer", 0, 100, called="search", params={"q": "x"}, returns="found")
    inner = event(ToolCall, "inner", 10, 90, "outer", called="search", scope=INNER)
    assert [replace(inner, params={"q": "x"}, returns="found", parent_id=None)] == surviving([outer, inner])


def test_a_call_inside_a_call_is_the_same_one() -> None:
    """The provider's span counts; it gets the content that only the framework's span has."""
    said = [{"role": "assistant", "parts": []}]
    outer = call("outer", 0, 100, completion=said, time_to_first_token_ms=5.0)
    inner = call("inner", 10, 90, "outer", scope=INNER, response_id="r")
    assert [replace(inner, completion=said, time_to_first_token_ms=5.0, parent_id=None)] == surviving([outer, inner])


def test_the_twin_with_a_price_and_more_detailed_usage_counts() -> None:
    """Depth decides only between equals."""
    outer = call("outer", 0, 100, usage=Usage(input=1, cache_read=100, output=23))
    inner = call("inner", 10, 90, "outer", scope=INNER)
    priced = replace(inner, cost=Decimal("0.1"))
    assert (names(outer, inner), names(outer, priced)) == (["outer"], ["inner"])


def test_a_call_made_by_a_tool_of_a_call_is_its_own() -> None:
    """A model inside a tool is another call, also where the tool runs inside the span of a model."""
    outer = call("outer", 0, 100)
    tool = event(ToolCall, "tool", 10, 90, "outer")
    inner = call("inner", 20, 80, "tool", scope=INNER)
    assert names(outer, tool, inner) == ["outer", "tool", "inner"]


def test_two_response_ids_are_two_calls() -> None:
    """Whatever else they share."""
    outer = call("outer", 0, 100, response_id="resp-1")
    inner = call("inner", 10, 90, "outer", scope=INNER, response_id="resp-2")
    assert names(outer, inner) == ["outer", "inner"]


def test_an_outer_call_repeats_the_best_of_several_inside() -> None:
    """Attempts inside one span are what happened; the outer span is none of its own."""
    outer = call("outer", 0, 100)
    first = call("first", 10, 40, "outer", scope=INNER, usage=Usage())
    second = call("second", 50, 90, "outer", scope=INNER)
    assert names(outer, first, second) == ["first", "second"]


def test_the_same_response_id_is_the_same_call_in_any_trace() -> None:
    """Also when the second is told much later."""
    one = call("one", 0, 100, response_id="chatcmpl-long-enough")
    other = call("other", 900, 950, scope=INNER, trace_id="another", response_id="chatcmpl-long-enough")
    assert names(one, other) == ["other"]


def test_short_response_ids_repeat() -> None:
    """Local servers count from 0 or draw small numbers; only calls at the same time are the same."""
    one = call("one", 0, 100, response_id="chatcmpl-7")
    later = call("later", 200, 300, response_id="chatcmpl-7")
    beside = call("beside", 10, 90, scope=INNER, response_id="chatcmpl-7")
    assert names(one, later) == ["one", "later"]
    assert names(one, beside) == ["beside"]


def test_two_instrumentors_in_separate_traces_tell_of_one_call() -> None:
    """Same model, same tokens, one inside the time of the other; a dated name is its alias."""
    one = call("one", 0, 100, model="gpt-4o-mini-2024-07-18")
    other = call("other", 10, 90, scope=INNER, trace_id="another")
    assert names(one, other) == ["other"]
    assert names(one, replace(other, usage=Usage(input=102, output=23))) == ["one", "other"]
    assert names(one, replace(other, init_timestamp=200, end_timestamp=300)) == ["one", "other"]


def test_calls_at_the_same_time_stay_apart() -> None:
    """Two equal calls in parallel, each told by two instrumentors, are two; by one instrumentor, they are two too."""
    told = [
        *(call("a", 0, 100), call("b", 1, 99)),
        *(call("x", 2, 97, scope=INNER, trace_id="2"), call("y", 3, 96, scope=INNER, trace_id="3")),
    ]
    assert names(*told) == ["x", "y"]
    assert names(*told[:2]) == ["a", "b"]


def test_failed_calls_of_two_instrumentors_are_one() -> None:
    """They have no tokens to compare; both must have failed."""
    failed = {"usage": Usage(), "otel": {"status": "error"}}
    one = call("one", 0, 100, **failed)
    other = call("other", 10, 90, scope=INNER, trace_id="another", **failed)
    assert names(one, other) == ["other"]
    assert names(one, call("going", 10, 90, scope=INNER, trace_id="2", usage=Usage())) == ["one", "going"]


def test_a_log_completes_the_streamed_call_before_it() -> None:
    """The log has the usage and counts; another call of the same instrumentor is not touched."""
    first = call("first", 0, 10, scope="logfire.openai", usage=Usage())
    second = call("second", 20, 30, scope="logfire.openai", usage=Usage())
    log = call("log", 31, 31, scope="logfire.openai", trace_id="another")
    assert names(first, second, log) == ["first", "log"]


def test_an_error_that_passes_through_spans_is_one() -> None:
    """The innermost counts, with or without the same message spelt on every level."""
    agent = event(Action, "agent", 0, 100)
    chain = event(Action, "chain", 10, 90, "agent")
    inner = call("inner", 20, 80, "chain")
    met = [error("e1", agent, "no"), error("e2", chain, "no"), error("e3", inner, "no"), error("e4", agent, "other")]
    assert names(agent, chain, inner, *met) == ["agent", "chain", "inner", "e3", "e4"]


def test_an_error_of_a_twin_is_the_error_of_the_call() -> None:
    """Two instrumentors tell of one failure in their own words."""
    outer, inner = call("outer", 0, 100), call("inner", 10, 90, "outer", scope=INNER)
    assert names(outer, inner, error("e1", outer, "429: no"), error("e2", inner, "no")) == ["inner", "e2"]


def test_an_error_that_only_the_twin_met_stays() -> None:
    """It is the only one that tells of the failure."""
    outer, inner = call("outer", 0, 100), call("inner", 10, 90, "outer", scope=INNER)
    assert names(outer, inner, error("e1", outer, "no")) == ["inner", "e1"]


def test_the_request_that_carries_out_a_tool_call_is_that_call() -> None:
    """An agent's tool, the MCP client and the MCP server tell of it; a tool of another name is another."""
    tool = event(ToolCall, "tool", 0, 100, called="weather")
    client = event(ToolCall, "client", 10, 90, "tool", scope=INNER, called="weather")
    server = event(ToolCall, "server", 20, 80, "client", scope=THIRD, called="weather")
    other = event(ToolCall, "other", 30, 70, "server", scope=OUTER, called="lookup")
    assert names(tool, client, server, other) == ["server", "other"]


def test_spans_that_are_their_own_ancestors_end_somewhere() -> None:
    """A cycle of parents is no reason to hang."""
    assert names(call("a", 0, 100, "b"), call("b", 10, 90, "a", scope=INNER)) == ["b"]
    assert names(call("a", 0, 100, "a")) == ["a"]


IDS = st.sampled_from(["a", "b", "c", "d", "e"])
VIEWS = st.lists(
    st.builds(
        View,
        event_id=IDS,
        event_type=st.sampled_from(["llms", "tools", "actions", "errors"]),
        start_ns=st.integers(0, 5),
        end_ns=st.integers(5, 9),
        trace_id=st.sampled_from(["t", "u"]),
        span_id=st.none() | IDS,
        parent_id=st.none() | IDS,
        scope=st.sampled_from(["", OUTER, INNER]),
        trigger_id=st.none() | IDS,
        response_id=st.none() | st.sampled_from(["r", "response-long-enough"]),
        model=st.none() | st.just("m"),
        prompt_tokens=st.none() | st.just(1),
        details=st.integers(0, 2),
        priced=st.booleans(),
        failed=st.booleans(),
        said=st.none() | st.just("no"),
    ),
    max_size=5,
    unique_by=lambda view: view.event_id,
)


@settings(max_examples=1000, deadline=None)
@given(VIEWS)
def test_sessions_without_twins_are_known_at_a_glance(views: list[View]) -> None:
    """The glance may send for `twins` in vain, and never misses one."""
    glimpses = [
        (v.event_type, v.start_ns, v.end_ns, v.trace_id, v.span_id, v.parent_id, v.scope, v.response_id) for v in views
    ]
    assert may_repeat(glimpses) or not twins(views)


def test_errors_that_may_be_one_need_more_than_a_glance() -> None:
    """An exception that passes through steps makes one in each."""
    glimpses = [("errors", at, at, "t", None, f"step{at}", "ours", None) for at in (1, 2)]
    assert (may_repeat(glimpses), may_repeat(glimpses[:1])) == (True, False)


def test_an_ordinary_session_needs_no_more_than_a_glance() -> None:
    """Calls and tools of one instrumentor below an agent, one of them failed."""
    views = [
        View("agent", "actions", 0, 9, "t", "agent"),
        View("a", "llms", 1, 2, "t", "a", "agent", "ours", response_id="r1"),
        View("b", "tools", 3, 4, "t", "b", "agent", "ours"),
        View("c", "llms", 5, 6, "t", "c", "agent", "ours", response_id="r2"),
        View("e", "errors", 6, 6, "t", None, "c", "ours"),
    ]
    assert not may_repeat(
        (v.event_type, v.start_ns, v.end_ns, v.trace_id, v.span_id, v.parent_id, v.scope, v.response_id) for v in views
    )


def test_errors_that_name_each_other_as_their_cause_leave_one() -> None:
    """No sender should; neither is lost with the other."""
    views = [
        View("b", "errors", 0, 5, "t", "b", "a", trigger_id="c", said="no"),
        View("c", "errors", 0, 5, "t", "a", "b", trigger_id="b", said="no"),
    ]
    assert twins(views) == {"c": "b"}


@settings(max_examples=300, deadline=None)
@given(VIEWS, st.randoms())
def test_any_order_gives_the_same_answer(views: list[View], chance: random.Random) -> None:
    """And every event that repeats another names one that counts."""
    answer = twins(views)
    shuffled = list(views)
    chance.shuffle(shuffled)
    assert answer == twins(shuffled)
    assert not set(answer.values()) & answer.keys()
    assert set(answer.values()) <= {view.event_id for view in views}
