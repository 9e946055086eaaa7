"""Facts to fold and to store: a fixed session that has one of everything, and strategies for any."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from agentops_otel.facts import (
    End,
    EndRank,
    EventFact,
    HostEnv,
    ProcessFacts,
    ProcessKey,
    SessionFacts,
    Stamp,
)
from agentops_otel.records import Action, ApiCall, Failure, LLMCall, Price, ToolCall, Usage

START = 1_700_000_000_000_000_000
ENV = '{"os":{"name":"Linux"}}'


def one_of_everything(session_id: str = "s") -> list[EventFact | SessionFacts]:
    """A session with an event of every kind, all of their fields set."""
    common = {
        "session_id": session_id,
        "parent_id": "00f067aa0ba902b7",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b8",
        "agent_id": "a1",
        "agent_name": "planner",
        "params": {"temperature": 0.5, "n": [1, None, True]},
        "returns": {"ok": "ja — ja"},
        "extra": {"otel": {"kind": 3}},
    }
    call = LLMCall(
        event_id="e1",
        name="chat m-1",
        init_timestamp=START + 1,
        end_timestamp=START + 1_000_001,
        operation="chat",
        provider="openai",
        model="m-1",
        request_model="m",
        response_id="r-1",
        prompt=[{"role": "user", "parts": [{"type": "text", "content": "Guten Tag"}]}],
        completion=[{"role": "assistant", "parts": []}],
        usage=Usage(input=1, cache_read=2, cache_write=3, cache_write_1h=4, output=5, reasoning=6, audio_out=7),
        cost=Decimal("0.000123450"),
        price=Price("genai-prices", "openai/m-1", "2026-11-01"),
        time_to_first_token_ms=12.5,
        finish_reasons=("stop",),
        estimated=True,
        truncated=True,
        **common,
    )
    tool = ToolCall(event_id="e2", name="search", init_timestamp=START + 2, logs=["a"], cost=Decimal("0.5"), **common)
    action = Action(event_id="e3", name="plan", init_timestamp=START + 2, action_type="task", screenshot="x", **common)
    api = ApiCall(event_id="e4", name="GET", init_timestamp=START, method="GET", target="/x", status="200", **common)
    failure = Failure(
        event_id="e5",
        name="ValueError",
        init_timestamp=START + 3,
        error_type="ValueError",
        code="7",
        details={"why": "because"},
        logs="Traceback",
        trigger_event_id="e2",
        trigger_event_type="tools",
        **common,
    )
    process = ProcessFacts("boot", START + 5, START + 9, 2, HostEnv(Stamp(START, "a"), ENV))
    told = SessionFacts(
        session_id,
        start_ns=START,
        activity_ns=START + 9,
        end=End(EndRank.EXPLICIT, START + 8, "a", "Success", "done"),
        tags_set=(Stamp(START, "a"), ("x", "y")),
        tags_added=frozenset({(Stamp(START + 1, "a"), ("z",))}),
        video=(Stamp(START, "a"), "https://video.example/1"),
        processes={ProcessKey("host", 7, START - 9): process},
        agents={"a1": (Stamp(START, "a"), "planner")},
    )
    return [told, *(EventFact(event) for event in (call, tool, action, api, failure))]


# --- any facts -------------------------------------------------------------------------------------------------------

_ids = st.sampled_from(["s1", "s2"])
_few = st.sampled_from(["a", "b", "ä\u0000😀", ""])
_times = st.integers(0, 5)
_stamps = st.builds(Stamp, _times, _few)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0, 2.5]) | _few,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_few, inner, max_size=2),
    max_leaves=4,
)
_counts = st.none() | st.integers(0, 3)
_costs = st.none() | st.sampled_from([Decimal("0.1"), Decimal("0.10"), Decimal(0), Decimal("1E-12"), Decimal("3E+2")])
_common = {
    "event_id": st.sampled_from(["e1", "e2", "e3"]),
    "session_id": _ids,
    "name": _few,
    "init_timestamp": _times,
    "end_timestamp": st.none() | _times,
    "parent_id": st.none() | _few,
    "agent_id": st.none() | _few,
    "params": _json,
    "returns": _json,
    "truncated": st.booleans(),
    "extra": st.dictionaries(_few, _json, max_size=2),
}
events = st.one_of(
    st.builds(
        LLMCall,
        **_common,
        model=st.none() | st.sampled_from(["m1", "m2"]),
        request_model=st.none() | st.sampled_from(["m1", "m3"]),
        prompt=_json,
        usage=st.builds(Usage, input=_counts, cache_read=_counts, output=_counts, reasoning=_counts),
        cost=_costs,
        price=st.none() | st.builds(Price, _few, st.none() | _few),
        finish_reasons=st.lists(_few, max_size=2).map(tuple),
        estimated=st.booleans(),
    ),
    st.builds(ToolCall, **_common, logs=_json, cost=_costs),
    st.builds(Action, **_common, action_type=st.none() | _few, screenshot=st.none() | _few),
    st.builds(ApiCall, **_common, status=st.none() | _few),
    st.builds(Failure, **_common, details=_json, error_type=st.none() | _few),
)
event_facts = st.builds(EventFact, events, st.integers(0, 2))
_ends = st.builds(
    End,
    st.sampled_from([int(rank) for rank in EndRank]),
    _times,
    _few,
    st.sampled_from(["Success", "Failure", "Indeterminate"]),
    _few,
)
_processes = st.builds(
    ProcessFacts,
    _few,
    _times,
    _times,
    _times,
    st.none() | st.builds(HostEnv, _stamps, st.sampled_from(['{"a":1}', "{}"])),
)
_tags = st.lists(_few, max_size=2).map(tuple)
session_facts = st.builds(
    SessionFacts,
    _ids,
    start_ns=st.none() | _times,
    activity_ns=st.none() | _times,
    end=st.none() | _ends,
    tags_set=st.none() | st.tuples(_stamps, _tags),
    tags_added=st.frozensets(st.tuples(_stamps, _tags), max_size=2),
    video=st.none() | st.tuples(_stamps, _few),
    processes=st.dictionaries(st.builds(ProcessKey, _few, st.integers(1, 2), _times), _processes, max_size=2),
    agents=st.dictionaries(_few, st.tuples(_stamps, _few), max_size=2),
)

# Events of one session that tell of each other: calls in calls, side by side and with the same response id, tools in
# tools, errors that pass through; by instrumentors with odd names too.
_spans = st.sampled_from(["x", "y", "z"])
_otel = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(["framework", "provider", "", "\ud800", 7]),
        "status": st.sampled_from(["unset", "error"]),
    }
)
_related = {
    "event_id": st.sampled_from(["e1", "e2", "e3", "e4", "e5", "e6"]),
    "session_id": st.just("s1"),
    "name": st.just("n"),
    "init_timestamp": _times,
    "end_timestamp": st.none() | st.integers(5, 9),
    "trace_id": st.sampled_from(["t", "t", "u"]),
    "parent_id": st.none() | _spans,
    "extra": st.builds(lambda otel: {"otel": otel}, _otel | st.none() | st.just("odd")),
}
_related_calls = st.builds(
    LLMCall,
    **_related,
    span_id=_spans,
    response_id=st.sampled_from([None, None, "r", "a-response-that-is-unique"]),
    model=st.none() | st.sampled_from(["m1", "m1-2026"]),
    request_model=st.none() | st.just("m3"),
    prompt=st.none() | st.just("hi"),
    completion=st.none() | st.sampled_from(["yes", ""]),
    usage=st.builds(Usage, input=st.sampled_from([None, 1, 1]), output=st.none() | st.just(2)),
    cost=st.none() | st.just(Decimal("0.1")),
    finish_reasons=st.sampled_from([(), ("stop",)]),
)
_related_errors = st.builds(
    Failure,
    **_related,
    details=st.sampled_from(["no", "no", "\ud800", {"not": "text"}, None]),
    trigger_event_id=st.sampled_from(["e1", "e2", "e3"]),
)
related = st.one_of(
    _related_calls,
    _related_calls,
    _related_errors,
    st.builds(ToolCall, **_related, span_id=_spans, returns=_few),
    st.builds(Action, **_related, span_id=_spans),
)

facts = st.one_of(
    st.lists(event_facts | session_facts, max_size=12),
    st.lists(st.builds(EventFact, related, st.integers(0, 2)), min_size=2, max_size=10),
)
