"""translate: a span becomes the event it is, its errors, and what is known of its session."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from agentops_otel.conventions import agentops, markers
from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.fold import Fold
from agentops_otel.records import Action, Event, Failure, LLMCall, Price, Statistics, ToolCall, Usage
from agentops_otel.spans import STATUS_ERROR, STATUS_OK, AnyValue, FlatSpan, SpanEvent, SpanLink
from agentops_otel.translate import event_id_of, translate

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SESSION = str(uuid.UUID(hex=TRACE))
HELLO = [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ("tool_calls",),
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 2101,
    "gen_ai.usage.output_tokens": 23,
    "gen_ai.usage.cache_read.input_tokens": 1536,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hello"}],"name":null}]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"f","arguments":'
    '"{\\"a\\": 1}"}],"finish_reason":"tool_calls"}]',
    "server.port": 443,
}


def span(attributes: Mapping[str, AnyValue] | None = None, name: str = "step", **more: Any) -> FlatSpan:
    return FlatSpan(TRACE, SPAN, name, 1_000, 2_000, attributes=attributes or {}, **more)


def events(of: FlatSpan, **more: Any) -> list[Event]:
    return [fact.event for fact in translate(of, **more) if isinstance(fact, EventFact)]


def session_facts(of: FlatSpan) -> list[SessionFacts]:
    return [fact for fact in translate(of) if isinstance(fact, SessionFacts)]


def test_a_chat_span_becomes_a_model_call() -> None:
    """Every field of the current conventions arrives, cached tokens apart from the others; the rest stays in extra."""
    call = LLMCall(
        event_id=event_id_of(TRACE, SPAN),
        session_id=SESSION,
        name="chat gpt-4o-mini",
        init_timestamp=1_000,
        end_timestamp=2_000,
        trace_id=TRACE,
        span_id=SPAN,
        parent_id="00f067aa0ba902b7",
        operation="chat",
        provider="openai",
        model="gpt-4o-mini-2024-07-18",
        request_model="gpt-4o-mini",
        response_id="chatcmpl-1",
        params={"temperature": 0.5},
        prompt=HELLO,
        completion=[
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}],
                "finish_reason": "tool_calls",
            }
        ],
        usage=Usage(input=565, cache_read=1536, output=23),
        time_to_first_token_ms=250.0,
        finish_reasons=("tool_call",),
        extra={
            "gen_ai.response.finish_reasons": ["tool_calls"],
            "server.port": 443,
            "otel": {"kind": 3, "scope": "some.scope", "scope_version": "1", "resource": {"service.name": "app"}},
        },
    )
    recorded = span(
        CHAT,
        "chat gpt-4o-mini",
        parent_span_id="00f067aa0ba902b7",
        kind=3,
        scope_name="some.scope",
        scope_version="1",
        resource={"service.name": "app", "telemetry.sdk.name": "opentelemetry", "process.pid": 7, "host.name": "h"},
    )
    assert [call] == events(recorded)


def test_a_span_of_no_vocabulary_becomes_an_action() -> None:
    """Attributes, links and events that no rule knows survive."""
    recorded = span(
        {"colour": "red", "sizes": (1, 2)},
        links=[SpanLink("1" * 32, "2" * 16, {"why": "retry"})],
        events=[SpanEvent("note", 1_500, {"a": b"\xff"})],
    )
    assert [
        Action(
            event_id=event_id_of(TRACE, SPAN),
            session_id=SESSION,
            name="step",
            init_timestamp=1_000,
            end_timestamp=2_000,
            trace_id=TRACE,
            span_id=SPAN,
            extra={
                "colour": "red",
                "sizes": [1, 2],
                "otel": {
                    "links": [{"trace_id": "1" * 32, "span_id": "2" * 16, "attributes": {"why": "retry"}}],
                    "events": [
                        {
                            "name": "note",
                            "time_ns": 1_500,
                            "attributes": {"a": {"$type": "bytes", "$repr": "b'\\xff'", "$size": 1}},
                        }
                    ],
                },
            },
        )
    ] == events(recorded)


def test_a_tool_span_becomes_a_tool_call() -> None:
    """Arguments and result are the values their JSON stands for; the name is the tool's."""
    [tool] = events(
        span(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_weather",
                "gen_ai.tool.call.arguments": '{"city": "Paris"}',
                "gen_ai.tool.call.result": "sunny",
            },
            "execute_tool get_weather",
        )
    )
    assert isinstance(tool, ToolCall)
    assert (tool.name, tool.params, tool.returns) == ("get_weather", {"city": "Paris"}, "sunny")
    assert tool.extra == {"otel": {"name": "execute_tool get_weather"}}


def test_an_agent_span_keeps_its_summed_tokens_out_of_the_statistics() -> None:
    """What the calls below an agent used is repeated on it by some; it survives in extra and counts for nothing."""
    [agent] = events(
        span(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "weather",
                "gen_ai.usage.input_tokens": 212,
                "gen_ai.input.messages": '[{"role":"user","content":"hello"}]',
            }
        )
    )
    assert isinstance(agent, Action)
    assert (agent.action_type, agent.agent_name, agent.params) == ("invoke_agent", "weather", HELLO)
    assert agent.extra["gen_ai.usage.input_tokens"] == 212
    assert Statistics(events=1, actions=1) == Statistics.of(agent)


