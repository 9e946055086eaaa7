"""writeback: an event can be written as the span it came from, and read again without a difference."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.conventions.writeback import attributes_of, session_spans, spans_of
from agentops_otel.facts import EventFact
from agentops_otel.fold import Fold
from agentops_otel.records import (
    USAGE_BUCKETS,
    Action,
    Agent,
    ApiCall,
    Event,
    Failure,
    LLMCall,
    Price,
    Process,
    Session,
    Statistics,
    ToolCall,
    Usage,
)
from agentops_otel.spans import STATUS_ERROR, FlatSpan, SpanEvent, SpanLink
from agentops_otel.translate import event_id_of, translate

TRACE, SPAN, SESSION = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "a session"
HOST = {"OS": {"Hostname": "h"}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
MAYBE_TEXT = st.none() | TEXT
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
JSON = st.none() | PLAIN
COUNTS = st.none() | st.integers(0, 10**9)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant"]),
            "parts": st.lists(st.fixed_dictionaries({"type": st.just("text"), "content": TEXT}), max_size=2),
        }
    ),
    min_size=1,
    max_size=2,
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "event_id": TEXT,
    "session_id": TEXT,
    "name": TEXT,
    "init_timestamp": st.integers(1, 2**62),
    "end_timestamp": st.just(2**62),
    "parent_id": st.none() | st.just("00f067aa0ba902b7"),
    "trace_id": st.just(TRACE),
    "span_id": st.just(SPAN),
    "agent_id": MAYBE_TEXT,
    "agent_name": MAYBE_TEXT,
    "params": JSON,
    "returns": JSON,
    "truncated": st.booleans(),
    "extra": st.dictionaries(st.sampled_from(["colour", "app.size"]), PLAIN, max_size=2),
}
CALLS = st.builds(
    LLMCall,
    **COMMON,
    operation=MAYBE_TEXT,
    provider=st.none() | st.sampled_from(["openai", "gcp.gemini", "somebody"]),
    model=st.just("m-1"),
    request_model=st.none() | st.just("m") | st.just("m-1"),
    response_id=st.none() | st.just("r"),
    prompt=JSON | MESSAGES,
    completion=JSON | MESSAGES,
    usage=st.builds(Usage, **dict.fromkeys(USAGE_BUCKETS, COUNTS)),
    cost=st.just(Decimal("0.000125")),
    price=st.builds(Price, st.sampled_from(["reported", "genai-prices"]), MAYBE_TEXT, MAYBE_TEXT),
    time_to_first_token_ms=st.none() | st.floats(0, 1e6),
    finish_reasons=st.sampled_from([(), ("stop",), ("tool_call", "length")]),
    estimated=st.booleans(),
)
TOOLS = st.builds(ToolCall, **COMMON, logs=JSON, cost=st.none() | st.just(Decimal("0.5")))
ACTIONS = st.builds(Action, **COMMON, action_type=MAYBE_TEXT, logs=JSON, screenshot=MAYBE_TEXT)
APIS = st.builds(ApiCall, **COMMON, method=MAYBE_TEXT, target=MAYBE_TEXT, status=MAYBE_TEXT)
ERRORS = st.builds(
    Failure,
    **COMMON,
    error_type=MAYBE_TEXT,
    code=MAYBE_TEXT,
    details=JSON,
    logs=MAYBE_TEXT,
    trigger_event_id=MAYBE_TEXT,
    trigger_event_type=st.none() | st.just("tools"),
)


def read_again(events: list[Event]) -> list[Event]:
    return [fact.event for span in spans_of(events) for fact in translate(span) if isinstance(fact, EventFact)]


@settings(max_examples=200, deadline=None)
@given(CALLS | TOOLS | ACTIONS | APIS | ERRORS)
def test_an_event_that_is_written_reads_back_the_same(event: Event) -> None:
    """Whatever its fields are, the span that is written gives the event again."""
    assert [event] == read_again([event])


def test_what_a_span_carried_is_written_with_it() -> None:
    """Kind, scope, status, links, events and exceptions return; two errors of a span stay two."""
    span = FlatSpan(
        TRACE,
        SPAN,
        "chat m",
        1_000,
        2_000,
        parent_span_id="00f067aa0ba902b7",
        kind=3,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.system": "OpenAI",
            "gen_ai.response.finish_reasons": ["end_turn"],
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "colour": "red",
            "error.type": "KeyError",
        },
        status_code=STATUS_ERROR,
        status_message="no",
        events=[
            SpanEvent("note", 1_500, {"a": 1}),
            SpanEvent("exception", 1_600, {"exception.type": "KeyError", "exception.message": "x"}),
            SpanEvent(
                "exception",
                1_700,
                {"exception.type": "ValueError", "exception.message": "y", "exception.stacktrace": "T"},
            ),
        ],
        links=[SpanLink("1" * 32, "2" * 16, {"b": 2})],
        scope_name="scope",
        scope_version="1",
        resource={"service.name": "app"},
    )
    events = [fact.event for fact in translate(span) if isinstance(fact, EventFact)]
    assert [event.event_type for event in events] == ["llms", "errors", "errors"]
    [written] = spans_of(events)
    assert events == read_again(events)
    assert (span.name, span.kind, span.status_code, list(span.events), span.links) == (
        written.name,
        written.kind,
        written.status_code,
        list(written.events),
        written.links,
    )
    assert span.attributes.items() <= written.attributes.items()


@pytest.mark.parametrize("message", ["no", None])
def test_a_failed_status_is_not_written_as_an_exception_too(message: str | None) -> None:
    """An error that was made of the status alone is made of it again."""
    span = FlatSpan(TRACE, SPAN, "x", 1, 2, status_code=STATUS_ERROR, status_message=message)
    events = [fact.event for fact in translate(span) if isinstance(fact, EventFact)]
    [written] = spans_of(events)
    assert list(written.events) == []
    assert events == read_again(events)


def test_an_event_without_a_span_gets_ids_of_its_own() -> None:
    """The same event is written with the same ids every time; it keeps its event id."""
    event = Action(event_id="mine", session_id=SESSION, name="step", init_timestamp=1, end_timestamp=2)
    [one], [other] = spans_of([event]), spans_of([event])
    assert (one.trace_id, one.span_id, "mine", SESSION) == (
        other.trace_id,
        other.span_id,
        one.attributes["agentops.event.id"],
        list(attributes_of(event).values())[-1],
    )
    assert event_id_of(one.trace_id, one.span_id) != "mine"


def test_a_session_is_written_with_all_that_its_events_do_not_say() -> None:
    """Tags, video, agents, processes with their host, the end and its reason return, and so does the last activity."""
    session = Session(
        project_id="p",
        session_id=SESSION,
        init_timestamp=1_000,
        end_timestamp=9_000,
        last_activity_at=9_500,
        end_state="Failure",
        end_state_reason="why",
        tags=("one", "two"),
        video="https://example.com/v",
        host_env=HOST,
        processes=(
            Process(
                host="h",
                pid=1,
                started_at=500,
                seen_at=8_000,
                ended_at=8_500,
                dropped=2,
                host_env={"OS": {"Hostname": "h"}},
            ),
            Process(host="i", pid=2, started_at=600, boot_id="b", seen_at=9_500),
        ),
        agents=(Agent(agent_id="a", name="Ann"), Agent(agent_id="b")),
        statistics=Statistics(dropped=2),
    )
    fold = Fold()
    fold.add([fact for span in session_spans(session, 1, 2) for fact in translate(span)])
    again = fold.session(SESSION, 10_000, "p")
    assert again is not None
    assert replace(session, processes=()) == replace(again, processes=())
    assert [replace(session.processes[0], seen_at=8_500), session.processes[1]] == list(again.processes)


def test_a_running_session_is_written_without_an_end() -> None:
    """Its root span is still open: an end that was told later must find its place free."""
    running = Session(project_id="p", session_id=SESSION, init_timestamp=1_000, last_activity_at=2_000, is_running=True)
    fold = Fold()
    fold.add([fact for span in session_spans(running, 1, 2) for fact in translate(span)])
    assert running == fold.session(SESSION, 3_000, "p")
