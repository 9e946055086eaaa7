"""What is inside an event can be hidden; errors alone can be shown; events that came late are marked."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from agentops_otel.facts import End, EndRank, SessionFacts
from agentops_otel.otlp import encode_traces
from agentops_otel.records import Action, Event, Failure, LLMCall, Session, ToolCall
from agentops_otel.server.dashboard.late import late_count, late_ns
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Waterfall
from agentops_otel.spans import FlatSpan
from agentops_otel.store.sqlite import SqliteStore

from .conftest import PROTOBUF, Recorded
from .test_waterfall import ROUND, event, names, searches

FAILED = Failure(event_id="f", session_id="s", name="E", init_timestamp=131, trigger_event_id="search3")
OUTER = event(Action, "outer", 0, 1000)
INNER = event(Action, "inner", 10, 500, "outer")
CALL = event(LLMCall, "call", 20, 90, "inner", model="gpt")
OTHER = event(LLMCall, "other", 600, 700, "outer", model="gpt")
START_NS = 1_795_352_682_000_000_000
NESTED: Sequence[Event] = (OUTER, INNER, CALL, OTHER)


def shut(*events: str) -> View:
    """A view in which these are closed."""
    return View(shut=frozenset(events))


def test_a_closed_event_hides_what_is_inside() -> None:
    """Its row says how much that is, how much of it went wrong, and what it cost together."""
    [row] = Waterfall.of([*ROUND[:1], *searches(9), FAILED], shut("a")).rows
    assert (row.name, row.hidden, row.hidden_errors, str(row.cost)) == ("a", 9, 1, "0.9")
    [row] = Waterfall.of([*ROUND, FAILED], shut("a")).rows
    assert (row.hidden, str(row.cost), row.is_lower_bound) == (38, "3.7", True)


def test_each_event_is_closed_by_itself() -> None:
    """What stands beside it stays; what has nothing inside cannot be closed."""
    assert names(Waterfall.of(NESTED, shut("inner", "other"))) == [("outer", 1, 0), ("inner", 1, 1), ("gpt", 1, 1)]
    assert [(row.name, row.has_inside, row.hidden) for row in Waterfall.of(NESTED, shut("inner")).rows] == [
        ("outer", True, 0),
        ("inner", True, 1),
        ("gpt", False, 0),
    ]


def test_all_but_some_can_be_closed() -> None:
    """`all` closes every event, those beside it are open."""
    assert names(Waterfall.of(NESTED, shut("all"))) == [("outer", 1, 0)]
    assert names(Waterfall.of(NESTED, shut("all", "outer"))) == [("outer", 1, 0), ("inner", 1, 1), ("gpt", 1, 1)]


@pytest.mark.parametrize("view", [shut("all"), shut("outer", "inner"), shut("inner"), shut("other")])
def test_what_hides_an_event_can_be_opened(view: View) -> None:
    """All that is around it, and nothing else."""
    hiding = Waterfall.of(NESTED, view).hiding("call")
    found = Waterfall.of(NESTED, view.revealing(hiding))
    assert [row.event.event_id for row in found.rows] == ["outer", "inner", "call", "other"]
    assert found.hiding("call") == set()
    assert found.hiding(None) == found.hiding("nobody") == set()


def test_errors_can_be_shown_alone() -> None:
    """With what they happened in, also where that is closed."""
    events = [*ROUND, *searches(3, 700, name="fetch"), FAILED]
    assert names(Waterfall.of(events, View(failed=True))) == [("a", 1, 0), ("search", 1, 1)]
    assert Waterfall.of(ROUND, View(failed=True)).count == 0
    [row] = Waterfall.of(events, View(failed=True, shut=frozenset({"a"}))).rows
    assert (row.hidden, row.hidden_errors) == (1, 1)


@pytest.mark.parametrize(
    ("begin", "end", "ended", "late"),
    [(10, 90, 90, None), (10, 91, 90, 1), (100, None, 90, 10), (10, None, 90, None), (10, 91, None, None)],
)
def test_late_is_what_ends_after_its_session(begin: int, end: int | None, ended: int | None, late: int | None) -> None:
    """While a session goes on nothing is."""
    assert late_ns(event(ToolCall, "t", begin, end), ended) == late


def test_late_events_are_counted_where_there_can_be_any() -> None:
    """A session in which nothing happened after its end is not read for it."""
    session = Session(project_id="p", session_id="s", end_timestamp=600, last_activity_at=1000)
    assert late_count(session, lambda: NESTED) == 2
    assert [row.late for row in Waterfall.of(NESTED, View(), 600).rows] == [1, 0, 0, 1]
    fold = Waterfall.of(ROUND, View(), 400).rows[2]
    assert (fold.repeats, fold.late) == (37, 7)

    def unread() -> Sequence[Event]:
        raise AssertionError("the events were read")

    assert late_count(Session(project_id="p", session_id="s", end_timestamp=5, last_activity_at=5), unread) == 0
    assert late_count(Session(project_id="p", session_id="s", last_activity_at=5), unread) == 0


def steps(session_id: str, count: int, tools: int = 3) -> bytes:
    """Steps with so many different tools in each, the last of which fails, as an OTLP request."""
    trace_id = f"{zlib.crc32(session_id.encode()) or 1:032x}"

    def span(name: str, at: int, parent: int | None, **more: Any) -> FlatSpan:
        asked: dict[str, Any] = {"session.id": session_id}
        if parent is not None:
            asked |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        return FlatSpan(
            trace_id=trace_id,
            span_id=f"{at + 1:016x}",
            parent_span_id=None if parent is None else f"{parent + 1:016x}",
            name=name,
            start_ns=START_NS + at * 1_000_000,
            end_ns=START_NS + (at + (1 if parent is not None else tools + 1)) * 1_000_000,
            attributes=asked,
            **more,
        )

    each = tools + 1
    return encode_traces(
        [
            span(f"step {step}", step * each, None)
            if at == 0
            else span(f"tool {step}.{at}", step * each + at, step * each, status_code=2 * (at == tools))
            for step in range(count)
            for at in range(each)
        ]
    )


def send(recorded: Recorded, body: bytes) -> None:
    assert recorded.server.ask("POST", "/v1/traces", body, Content_Type=PROTOBUF).status == 200


def test_what_is_closed_is_in_every_link(nothing: Recorded) -> None:
    """Of rows and of the pages of rows; the switch at a row opens it again, on the page where it stands."""
    send(nothing, steps("many", 200))
    first = nothing.read("/sessions/many")
    [closing] = [
        one.attributes for one in first.all("a", "twist") if one.attributes["aria-label"] == "What is in step 1"
    ]
    assert (closing["aria-expanded"], len(first.all("a", "row"))) == ("true", 100)
    closed = nothing.read(closing["href"] or "")
    assert closed.words.count("1 error inside") == 1
    assert all("shut=" in link for link in (*closed.links("row"), *closed.links("more")))
    second = nothing.read(closed.links("more")[0])
    [later] = second.links("twist")[:1]
    assert ["row=100" in later, len(nothing.read(later).all("a", "row"))] == [True, 100]
    opening = next(one for one in closed.all("a", "twist") if one.attributes["aria-expanded"] == "false")
    assert nothing.read(opening.attributes["href"] or "").words == first.words


def test_a_picked_event_is_not_hidden(nothing: Recorded) -> None:
    """Whatever the URL says is closed; its own switch closes it all the same and picks nothing."""
    send(nothing, steps("hidden", 5))
    tools = [one["event_id"] for one in nothing.server.get("/v2/sessions/hidden/events?types=tools")["events"]]
    picked = nothing.read(f"/sessions/hidden?shut=all&event={tools[4]}")
    rows = [one.attributes["id"] for one in picked.all("a", "row")]
    assert (len(rows), f"e-{tools[4]}" in rows) == (8, True)
    [open_one] = [one for one in picked.all("a", "twist") if one.attributes["aria-expanded"] == "true"]
    assert len(nothing.read(open_one.attributes["href"] or "").all("a", "row")) == 5


def test_errors_alone_are_a_url(nothing: Recorded) -> None:
    """The switch says how many there are, and is there while nothing went wrong as well once it is on."""
    send(nothing, steps("wrong", 2))
    page = nothing.read("/sessions/wrong")
    assert (len(page.all("a", "row")), "Errors only 2" in page.words) == (8, True)
    alone = nothing.read("/sessions/wrong?errors=only")
    assert [len(alone.all("a", "row")), len(alone.all("a", "failed"))] == [4, 2]
    assert all("errors=only" in link for link in alone.links("row"))


def test_late_events_are_marked(nothing: Recorded) -> None:
    """In the header, in the row and beside it, once the session was ended before they were."""
    send(nothing, steps("late", 1))
    before = nothing.read("/sessions/late")
    end = End(EndRank.EXPLICIT, START_NS + 2_500_000, "somebody", "Success", "")
    with contextlib.closing(SqliteStore(nothing.server.db)) as store:
        store.append("default", [SessionFacts("late", end=end)])
    page = nothing.read("/sessions/late")
    marked = [len(page.all("span", "late")), len(before.all("span", "late"))]
    assert (marked, "4 events ended after the session" in page.words) == ([3, 0], True)
    [tool] = [one["event_id"] for one in nothing.server.get("/v2/sessions/late/events?types=tools")["events"]][-1:]
    assert "Late ended 1.5 ms after the session did" in nothing.read(f"/sessions/late?event={tool}").words
    assert "4 events ended after the session" in nothing.read("/sessions/late?tab=raw").words
