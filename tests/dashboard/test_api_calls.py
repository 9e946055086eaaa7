"""The API calls of an event can be shown below it, and hidden again."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from agentops_otel.otlp import encode_traces
from agentops_otel.records import Action, ApiCall, LLMCall
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Waterfall
from agentops_otel.spans import FlatSpan

from .browser import WIDTHS, Open, address
from .conftest import Recorded
from .test_shut import START_NS, send
from .test_waterfall import event, names, searches

STEP = event(Action, "step", 0, 1000)
CALL = event(LLMCall, "call", 20, 90, "step", model="gpt")
POST = event(ApiCall, "post", 30, 80, "call", name="POST")
DNS = event(ApiCall, "dns", 31, 32, "post", name="DNS")
SERVED = event(Action, "served", 40, 70, "post")
ALONE = event(ApiCall, "alone", 900, 950, name="GET")
EVENTS = [STEP, CALL, POST, DNS, SERVED, ALONE]
HIDDEN = [("step", 1, 0), ("gpt", 1, 1), ("served", 1, 2)]
SHOWN = [("step", 1, 0), ("gpt", 1, 1), ("POST", 1, 2), ("DNS", 1, 3), ("served", 1, 3)]


def of(*makers: str, **more: Any) -> View:
    """A view with the API calls of these."""
    return View(calls=frozenset(makers), **more)


def test_a_row_says_how_many_api_calls_its_event_made() -> None:
    """Those within others as well; what is around them all made none of them."""
    for view in (View(), of("call"), of("step")):
        rows = {row.name: row.calls for row in Waterfall.of(EVENTS, view).rows}
        assert (rows["step"], rows["gpt"], rows["served"]) == (0, 2, 0)


def test_the_api_calls_of_one_event_are_shown() -> None:
    """And no others; what happened in them stands in them then."""
    assert [names(Waterfall.of(EVENTS, view)) for view in (View(), of("step", "nobody"))] == [HIDDEN, HIDDEN]
    assert names(Waterfall.of(EVENTS, of("call"))) == SHOWN
    assert names(Waterfall.of(EVENTS, View(apis=True))) == [*SHOWN, ("GET", 1, 0)]


def test_api_calls_that_go_round_in_a_circle_are_made_by_nobody() -> None:
    """They are shown with all others."""
    circle = [event(ApiCall, one, 0, 1, other) for one, other in (("x", "y"), ("y", "x"))]
    assert Waterfall.of(circle, View()).count == 0
    assert Waterfall.of(circle, View(apis=True)).count == 2


def test_api_calls_part_no_fold() -> None:
    """An event of an open fold has its API calls below it, the others stay where they are; a closed one hides them."""
    calls = [event(ApiCall, f"p{n}", 100 + 10 * n, 101 + 10 * n, f"search{n}", name="POST") for n in range(4)]
    events = [STEP, *searches(4, parent="step"), *calls]
    assert names(Waterfall.of(events, of("search2"))) == [("step", 1, 0), ("search", 4, 1)]
    opened = Waterfall.of(events, of("search2", opened=frozenset({"search0"})))
    assert names(opened)[1:] == [("search", 4, 1), *[("search", 1, 2)] * 3, ("POST", 1, 3), ("search", 1, 2)]
    assert [row.calls for row in opened.rows] == [0, 0, 1, 1, 1, 0, 1]


@pytest.mark.parametrize("view", [of("call", shut=frozenset({"call"})), of(shut=frozenset({"all", "step"}))])
def test_what_is_closed_is_opened_for_its_api_calls(view: View) -> None:
    """The switch at the row opens the row, too; when they are shown it hides them and nothing else."""
    assert not view.calls_of("call")
    told = view.called("call")
    changed = view._replace(calls=frozenset(told["api"]), shut=frozenset(told["shut"]))
    assert changed.calls_of("call")
    assert ("POST", 1, 2) in names(Waterfall.of(EVENTS, changed))
    assert changed.called("call") == {"api": []}


def posts(session_id: str, per_call: int = 2) -> bytes:
    """Two model calls, each with so many requests over HTTP inside, as an OTLP request."""

    def span(number: int, name: str, begin: int, end: int, parent: int | None, **attributes: Any) -> FlatSpan:
        return FlatSpan(
            trace_id=f"{zlib.crc32(session_id.encode()) or 1:032x}",
            span_id=f"{number:016x}",
            parent_span_id=None if parent is None else f"{parent:016x}",
            name=name,
            start_ns=START_NS + begin * 1_000_000,
            end_ns=START_NS + end * 1_000_000,
            kind=3,
            attributes={"session.id": session_id, **attributes},
        )

    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    sent = {"http.request.method": "POST", "url.full": "https://api.example.org/v1/chat"}
    return encode_traces(
        [
            one
            for call in (1, 2)
            for one in (
                span(call * 100, "chat gpt-4o", call * 1000, call * 1000 + 900, None, **asked),
                *(
                    span(call * 100 + n + 1, "POST", call * 1000 + 10 * n, call * 1000 + 10 * n + 9, call * 100, **sent)
                    for n in range(per_call)
                ),
            )
        ]
    )


def test_api_calls_are_opened_by_a_link(nothing: Recorded) -> None:
    """Without a script; the links of the page keep them open, and all of them are one switch."""
    send(nothing, posts("posted"))
    page = nothing.read("/sessions/posted")
    first, second = page.all("a", "calls")
    opened = nothing.read(first.attributes["href"] or "")
    both = nothing.read(opened.all("a", "calls")[1].attributes["href"] or "")

    assert [one.attributes["aria-label"] for one in (first, second)] == ["2 API calls of gpt-4o"] * 2
    assert [len(one.all("a", "row")) for one in (page, opened, both)] == [2, 4, 6]
    assert [[one.attributes["aria-expanded"] for one in of.all("a", "calls")] for of in (page, opened, both)] == [
        ["false", "false"],
        ["true", "false"],
        ["true", "true"],
    ]
    assert all("api=" in link for link in opened.links("row"))
    assert nothing.read(opened.links("calls")[0]).words == page.words
    everything = nothing.read("/sessions/posted?apis=yes")
    assert (len(everything.all("a", "row")), everything.all("a", "calls")) == (6, [])


def test_an_api_call_that_is_picked_is_shown(nothing: Recorded) -> None:
    """With the others of its event, whatever the URL says."""
    send(nothing, posts("picked"))
    sent = nothing.server.get("/v2/sessions/picked/events?types=apis")["events"]
    page = nothing.read(f"/sessions/picked?event={sent[-1]['event_id']}")
    [row] = [one.attributes["id"] for one in page.all("a", "row") if "aria-current" in one.attributes]
    assert (row, len(page.all("a", "row"))) == (f"e-{sent[-1]['event_id']}", 4)
    several = nothing.read(f"/sessions/picked?event={sent[-1]['event_id']}&shut=all")
    assert len(several.all("a", "row")) == 4
    [closing] = [one.attributes["href"] for one in page.all("a", "calls") if one.attributes["aria-expanded"] == "true"]
    assert len(nothing.read(closing or "").all("a", "row")) == 2


@pytest.mark.browser
def test_api_calls_are_opened_by_mouse_and_keyboard(nothing: Recorded, tab: Open) -> None:
    """Rows come and go, the focus stays, the URL says what is open, and going back hides it."""
    send(nothing, posts("pressed"))
    page = tab(f"{nothing.server.url}/sessions/pressed").page
    page.get_by_role("link", name="2 API calls of gpt-4o").first.click()
    page.locator("a.calls[aria-expanded=true]:focus").wait_for()
    assert (page.locator("a.row").count(), address(page).count("api=")) == (4, 1)
    page.goto(address(page))
    assert page.locator("a.row").count() == 4
    page.locator("a.row", has_text="gpt-4o").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.locator("a.calls[aria-expanded=true]").nth(1).wait_for()
    assert page.evaluate("document.activeElement.matches('a.row')")
    page.locator("a.row", has_text="POST").first.click()
    page.locator("#pane", has_text="https://api.example.org/v1/chat").wait_for()
    page.locator("a.row", has_text="gpt-4o").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "event=" not in url)
    assert page.locator("a.row").count() == 4
    page.evaluate("history.back()")
    page.locator("a.row").nth(5).wait_for()


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_the_switch_of_api_calls_covers_nothing(nothing: Recorded, tab: Open, width: int) -> None:
    """It stands between the name and the time, at every width."""
    send(nothing, posts("wide", 120))
    page = tab(f"{nothing.server.url}/sessions/wide", width=width).page
    switch, name, time = (
        page.locator(one).first.bounding_box() for one in ("a.calls", "a.row.llms .text", "a.row.llms .number")
    )
    assert name["x"] + name["width"] <= switch["x"]
    assert switch["x"] + switch["width"] <= time["x"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
