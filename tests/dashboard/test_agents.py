"""The agents of a session: whose an event is, who called whom, who came after whom."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from agentops_otel.records import Action, Event, Failure, LLMCall, Statistics
from agentops_otel.server.dashboard.agents import Agents, Step, Work, agents_of, owners_of
from agentops_otel.server.dashboard.agents_graph import HEIGHT, MOST, WIDTH, graph_of

from .conftest import Recorded


def step(event_id: str, parent: str | None, begin: int, end: int, agent: str | None = None) -> Action:
    """An action whose span has the id of the event."""
    return Action(
        event_id=event_id,
        session_id="s",
        name=event_id,
        init_timestamp=begin,
        end_timestamp=end,
        trace_id="t",
        span_id=event_id,
        parent_id=parent,
        agent_name=agent,
    )


def call(event_id: str, parent: str | None, begin: int, end: int, cost: str) -> LLMCall:
    """A model call that names no agent."""
    return LLMCall(
        event_id=event_id,
        session_id="s",
        name="chat",
        init_timestamp=begin,
        end_timestamp=end,
        trace_id="t",
        parent_id=parent,
        cost=Decimal(cost),
    )


FAILED = Failure(event_id="f", session_id="s", name="E", init_timestamp=55, trigger_event_id="w1")
EVENTS: list[Event] = [
    step("main", None, 0, 100),
    step("lead", "main", 10, 90, "Lead"),
    call("c1", "lead", 11, 19, "0.3"),
    step("r1", "lead", 20, 40, "Reader"),
    call("c2", "r1", 20, 30, "0.1"),
    step("w1", "lead", 50, 60, "Writer"),
    step("r2", "lead", 55, 70, "Reader"),
    step("r3", "r2", 56, 60, "Reader"),
    FAILED,
]


def test_an_event_belongs_to_the_nearest_agent_around_it() -> None:
    """Also an error, by the event it happened in; what no agent is around belongs to the program."""
    assert owners_of(EVENTS) == {
        "main": None,
        **dict.fromkeys(("lead", "c1"), "Lead"),
        **dict.fromkeys(("r1", "c2", "r2", "r3"), "Reader"),
        **dict.fromkeys(("w1", "f"), "Writer"),
    }


@pytest.mark.parametrize("rotated", range(len(EVENTS)))
def test_agents_are_told_with_their_calls_and_handoffs(rotated: int) -> None:
    """Whatever the order of the events. An agent within itself is not called; who began while the other was at it did
    not take over; time that passes in two events at once passes once."""
    by_id = {event.event_id: event for event in EVENTS}

    def sums(*ids: str) -> Statistics:
        return Statistics.of(*(by_id[one] for one in ids))

    assert agents_of([*EVENTS[rotated:], *EVENTS[:rotated]]) == Agents(
        works=[
            Work(None, sums("main"), 0, 100, 0.0),
            Work("Lead", sums("lead", "c1"), 1, 80, 0.75),
            Work("Reader", sums("r1", "c2", "r2", "r3"), 2, 35, 0.25),
            Work("Writer", sums("w1", "f"), 1, 10, 0.0),
        ],
        calls=[Step(None, "Lead", 1), Step("Lead", "Reader", 2), Step("Lead", "Writer", 1)],
        handoffs=[Step("Reader", "Writer", 1)],
    )


def test_events_that_are_their_own_ancestors_belong_to_the_program() -> None:
    """What nobody can have meant does not hang."""
    assert owners_of([step("a", "b", 0, 1), step("b", "a", 0, 1)]) == {"a": None, "b": None}


def test_boxes_stand_in_columns_and_do_not_overlap() -> None:
    """The program to the left, who it called beside it; lines begin and end at boxes within the picture."""
    graph = graph_of(agents_of(EVENTS))
    columns = {box.work.owner: box.x for box in graph.boxes}

    assert columns[None] < columns["Lead"] < columns["Reader"] == columns["Writer"]
    corners = [(box.x, box.y) for box in graph.boxes]
    assert len(set(corners)) == 4
    assert all(x + WIDTH <= graph.width and y + HEIGHT <= graph.height for x, y in corners)
    assert [len(graph.calls), len(graph.handoffs)] == [3, 1]


def test_more_agents_than_can_be_drawn_are_in_the_table() -> None:
    """The picture has the first ones, and no lines to those it leaves out."""
    crowd = [replace(step(f"a{n:03}", None, n, n), agent_name=f"Agent {n}") for n in range(MOST + 5)]
    graph = graph_of(agents_of(crowd))

    assert [box.work.owner for box in graph.boxes] == [None, *(f"Agent {n}" for n in range(MOST - 1))]
    assert [len(graph.calls), len(graph.handoffs)] == [MOST - 1, MOST - 2]


def test_the_tab_tells_who_called_whom(crew: Recorded) -> None:
    """With sums for each agent; without a script."""
    words = crew.session("crew", "?tab=agents").words
    assert "the program → Editor, 1 time" in words
    assert "Researcher → Writer, 1 time" in words
    assert "Calls Who Called Times the program Editor 1 Editor Researcher 1 Editor Writer 1" in words
    assert "Handoffs After Came Times Researcher Writer 1" in words


def test_an_agent_leads_to_its_rows(crew: Recorded) -> None:
    """The waterfall shows what it did, and says so; links within it stay with the agent."""
    links = crew.session("crew", "?tab=agents").links()
    page = crew.read(next(one for one in links if "agent=Researcher" in one))

    assert "Only what Researcher did Show all" in page.words
    assert [one.attributes["class"] for one in page.all("a", "row")] == [
        "row actions",
        "row llms",
        "row tools",
        "row llms",
    ]
    assert all("agent=Researcher" in link for link in page.links("row"))
    assert len(crew.read(page.links("clear")[0]).all("a", "row")) > 4


def test_a_session_without_agents_says_so(recorded: Recorded) -> None:
    """And how they come."""
    assert "No agent took part." in recorded.session("unpriced", "?tab=agents").words