def test_an_exception_is_an_error_beside_its_event() -> None:
    """The error is linked to the event it happened in and carries type, message and stack; written twice it is one."""
    raised = SpanEvent(
        "exception",
        1_900,
        {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "Traceback"},
    )
    action, error = events(span(events=[raised, replace(raised, time_ns=1_950)], status_code=STATUS_ERROR))
    assert isinstance(action, Action)
    assert (
        Failure(
            event_id=event_id_of(TRACE, SPAN, "error 0"),
            session_id=SESSION,
            name="ValueError",
            init_timestamp=1_900,
            trace_id=TRACE,
            parent_id=SPAN,
            error_type="ValueError",
            details="no",
            logs="Traceback",
            trigger_event_id=action.event_id,
            trigger_event_type="actions",
        )
        == error
    )


def test_a_failed_span_without_an_exception_is_an_error_too() -> None:
    """The error is made of the status message and `error.type`; no stack is invented."""
    call, error = events(
        span({**CHAT, "error.type": "openai.RateLimitError"}, status_code=STATUS_ERROR, status_message="slow down")
    )
    assert isinstance(error, Failure)
    assert (error.error_type, error.details, error.logs) == ("openai.RateLimitError", "slow down", None)
    assert (call.event_id, "llms") == (error.trigger_event_id, error.trigger_event_type)


def test_the_stamp_beside_the_attributes_says_the_session_first() -> None:
    """The attribute may have been evicted by the SDK; the stamp of the process is believed before any attribute."""
    said = {"agentops.session.id": "ours", "session.id": "theirs", "gen_ai.conversation.id": "talk"}
    assert [
        session_facts(one)[0].session_id
        for one in (
            span({**CHAT, **said}, session_id="stamp"),
            span({**CHAT, **said}),
            span({**CHAT, "session.id": "theirs", "gen_ai.conversation.id": "talk"}),
            span({**CHAT, "gen_ai.conversation.id": "talk"}),
            span(CHAT),
        )
    ] == ["stamp", "ours", "theirs", "talk", SESSION]


def test_the_status_of_the_root_ends_the_session_that_its_trace_is() -> None:
    """A root that says nothing ends nothing; a session of another id is not ended by the root of one of its traces."""
    ends = [
        session_facts(one)[0].end
        for one in (
            span(status_code=STATUS_ERROR, status_message="broke"),
            span(status_code=STATUS_OK),
            span(),
            span(status_code=STATUS_OK, parent_span_id="00f067aa0ba902b7"),
            span({"session.id": "many traces"}, status_code=STATUS_OK),
        )
    ]
    assert [end and (end.state, end.reason) for end in ends] == [
        ("Failure", "broke"),
        ("Success", ""),
        None,
        None,
        None,
    ]


def test_markers_and_roots_of_ours_carry_session_facts_only() -> None:
    """The facts they carry are joined with when they happened; no event shows them."""
    marker = markers.Marker(tags_set=["a"], started=True).attributes("s", markers.KIND_MARKER)
    root = markers.Marker(end_state="Success").attributes("s", markers.KIND_SESSION)
    fold = Fold()
    fold.add(translate(span(marker)) + translate(replace(span(root), span_id="1" * 16, end_ns=3_000)))
    session = fold.session("s", now_ns=4_000)
    assert session is not None
    assert (1_000, 3_000, "Success", ("a",), Statistics()) == (
        session.init_timestamp,
        session.last_activity_at,
        session.end_state,
        session.tags,
        session.statistics,
    )


def test_a_price_is_asked_for_only_where_no_cost_was_reported() -> None:
    """A cost on the span is believed; the pricer sees the other calls."""

    def price(call: LLMCall) -> LLMCall:
        return replace(call, cost=Decimal(7), price=Price("override"))

    [priced] = events(span(CHAT), price=price)
    [reported] = events(span({**CHAT, agentops.EVENT_COST: "0.25"}), price=price)
    assert isinstance(priced, LLMCall)
    assert isinstance(reported, LLMCall)
    assert (Decimal(7), Price("override")) == (priced.cost, priced.price)
    assert (Decimal("0.25"), Price("reported")) == (reported.cost, reported.price)


def test_times_outside_what_a_store_keeps_are_moved_and_kept_beside() -> None:
    """The year 2500 does not fit 64 bits; an end before the start is the start."""
    [late] = events(replace(span(), start_ns=5, end_ns=16_725_225_600_000_000_000))
    [early] = events(replace(span(), start_ns=9, end_ns=3))
    assert (
        late.init_timestamp,
        late.end_timestamp,
        late.extra["otel"]["times"],
    ) == (5, 2**63 - 1, ["5", "16725225600000000000"])
    assert (early.init_timestamp, early.end_timestamp) == (9, 9)


def test_a_trace_id_nobody_can_read_is_a_session_too() -> None:
    """Ids that are no hex are kept as they are."""
    [action] = events(replace(span(), trace_id="not hex"))
    assert action.session_id == "not hex"
