"""Messages of model calls that come as log records are joined to their spans, whichever comes first."""

from __future__ import annotations

import itertools
import sqlite3
import uuid
from dataclasses import replace

import pytest

from agentops_otel.otlp import encode_logs, encode_traces
from agentops_otel.spans import FlatLog

from .running import Running
from .test_otlp_http import PROTOBUF, chat

SPAN = "00000000000000a1"


def said(session_id: str, name: str, at_ns: int, **body: object) -> FlatLog:
    return FlatLog(time_ns=at_ns, event_name=name, body=body, trace_id=uuid.UUID(session_id).hex, span_id=SPAN)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_messages_and_span_come_in_any_order(bridge: Running, order: tuple[int, ...]) -> None:
    """Span, question and answer in three requests: the event is the same, and sending all again changes nothing."""
    session_id = str(uuid.uuid4())
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
    requests = [
        ("traces", encode_traces([chat(session_id)])),
        ("logs", encode_logs([said(session_id, "gen_ai.user.message", 1, content="Hi")])),
        ("logs", encode_logs([said(session_id, "gen_ai.choice", 2, index=0, **choice)])),
    ]
    seen = []
    for _ in range(2):
        for place in order:
            signal, body = requests[place]
            answer = bridge.ask("POST", f"/v1/{signal}", body, Content_Type=PROTOBUF)
            assert (answer.status, answer.body) == (200, b"")
        seen.append(bridge.get(f"/v2/sessions/{session_id}/events")["events"])

    (event,) = seen[0]
    assert seen[0] == seen[1]
    assert [(message["role"], message["parts"][0]["content"]) for message in event["prompt"] + event["completion"]] == [
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]
    assert event["usage"]["input"] == 7


def test_other_log_records_are_counted_and_said_not_to_be_stored(bridge: Running) -> None:
    """A program's own log lines are nobody's messages."""
    line = replace(said(str(uuid.uuid4()), "", 1), event_name=None, body="a line")

    answer = bridge.ask("POST", "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]})
    taken = bridge.ask("POST", "/v1/logs", encode_logs([line]), Content_Type=PROTOBUF)

    assert (
        answer.json["partialSuccess"]["errorMessage"]
        == "1 log records are neither messages of model calls nor a coding agent's: counted, not stored"
    )
    assert taken.status == 200


def test_messages_go_with_their_session(bridge: Running) -> None:
    """Deleting a session removes its messages from the waiting room too."""
    session_id = str(uuid.uuid4())
    log = said(session_id, "gen_ai.user.message", 1, content="a secret of some length")
    bridge.ask("POST", "/v1/traces", encode_traces([chat(session_id)]), Content_Type=PROTOBUF)
    bridge.ask("POST", "/v1/logs", encode_logs([log]), Content_Type=PROTOBUF)

    assert bridge.ask("DELETE", f"/v2/sessions/{session_id}").status == 204

    database = sqlite3.connect(bridge.db)
    counts = [
        database.execute(f"SELECT count(*) FROM {table} WHERE trace_id = ?", (uuid.UUID(session_id).hex,)).fetchone()
        for table in ("span_logs", "awaiting_spans")
    ]
    database.close()
    assert counts == [(0,), (0,)]


def test_messages_that_came_first_stay_in_the_session_of_their_call(bridge: Running) -> None:
    """Where the trace names two sessions, and the call none: its parent says which."""
    session_id, first, second = (str(uuid.uuid4()) for _ in range(3))
    call = replace(chat(session_id), parent_span_id="00000000000000b1")
    tops = [
        replace(chat(session_id), name="step", span_id=f"00000000000000b{nth}", attributes={"session.id": name})
        for nth, name in ((1, first), (2, second))
    ]
    log = encode_logs([said(session_id, "gen_ai.user.message", 1, content="Hi")])

    for signal, body in (("logs", log), ("traces", encode_traces([*tops, call]))):
        assert bridge.ask("POST", f"/v1/{signal}", body, Content_Type=PROTOBUF).status == 200

    events = bridge.get(f"/v2/sessions/{first}/events?payloads=true")["events"]
    assert [event["prompt"][0]["parts"][0]["content"] for event in events if event["event_type"] == "llms"] == ["Hi"]
    assert bridge.ask("GET", f"/v2/sessions/{session_id}").status == 404
