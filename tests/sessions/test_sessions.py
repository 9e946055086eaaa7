"""A session from first line to last, in one process."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

import agentops_otel as agentops
from agentops_otel import runtime
from agentops_otel.records import Action, Failure, LLMCall, ToolCall
from agentops_otel.sessions import root_of
from sessions.conftest import Recorded


def init(**options: object) -> agentops.Session:
    session = agentops.init(instrument_llm_calls=False, **options)  # type: ignore[arg-type]
    assert session is not None
    return session


def test_what_is_recorded_reads_back_as_one_session(recorded: Recorded) -> None:
    """Events of every kind, tags, agents, end state, reason, video and cost of one session are in the store."""
    session = init(default_tags=["a"], tags=None)
    agentops.record(agentops.ActionEvent(action_type="plan", params={"n": 1}, returns=[2]))
    tool = agentops.ToolEvent(name="search", params={"q": "x"}, returns="y", logs={"ms": 3})
    agentops.record(tool)
    agentops.record(
        agentops.LLMEvent(model="m", prompt="hi", completion="ho", prompt_tokens=7, completion_tokens=2, cost=0.25)
    )
    agentops.record(agentops.ErrorEvent(error_type="Timeout", code="504", details="late", trigger_event=tool))
    agentops.add_tags(["b", "a"])
    agent_id = agentops.create_agent("Planner")
    cost = agentops.end_session("Success", "done", "https://example.com/v.mp4")

    assert cost == "0.250000"
    found = recorded.session()
    assert (
        (str(session.session_id), "Success", "done", ("a", "b"), "https://example.com/v.mp4", False)
        == (found.session_id, found.end_state, found.end_state_reason, found.tags, found.video, found.is_running)
    )  # fmt: skip
    assert [(agent_id, "Planner")] == [(agent.agent_id, agent.name) for agent in found.agents]
    counts = found.statistics
    assert (4, 1, 1, 1, 1, 7, 2, Decimal("0.25"), 0) == (
        *(counts.events, counts.llms, counts.tools, counts.actions, counts.errors),
        *(counts.prompt_tokens, counts.completion_tokens, counts.cost, counts.unpriced_llms),
    )
    action, search, call, error = recorded.events()
    assert isinstance(action, Action)
    assert (action.name, action.action_type, action.params, action.returns) == ("plan", "plan", {"n": 1}, [2])
    assert isinstance(search, ToolCall)
    assert (str(tool.id), "search", {"q": "x"}, "y", {"ms": 3}) == (
        *(search.event_id, search.name, search.params, search.returns, search.logs),
    )
    assert isinstance(call, LLMCall)
    assert (call.model, call.prompt, call.completion, call.price and call.price.source) == ("m", "hi", "ho", "reported")
    assert isinstance(error, Failure)
    assert ("Timeout", "504", "late", str(tool.id), "tools") == (
        *(error.error_type, error.code, error.details, error.trigger_event_id, error.trigger_event_type),
    )


def test_the_trace_of_a_session_is_its_id() -> None:
    """A process that knows the session id knows the trace id, and the other way round."""
    session = init()
    assert isinstance(session.session_id, uuid.UUID)
    assert session.root.trace_id == session.session_id.int


def test_a_second_init_returns_the_live_session(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    """As in a notebook cell that is run again; options that it would change are named."""
    session = init()
    assert agentops.init() is session
    assert caplog.messages == []
    assert agentops.init(default_tags=["ignored"], max_queue_size=7) is session
    assert caplog.messages == [
        "init(max_queue_size=…, default_tags=…) changes nothing: 1 session(s) in progress; end them first"
    ]
    session.end_session()
    assert [one.tags for one in recorded.sessions()] == [()]


@pytest.mark.parametrize("more", [{}, {"max_queue_size": 7}], ids=["of sessions", "of the process"])
def test_an_init_after_the_session_starts_the_next_with_its_options(more: dict[str, Any], recorded: Recorded) -> None:
    """What is not given stays; a session is not tagged as the one before it."""
    init(tags=["first"], skip_auto_end_session=True).end_session("Success")
    init(tags=["second"], **more).end_session("Success")
    assert [one.tags for one in recorded.sessions()] == [("first",), ("second",)]
    room = runtime.running()
    assert room is not None
    assert (room.settings.skip_auto_end_session, room.settings.max_queue_size) == (
        True,
        more.get("max_queue_size", 512),
    )


def test_a_busy_disk_makes_no_cost_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the store for longer than a flush waits; the cost is that of all events all the same."""
    session = init()
    agentops.record(agentops.LLMEvent(model="m", cost=0.25))
    assert session.flush()
    monkeypatch.setattr("agentops_otel.sessions.FLUSH_S", 0.2)
    monkeypatch.setattr("agentops_otel.runtime.DISK_EXIT_S", 60)
    holder = sqlite3.connect(home / "agentops.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1, lambda: holder.execute("COMMIT"))
    release.start()
    agentops.record(agentops.LLMEvent(model="m", cost=0.5))
    assert session.end_session("Success") == "0.750000"
    release.join()
    holder.close()


@pytest.mark.parametrize("state", ["Failure", "Fail", agentops.EndState.FAIL])
def test_failure_has_two_names_and_one_meaning(state: str, recorded: Recorded) -> None:
    """AgentOps' older word is understood everywhere."""
    init().end_session(state, "no luck")
    assert (recorded.session().end_state, recorded.session().end_state_reason) == ("Failure", "no luck")


def test_an_unknown_end_state_ends_the_session_and_is_told(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """The session is not left open for a typo; the warning names value and remedy."""
    init().end_session("Done")
    assert caplog.messages == [
        "end_state='Done' is not one of Success, Failure, Indeterminate: the session ends Indeterminate"
    ]
    assert (
        recorded.session().end_state,
        recorded.session().end_state_reason,
    ) == ("Indeterminate", "unknown end state 'Done'")


def test_ending_twice_changes_nothing(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    """The first end stands."""
    session = init()
    assert session.end_session("Success") == "0.000000"
    assert session.end_session("Failure") is None
    assert [f"end_session: session {session.session_id} has ended already, as Success"] == caplog.messages
    assert recorded.session().end_state == "Success"


def test_a_block_ends_its_session(recorded: Recorded) -> None:
    """Success without an exception; Failure with it, its reason and an error event otherwise. It is not swallowed."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)
    with agentops.start_session(tags=["good"]):
        pass
    with pytest.raises(ValueError, match="no such city"), agentops.start_session(tags=["bad"]):
        raise ValueError("no such city")

    async def block() -> None:
        async with agentops.start_session(tags=["async"]):
            await asyncio.sleep(0)

    asyncio.run(block())
    good, bad, a = recorded.sessions()
    assert [(one.tags[0], one.end_state, one.end_state_reason) for one in (good, bad, a)] == [
        ("good", "Success", None),
        ("bad", "Failure", "ValueError: no such city"),
        ("async", "Success", None),
    ]
    (error,) = recorded.events(bad.session_id)
    assert isinstance(error, Failure)
    assert (error.error_type, error.details) == ("ValueError", "no such city")
    assert "raise ValueError" in str(error.logs)


def test_tags_are_replaced_and_appended_in_order(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    """set replaces, add appends without duplicates, a bare text is one tag, what is no text is told."""
    session = init(default_tags=["x"])
    session.set_tags(["a", "b"])
    session.add_tags("c")
    session.add_tags(["a", "d"])
    session.add_tags([5])
    session.end_session()
    assert ("a", "b", "c", "d", "5") == recorded.session().tags == tuple(session.tags)
    assert caplog.messages == ["tags=[5] holds what is not a text: recorded by its str(); give a list of texts"]


def test_the_same_event_recorded_again_replaces_what_was_there(recorded: Recorded) -> None:
    """One id, one event: the later version stands and is counted once."""
    session = init()
    event = agentops.LLMEvent(model="m", prompt_tokens=1, cost=1)
    session.record(event)
    event.prompt_tokens, event.cost, event.end_timestamp = 5, 2, None
    session.record(event)
    session.end_session()
    (call,) = recorded.events()
    assert isinstance(call, LLMCall)
    assert (5, Decimal(2)) == (call.usage.input, call.cost)
    assert Decimal(2) == recorded.session().statistics.cost


def test_manual_spans_inside_a_session_become_actions(recorded: Recorded) -> None:
    """Plain OpenTelemetry spans are steps; a failed one also gives an error linked to it."""
    session = init()
    tracer = trace.get_tracer("app")
    with tracer.start_as_current_span("outer"), pytest.raises(KeyError), tracer.start_as_current_span("inner"):
        raise KeyError("k")
    session.end_session()
    outer, inner, error = recorded.events()
    assert [outer.name, inner.name, error.name] == ["outer", "inner", "KeyError"]
    assert (outer.span_id, format(session.root.span_id, "016x")) == (inner.parent_id, outer.parent_id)
    assert isinstance(error, Failure)
    assert (inner.event_id, "actions") == (error.trigger_event_id, error.trigger_event_type)


def test_a_session_inside_a_request_is_linked_not_nested(recorded: Recorded) -> None:
    """Its trace is its own; the span around it stays the current one after the session."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)
    with trace.get_tracer("web").start_as_current_span("GET /") as request:
        with agentops.start_session() as session:
            assert trace.get_current_span().get_span_context().trace_id == session.root.trace_id
        assert trace.get_current_span() is request
    assert request.get_span_context().trace_id != session.root.trace_id


def test_sessions_of_tasks_and_threads_do_not_mix(recorded: Recorded) -> None:
    """Twenty sessions at once, in tasks and threads; each has exactly its own events."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)

    @agentops.record_action
    async def step(name: str) -> str:
        await asyncio.sleep(0)
        return name

    async def task(name: str) -> None:
        async with agentops.start_session(tags=[name]):
            await asyncio.gather(*(step(name) for _ in range(3)))

    async def tasks() -> None:
        await asyncio.gather(*(task(f"task {number}") for number in range(10)))

    def thread(name: str) -> None:
        with agentops.start_session(tags=[name]):
            for _ in range(3):
                asyncio.run(step(name))

    threads = [threading.Thread(target=thread, args=(f"thread {number}",)) for number in range(10)]
    for one in threads:
        one.start()
    asyncio.run(tasks())
    for one in threads:
        one.join()
    got = {one.tags[0]: [event.returns for event in recorded.events(one.session_id)] for one in recorded.sessions()}
    assert {f"{kind} {number}": [f"{kind} {number}"] * 3 for kind in ("task", "thread") for number in range(10)} == got


def test_the_one_active_session_is_meant_where_the_context_says_nothing(recorded: Recorded) -> None:
    """A bare thread has no context; with a single session there is no doubt, with two nothing is guessed."""
    session = init()

    def work() -> None:
        agentops.record(agentops.ActionEvent(action_type="from a thread"))

    one = threading.Thread(target=work)
    one.start()
    one.join()
    session.end_session()
    assert [event.name for event in recorded.events()] == ["from a thread"]


def test_a_block_makes_its_session_current_wherever_it_runs(recorded: Recorded) -> None:
    """A web framework starts a session in a handler and enters it in a background task, which has another context."""
    init()
    sessions = [agentops.start_session(tags=[name]) for name in ("thread", "task")]

    def work(session: agentops.Session) -> None:
        with session:
            agentops.record(agentops.ActionEvent(action_type=session.tags[0]))
        agentops.record(agentops.ActionEvent(action_type="afterwards"))

    async def task(session: agentops.Session) -> None:
        async with session:
            agentops.record(agentops.ActionEvent(action_type="task"))

    contextvars.Context().run(work, sessions[0])
    contextvars.Context().run(asyncio.run, task(sessions[1]))
    got = {one.tags[0]: [event.name for event in recorded.events(one.session_id)] for one in recorded.sessions()[1:]}
    assert got == {"thread": ["thread"], "task": ["task"]}


def test_with_two_sessions_and_no_context_a_warning_names_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised into the program."""
    init()
    agentops.start_session()
    contextvars.Context().run(agentops.record, agentops.ActionEvent())
    assert caplog.messages == ["record: 2 sessions are active and none is current here; call it on the session"]


def test_analytics_have_the_six_known_keys() -> None:
    """Counts, duration and cost as AgentOps gave them."""
    session = init()
    session.record(agentops.LLMEvent(cost=0.5))
    session.record(agentops.ActionEvent())
    session.record(agentops.ActionEvent("llms"))
    analytics = session.get_analytics()
    assert analytics.pop("Duration").endswith("s")  # type: ignore[union-attr]
    assert analytics == {"LLM calls": 2, "Tool calls": 0, "Actions": 1, "Errors": 0, "Cost": "0.500000"}
    assert session.is_running


def test_get_session_finds_by_uuid_and_by_text() -> None:
    """Either form of the id; None for another."""
    session = init()
    assert session is agentops.get_session(session.session_id) is agentops.get_session(str(session.session_id))
    assert agentops.get_session(uuid.uuid4()) is None


def test_joining_a_live_session_returns_it() -> None:
    """An id that is active here is the same session, with the new tags."""
    session = init()
    assert agentops.start_session(["more"], inherited_session_id=str(session.session_id)) is session
    assert session.tags == ["more"]


def test_without_init_calls_warn_and_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The program goes on; each warning names the remedy."""
    assert agentops.start_session() is None
    agentops.record(agentops.ActionEvent())
    assert agentops.end_session("Success") is None
    assert caplog.messages == [
        "start_session: call agentops_otel.init() first",
        "record: no session is active; start one with init() or start_session()",
        "end_session: no session is active; start one with init() or start_session()",
    ]


def test_end_all_sessions_ends_each(recorded: Recorded) -> None:
    """Three sessions, three ends."""
    init()
    agentops.start_session()
    agentops.start_session()
    agentops.end_all_sessions()
    assert [one.is_running for one in recorded.sessions()] == [False] * 3
    assert [one.end_timestamp is not None for one in recorded.sessions()] == [True] * 3


def test_a_framework_cannot_end_a_session_it_does_not_own() -> None:
    """With skip_auto_end_session an automatic end is ignored."""
    session = init(skip_auto_end_session=True)
    assert agentops.end_session("Success", is_auto_end=True) is None
    assert session.is_running


def test_patch_fills_in_the_session() -> None:
    """As AgentOps' Session.patch."""
    session = init()
    assert session is session.patch(lambda session: session)()


def test_a_session_id_of_any_text_is_kept(recorded: Recorded) -> None:
    """Foreign ids join, too; what cannot be an id is told and not used."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)
    with agentops.start_session(inherited_session_id="conversation 42") as session:
        session.record(agentops.ActionEvent())
    assert "conversation 42" == session.session_id == recorded.session().session_id
    assert recorded.session().statistics.actions == 1


@given(st.uuids())
def test_the_root_span_follows_from_the_session_id(session_id: uuid.UUID) -> None:
    """Trace id and span id are valid, the same in every process, and the span id is not part of the trace id."""
    trace_id, span_id = root_of(str(session_id))
    assert (session_id.int or 1, True) == (trace_id, 0 < span_id < 2**64)
    assert (trace_id, span_id) == root_of(str(session_id).upper())


def test_root_spans_of_many_sessions_differ() -> None:
    """Ids in use are random: of ten thousand no two share a root span."""
    assert len({root_of(str(uuid.uuid4()))[1] for _ in range(10_000)}) == 10_000
