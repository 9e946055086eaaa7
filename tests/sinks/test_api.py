"""The sink that speaks AgentOps' REST API, against the real server process."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.errors import DeliveryError
from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import Failure, LLMCall, Price, ToolCall, Usage, to_json
from agentops_otel.sinks.api import ApiSink, Reply, over_http
from agentops_otel.sinks.spool import Spool, destination_of
from server.running import Running

START = 1_795_352_682_000_000_000


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("bridge"))
    running.keys.create_key("first")
    with running:
        yield running


def facts_of(session_id: str) -> list[Fact]:
    llm = LLMCall(
        event_id="e1",
        session_id=session_id,
        name="chat",
        init_timestamp=START,
        end_timestamp=START + 1_000,
        trace_id="1" * 32,
        span_id="2" * 16,
        params={"temperature": 0},
        prompt=[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
        completion=[{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}],
        provider="openai",
        model="m",
        request_model="m",
        usage=Usage(input=7, cache_read=3, output=2, reasoning=1),
        cost=Decimal("0.00001234567"),
        price=Price("override", "mine", "v1"),
        finish_reasons=("stop",),
        extra={"user.key": "kept"},
    )
    tool = ToolCall(event_id="e2", session_id=session_id, name="t", init_timestamp=START, logs={"n": 1})
    error = Failure(event_id="e3", session_id=session_id, name="E", init_timestamp=START, error_type="E", details="d")
    stamp = Stamp(START, "me")
    said = SessionFacts(
        session_id,
        start_ns=START,
        activity_ns=START,
        end=End(EndRank.EXPLICIT, START + 5_000_000, "me", "Failure", "why"),
        tags_set=(stamp, ("a", "b")),
        agents={"a1": (stamp, "Ada")},
    )
    return [said, EventFact(llm), EventFact(tool), EventFact(error)]


def test_what_is_sent_reads_back_the_same(bridge: Running) -> None:
    """Every field of every kind, tags, agents and the end; sent twice it is the same again."""
    key, session_id = bridge.keys.create_key("p"), str(uuid.uuid4())
    sink, facts = ApiSink(bridge.url, key), facts_of(session_id)
    for _ in range(2):
        sink.append(facts)

    path = f"/v2/sessions/{session_id}"
    events = bridge.get(f"{path}/events", key=key)["events"]
    assert [to_json(fact.event) | _ENDED for fact in facts if isinstance(fact, EventFact)] == [
        event | _ENDED for event in events
    ]
    session = bridge.get(path, key=key)
    assert (
        session["tags"],
        session["end_state"],
        session["end_state_reason"],
        [agent["name"] for agent in session["agents"]],
    ) == (["a", "b"], "Failure", "why", ["Ada"])
    told = sink.session(session_id)
    assert told is not None
    assert (Decimal("0.00001234567"), 3) == (told.statistics.cost, told.statistics.events)


_ENDED = {"end_timestamp": None}  # AgentOps wants an end of every event, so one that has none is sent with its start


def test_a_session_without_an_end_stays_open(bridge: Running) -> None:
    """A running session is created and not ended; its end is told when it comes."""
    key, session_id = bridge.keys.create_key("p"), str(uuid.uuid4())
    sink, (said, *_) = ApiSink(bridge.url, key), facts_of(session_id)
    sink.append([SessionFacts(session_id, start_ns=START)])
    before = bridge.get(f"/v2/sessions/{session_id}", key=key)["end_timestamp"]
    sink.append([said])

    assert (before, bridge.get(f"/v2/sessions/{session_id}", key=key)["end_state"]) == (None, "Failure")


def test_an_expired_token_is_renewed(bridge: Running) -> None:
    """401 asks for a new token once, and the batch arrives."""
    key, session_id, refused = bridge.keys.create_key("p"), str(uuid.uuid4()), []

    def forgetful(method: str, url: str, body: Any, headers: dict[str, str]) -> Reply:
        if url.endswith("create_events") and not refused:
            refused.append(url)
            headers = headers | {"Authorization": "Bearer a.b.c"}
        return over_http(method, url, body, headers)

    ApiSink(bridge.url, key, transport=forgetful).append(facts_of(session_id))

    assert (len(refused), bridge.get(f"/v2/sessions/{session_id}/stats", key=key)["events"]) == (1, 3)


def test_a_batch_that_is_too_large_is_halved(bridge: Running) -> None:
    """413 splits; an event that is refused for good is dropped and counted, its siblings arrive."""
    key, session_id = bridge.keys.create_key("p"), str(uuid.uuid4())

    def narrow(method: str, url: str, body: Any, headers: dict[str, str]) -> Reply:
        events = body.get("events", []) if body else []
        if len(events) > 1 or any(event["id"] == "e2" for event in events):
            return Reply(413, {"message": "too large"})
        return over_http(method, url, body, headers)

    sink = ApiSink(bridge.url, key, transport=narrow)
    sink.append(facts_of(session_id))

    events = bridge.get(f"/v2/sessions/{session_id}/events", key=key)["events"]
    assert ([event["event_id"] for event in events], sink.rejected) == (["e1", "e3"], 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_be_sent_again_is_the_callers(status: int) -> None:
    """The error says how long the server asked to wait."""
    sink = ApiSink("http://x", "k", transport=lambda *_: Reply(status, {"message": "later"}, 3.0))

    with pytest.raises(DeliveryError, match=f"create_session was answered with {status}: later") as failed:
        sink.append(facts_of("s"))
    assert failed.value.retry_after_s == 3.0


def test_nobody_listening_is_a_delivery_error() -> None:
    """Refused connections name the route."""
    with pytest.raises(DeliveryError, match="create_session cannot be reached"):
        ApiSink("http://127.0.0.1:9", "k").append(facts_of("s"))


PROGRAM = """
import agentops_otel as agentops
session = agentops.init(exporter="api", default_tags=["net"], instrument_llm_calls=False)
for n in range({events}):
    session.record(agentops.ActionEvent(action_type=f"step {{n}}"))
