"""Closing and opening what is inside of events, in a real browser."""

from __future__ import annotations

import pytest

from .browser import Open, address
from .conftest import Recorded
from .test_shut import send, steps

pytestmark = pytest.mark.browser


def test_an_event_is_closed_and_opened_by_mouse_and_keyboard(tab: Open, crew: Recorded) -> None:
    """Rows come and go, the focus stays, the URL says what is closed, and going back opens it."""
    page = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}").page
    rows = page.locator("a.row").count()
    page.get_by_role("link", name="What is in research [Researcher]").click()
    page.locator("a.twist[aria-expanded=false]:focus").wait_for()
    assert (page.locator("a.row").count(), address(page).count("shut=")) == (rows - 3, 1)
    page.goto(address(page))
    assert page.locator("a.row").count() == rows - 3
    closed = page.locator("a.row", has_text="research [Researcher]")
    closed.focus()
    page.keyboard.press("ArrowRight")
    page.locator("a.row:focus", has_text="research [Researcher]").wait_for()
    page.locator("a.twist[aria-expanded=false]").wait_for(state="detached")
    assert (page.locator("a.row").count(), address(page).count("shut=")) == (rows, 0)
    page.keyboard.press("ArrowLeft")
    page.locator("a.twist[aria-expanded=false]").wait_for()
    page.evaluate("history.back()")
    page.locator("a.twist[aria-expanded=false]").wait_for(state="detached")


def test_all_is_closed_and_errors_are_left_alone(tab: Open, crew: Recorded) -> None:
    """Two switches, which add up."""
    page = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}").page
    page.get_by_role("link", name="Close all").click()
    page.get_by_text("1 error inside").wait_for()
    assert page.locator("a.row").count() == 1
    page.get_by_role("link", name="Open all").click()
    page.get_by_role("link", name="Errors only").click()
    page.locator("#errors-only[aria-current]").wait_for()
    assert page.locator("a.row .error").count() == 1
    assert [row.split("[")[0].strip() for row in page.locator("a.row .text").all_inner_texts()] == [
        "edit issue",
        "fetch_page",
    ]


def test_what_is_picked_in_a_closed_event_is_picked_no_more(tab: Open, crew: Recorded) -> None:
    """The URL is that of the rows that are there; an error in a closed event is reached all the same."""
    page = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}").page
    page.locator("a.row", has_text="gpt-4.1").click()
    page.locator("#pane h2", has_text="gpt-4.1").wait_for()
    page.get_by_role("link", name="What is in edit issue [Editor]").click()
    page.wait_for_url(lambda url: "shut=" in url and "event=" not in url)
    assert page.locator("a.row").count() == 1
    page.keyboard.press("n")
    page.locator("a.row[aria-current]", has_text="fetch_page").wait_for()


def test_rows_that_were_loaded_stay_loaded(nothing: Recorded, tab: Open) -> None:
    """In a session of thousands of events, on a page that begins in its midst."""
    send(nothing, steps("thousands", 2500))
    page = tab(f"{nothing.server.url}/sessions/thousands?row=3000").page
    page.locator("a.more", has_text="more rows").scroll_into_view_if_needed()
    page.locator("a.row").nth(399).wait_for()
    name = page.locator("a.row .text").nth(200).inner_text()
    page.get_by_role("link", name=f"What is in {name}", exact=True).click()
    page.locator("a.twist[aria-expanded=false]:focus").wait_for()
    assert page.locator("a.row .text").nth(0).inner_text() == "step 750"
    assert page.locator("a.row .text").nth(201).inner_text() == f"step {int(name.split()[1]) + 1}"
    assert page.locator("a.row").count() >= 400
