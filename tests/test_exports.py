"""The shapes in which sessions leave: AgentOps' rows and JSONL."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from agentops_otel.exports import (
    agentops_export,
    agentops_export_chunks,
    agentops_stats,
    chatml,
    default_agent_id,
    duration_text,
    jsonl_lines,
)
from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.fold import Fold
from agentops_otel.records import (
    Action,
    Agent,
    ApiCall,
    Event,
    Failure,
    LLMCall,
    Session,
    Statistics,
    ToolCall,
    Usage,
    event_from_json,
    session_from_json,
    total,
)

ID = "0af76519-16cd-43dd-8448-eb211c80319c"
SECOND = 1_000_000_000
START = 1_795_352_682 * SECOND


def said(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


EVENTS: tuple[Event, ...] = (
    LLMCall(
        event_id="e1",
        session_id=ID,
        name="chat m",
        init_timestamp=START,
        end_timestamp=START + SECOND,
        agent_id="a1",
        params={"temperature": 0},
        prompt=[said("user", "Hi")],
        completion=[said("assistant", "Hello")],
        model="m",
        usage=Usage(input=10, cache_read=5, output=3),
        cost=Decimal("0.0000125"),
    ),
    ToolCall(event_id="e2", session_id=ID, name="look up", init_timestamp=START, params={"q": 1}, returns="found"),
    Action(event_id="e3", session_id=ID, name="plan", init_timestamp=START, returns=[1, 2]),
    ApiCall(event_id="e4", session_id=ID, name="GET", init_timestamp=START, method="GET"),
    Failure(
        event_id="e5",
        session_id=ID,
        name="ValueError",
        init_timestamp=START,
        error_type="ValueError",
        details={"why": "test"},
        trigger_event_id="e2",
        trigger_event_type="tools",
    ),
)
SESSION = Session(
    project_id="p",
    session_id=ID,
    init_timestamp=START,
    end_timestamp=START + 63 * SECOND,
    last_activity_at=START + 62 * SECOND,
    end_state="Success",
    tags=("a", "b"),
    agents=(Agent(agent_id="a1", name="Ada"),),
    statistics=total(Statistics.of(event) for event in EVENTS),
)


def test_stats_hold_the_documented_fields_and_ours() -> None:
    """Costs are numbers there, and exact beside it; cached tokens are part of the prompt."""
    assert agentops_stats(SESSION) == {
        "session_id": ID,
        "cost": 0.0000125,
        "cost_usd": "0.0000125",
        "cost_is_lower_bound": False,
        "duration": "1m 3.0s",
        "duration_ms": 63_000.0,
        "end_state": "Success",
        "is_running": False,
        "events": 4,
        "llms": 1,
        "tools": 1,
        "actions": 1,
        "apis": 1,
        "errors": 1,
        "prompt_tokens": 15,
        "completion_tokens": 3,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "unpriced_llms": 0,
        "truncated": 0,
        "dropped": 0,
    }


def test_an_unknown_cost_is_null_not_zero() -> None:
    """A session whose only call has no price does not claim that it was free; one without calls was."""
    unpriced = Session(project_id="p", session_id=ID, statistics=Statistics(llms=1, unpriced_llms=1))

    assert [agentops_stats(s)["cost"] for s in (unpriced, Session(project_id="p", session_id=ID))] == [None, 0.0]


def test_export_has_rows_as_agentops_writes_them() -> None:
    """Rows by kind, under AgentOps' column names; structured values of text columns are JSON text."""
    export = agentops_export(SESSION, EVENTS)

    assert list(export) == ["session", "actions", "llms", "tools", "errors", "apis", "statistics", "agents"]
    session, (llm,), (tool,), (action,), (error,) = (
        export[name] for name in ("session", "llms", "tools", "actions", "errors")
    )
    assert tuple(session[k] for k in ("id", "project_id", "tags", "end_state")) == (ID, "p", '["a","b"]', "Success")
    assert llm["prompt"] == {"type": "chatml", "messages": [{"role": "user", "content": "Hi"}]}
    assert llm["completion"] == {"type": "chatml", "messages": {"role": "assistant", "content": "Hello"}}
    assert tuple(
        llm[k] for k in ("id", "agent_id", "model", "prompt_tokens", "completion_tokens", "cost", "params")
    ) == ("e1", "a1", "m", 15, 3, 0.0000125, '{"temperature":0}')
    assert ("look up", '{"q":1}', "found", default_agent_id(ID)) == tuple(
        tool[k] for k in ("name", "params", "returns", "agent_id")
    )
    assert (action["action_type"], action["returns"]) == ("plan", "[1,2]")
    assert tuple(error[k] for k in ("trigger_event_id", "trigger_event_type", "details", "timestamp")) == (
        "e2",
        "tools",
        '{"why":"test"}',
        "2026-11-22T13:04:42.000000Z",
    )
    assert agentops_stats(SESSION) == export["statistics"]
    assert [agent["name"] for agent in export["agents"]] == ["Ada", "Default Agent"]


def test_the_streamed_export_is_the_same_export() -> None:
    """Pieces joined are the JSON of the whole."""
    chunks = agentops_export_chunks(SESSION, lambda kind: [event for event in EVENTS if event.event_type == kind])

    assert agentops_export(SESSION, EVENTS) == json.loads("".join(chunks))


def test_jsonl_reads_back_to_the_same_records() -> None:
    """One line a record, the session first; nothing is lost."""
    first, *rest = jsonl_lines(SESSION, EVENTS)

    assert session_from_json(json.loads(first)) == SESSION
    assert list(EVENTS) == [event_from_json(json.loads(line)) for line in rest]


def test_records_of_a_fold_can_be_exported() -> None:
    """What the fold makes of bare facts, with hardly a field known, has a row as well."""
    fold = Fold()
    fold.add([SessionFacts(ID), *(EventFact(event) for event in EVENTS)])
    session = fold.session(ID, now_ns=START)
    assert session is not None

    assert agentops_export(session, fold.events(ID))["session"]["id"] == ID


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("plain", {"type": "string", "string": "plain"}),
        ({"any": 1}, {"type": "string", "string": '{"any":1}'}),
        (
            [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}}]}],
            {
                "type": "chatml",
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
                        ],
                        "content": None,
                    }
                ],
            },
        ),
        (
            [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": {"y": 2}}]}],
            {"type": "chatml", "messages": [{"role": "tool", "tool_call_id": "c", "content": '{"y":2}'}]},
        ),
        (
            [{"role": "user", "parts": [{"type": "uri", "uri": "u"}, {"type": "text", "content": "see"}]}],
            {
                "type": "chatml",
                "messages": [
                    {"role": "user", "content": [{"type": "uri", "uri": "u"}, {"type": "text", "content": "see"}]}
                ],
            },
        ),
    ],
)
def test_messages_become_chatml(value: object, expected: object) -> None:
    """Parts are flattened where chat APIs have a place for them, and kept where they have none."""
    assert expected == chatml(value)


@pytest.mark.parametrize(
    ("duration_ns", "expected"),
    [(None, None), (400_000_000, "0.4s"), (123 * SECOND, "2m 3.0s"), (3_600_100_000_000, "1h 0.1s")],
)
def test_durations_read_as_agentops_writes_them(duration_ns: int | None, expected: str | None) -> None:
    """Hours and minutes only where there are any."""
    assert expected == duration_text(duration_ns)