cost = session.end_session("Success")
print(session.session_id, cost)
"""


def run(tmp_path: Path, endpoint: str, key: str, events: int = 3) -> str:
    """A program that records over the API; the id of its session."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AGENTOPS")}
    environ |= {"AGENTOPS_HOME": str(tmp_path), "AGENTOPS_API_ENDPOINT": endpoint, "AGENTOPS_API_KEY": key}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(events=events)], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[0]


def run_until_delivered(tmp_path: Path, endpoint: str, key: str) -> str:
    """The same, and more programs until nothing waits: each waits for a busy server a moment only."""
    session_id = run(tmp_path, endpoint, key)
    spool = Spool(tmp_path / "spool.db", destination_of(endpoint, key))
    for _ in range(20):
        if not spool.waiting():
            break
        run(tmp_path, endpoint, key, events=0)
    return session_id


def test_a_program_records_over_the_network(bridge: Running, tmp_path: Path) -> None:
    """`init(exporter="api")`: events, tags and end state are at the server when the program has ended."""
    key = bridge.keys.create_key("net")

    session_id = run_until_delivered(tmp_path, bridge.url, key)

    session = bridge.get(f"/v2/sessions/{session_id}", key=key)
    assert (session["tags"], session["end_state"], session["statistics"]["actions"]) == (["net"], "Success", 3)


def test_what_a_server_missed_is_delivered_by_the_next_program(bridge: Running, tmp_path: Path) -> None:
    """The first program meets nobody and ends; the second, of the same user, delivers both sessions."""
    key = bridge.keys.create_key("net")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        first = run(tmp_path, nobody, key)
    spool = Spool(tmp_path / "spool.db", destination_of(nobody, key))
    waited = spool.waiting()
    with sqlite3.connect(tmp_path / "spool.db") as database:  # the same server, at the address where it is now
        database.execute("UPDATE batches SET destination = ?", (destination_of(bridge.url, key),))
    database.close()

    second = run_until_delivered(tmp_path, bridge.url, key)

    assert waited > 0
    assert [bridge.get(f"/v2/sessions/{one}/stats", key=key)["actions"] for one in (first, second)] == [3, 3]
