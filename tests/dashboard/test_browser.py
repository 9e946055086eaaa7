"""The dashboard in a real browser: what HTTP alone cannot show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from .browser import WIDTHS, Open, address
from .conftest import PROTOBUF, RECORDING, Recorded, at_times, calls, environment

pytestmark = pytest.mark.browser


class Program:
    """A running program with an open session that makes a call for each line it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.session_id = process.stdout.readline().strip()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def recording(db: Path) -> Iterator[Program]:
    """The program, while the block lasts; it ends without closing its session."""
    command, pipe = [sys.executable, str(RECORDING), "running"], subprocess.PIPE
    with subprocess.Popen(command, env=environment(db), stdin=pipe, stdout=pipe, text=True) as process:
        yield Program(process)


PATHS = (
    "/overview",
    "/settings",
    "/sessions",
    "/sessions?state=failure&tag=nightly",
    "/compare?a={research}&b={canary}",
    *("/sessions/{failure}", "/sessions/{failure}?tab=cost", "/sessions/{research}?tab=chat", "/sessions/{canary}"),
    *("/sessions/{research}?tab=agents", "/sessions/{canary}?tab=agents", "/sessions/{research}?agent=Writer"),
    "/sessions/{canary}?critical=yes&open=all&gaps=closed&from=0.001",
    *("/sessions/{canary}?tab=chat", "/sessions/{canary}?tab=cost", "/sessions/{canary}?tab=raw"),
    *("/sessions/{canary}?tab=replay", "/sessions/{failure}?tab=replay&at=1"),
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PATHS)
def test_pages_fit_every_width(tab: Open, recorded: Recorded, path: str, width: int) -> None:
    """Nothing has to be scrolled sideways, and no data became markup that runs."""
    page = tab(recorded.server.url + path.format(**recorded.ids), width=width).page
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(tab: Open, recorded: Recorded, path: str, scheme: str) -> None:
    """Every text stands out from its ground by 4.5 to 1 at least (WCAG AA)."""
    page = tab(recorded.server.url + path.format(**recorded.ids), color_scheme=scheme).page
    assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.outerHTML} ${walker.currentNode.data}`);
  }
  return [...new Set(poor)];
}"""


def test_an_event_is_shown_beside_its_row(tab: Open, recorded: Recorded) -> None:
    """A click loads the event only, the URL says which, and going back and opening that URL show the same."""
    watched = tab(f"{recorded.server.url}/sessions/{recorded.ids['research']}")
    page = watched.page
    page.get_by_role("link", name="search_papers").click()
    page.locator("#pane h2", has_text="search_papers").wait_for()
    shown = page.locator("#pane").inner_text()

    assert [asked for asked in watched.asked if "/sessions/" in asked][1:] == [f"{address(page)}&part=pane"]
    assert page.locator("a.row[aria-current]").inner_text().startswith("search_papers")
    picked = address(page)
    page.evaluate("history.back()")
    page.get_by_text("Pick an event").wait_for()
    page.goto(picked)
    assert page.locator("#pane").inner_text() == shown


def test_a_box_leads_to_what_its_agent_did(tab: Open, crew: Recorded) -> None:
    """By keyboard, too; from the waterfall of an agent there is a way back to all of it."""
    page = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}").page
    page.get_by_role("link", name="Agents").click()
    page.locator(".agents a", has_text="Researcher").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Only what Researcher did").wait_for()
    page.wait_for_load_state()
    assert page.locator("a.row").count() == 4
    page.get_by_role("link", name="Show all").click()
    page.locator("a.row", has_text="edit issue").wait_for()


def test_repeats_are_opened_where_they_stand(tab: Open, crew: Recorded) -> None:
    """A click or the keyboard opens a fold; the URL says so, going back shuts it, and rows can be picked in it."""
    watched = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}")
    page, fold = watched.page, watched.page.locator("a.fold")
    shut = page.locator("a.row").count()
    assert fold.inner_text().split()[:2] == ["×5", "search_papers"]
    fold.click()
    page.locator("a.fold[aria-expanded=true]").wait_for()
    assert page.locator("a.row").count() == shut + 5
    page.keyboard.press("j")
    page.locator("#pane h2", has_text="search_papers").wait_for()
    assert [address(page).count(one) for one in ("open=", "event=")] == [1, 1]
    page.goto(address(page))
    assert page.locator("a.row").count() == shut + 5
    page.evaluate("history.go(-2)")
    page.locator("a.fold[aria-expanded=false]").wait_for()
    page.wait_for_load_state()
    fold.focus()
    page.keyboard.press("Enter")
    page.locator("a.fold[aria-expanded=true]:focus").wait_for()


def test_the_critical_path_can_be_looked_at(tab: Open, crew: Recorded) -> None:
    """A switch marks it, and the same switch takes it away; what was opened stays open and the focus where it was."""
    page = tab(f"{crew.server.url}/sessions/{crew.ids['crew']}?open=all").page
    rows, switch = page.locator("a.row").count(), page.get_by_role("link", name="Critical path")
    switch.focus()
    page.keyboard.press("Enter")
    page.get_by_text("decide when it ends").wait_for()
    page.locator("#critical-path[aria-current]:focus").wait_for()
    assert [page.locator("a.row").count(), address(page).count("critical=yes")] == [rows, 1]
    page.keyboard.press("Enter")
    page.locator("#critical-path:not([aria-current])").wait_for()
    assert page.locator("rect.path").count() == 0


def test_a_part_of_the_time_is_dragged_over(nothing: Recorded, tab: Open) -> None:
    """On the map above the rows; the URL has the seconds, and opening it shows the same rows."""
    nothing.server.ask("POST", "/v1/traces", at_times("drag", (0, 1), (50, 51), (99, 100)), Content_Type=PROTOBUF)
    page = tab(f"{nothing.server.url}/sessions/drag").page
    assert page.locator("a.row").count() == 3
    box = page.locator("#minimap").bounding_box()
    for share, do in ((0.4, page.mouse.down), (0.6, page.mouse.up)):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        do()
    page.locator("#all-time").wait_for()
    assert page.locator("a.row").all_inner_texts()[0].startswith("m1")
    asked = dict(parse_qsl(urlsplit(address(page)).query))
    assert [round(float(asked[name])) for name in ("from", "to")] == [40, 60]
    page.goto(address(page))
    assert page.locator("a.row").count() == 1
    assert float(page.get_by_label("From second").input_value()) == float(asked["from"])
    page.get_by_role("link", name="All of the time").click()
    page.locator("a.row", has_text="m2").wait_for()


def test_gaps_are_closed_and_time_is_chosen_without_scripts(browser: Any, nothing: Recorded) -> None:
    """A switch is a link, and the part of the time a form that keeps the rest of the view."""
    nothing.server.ask("POST", "/v1/traces", at_times("far", (0, 1), (7200, 7201)), Content_Type=PROTOBUF)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{nothing.server.url}/sessions/far")
    page.get_by_role("link", name="Close 1 gap").click()
    page.wait_for_url("**gaps=closed**")
    assert page.locator(".axis text").all_text_contents() == ["0", "1h 59m", "2h 00m"]
    page.get_by_label("From second").fill("7000")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**gaps=closed**from=7000**")
    assert page.locator("a.row").count() == 1
    context.close()


def test_keys_go_from_error_to_error_and_row_to_row(tab: Open, recorded: Recorded) -> None:
    """n and p over the errors, j and k over the rows; typing into a field is typing."""
    page = tab(f"{recorded.server.url}/sessions/{recorded.ids['failure']}").page
    for key, title in (("n", "error 1 of 3"), ("n", "error 2 of 3"), ("p", "error 1 of 3")):
        page.keyboard.press(key)
        page.locator("#pane .around", has_text=title).wait_for()
    page.keyboard.press("j")
    page.locator("#pane pre", has_text="https://example.org/b").first.wait_for()
    page.keyboard.press("k")
    page.locator("#pane pre", has_text="https://example.org/a").first.wait_for()


def test_a_session_grows_while_it_is_looked_at(tab: Open, recorded: Recorded) -> None:
    """Rows and sums follow a running session, its end included; what was unfolded stays so. Then nothing is asked any
    more."""
    with recording(recorded.server.db) as program:
        page = tab(f"{recorded.server.url}/sessions?id={program.session_id}").page
        page.locator("a.id").click()
        page.get_by_text("Nothing has happened in this session yet.").wait_for()
        page.locator("#where summary").click()
        program.say("Hello")
        page.locator("a.row", has_text="gpt-4o-mini").wait_for()
        page.locator(".facts", has_text="1 model call").wait_for()
        assert page.locator("#where table").is_visible()
    page.locator(".pill.indeterminate").wait_for()
    assert page.locator("#head[data-live]").count() == 0


def test_a_running_session_appears_and_grows(nothing: Recorded, tab: Open) -> None:
    """The empty list turns into rows while it is looked at: no reload, and the focus stays where it is."""
    page = tab(nothing.server.url).page
    page.get_by_text("No sessions yet").wait_for()
    with recording(nothing.server.db) as program:
        page.locator(".pill.running").wait_for()
        page.locator("a.id").focus()
        program.say("Hello")
        page.get_by_text("gpt-4o-mini").first.wait_for()
        page.locator(".c-said .asked", has_text="Hello").wait_for()
        assert page.evaluate("document.activeElement.className") == "id"
    page.locator(".pill.indeterminate").wait_for()


def test_what_is_picked_stays_picked(nothing: Recorded, tab: Open) -> None:
    """While a session is picked the list stands still; the bar says what can be done with it, and does it."""
    with recording(nothing.server.db) as program:
        watched = tab(f"{nothing.server.url}/sessions?id={program.session_id}")
        page = watched.page
        page.locator("input.pick").check()
        program.say("Hello")
        while not nothing.server.get(f"/v2/sessions/{program.session_id}/events")["events"]:
            page.evaluate("() => new Promise(requestAnimationFrame)")
        asked = len(watched.asked)
        page.evaluate("""() => new Promise((done) => { // the page looks once a second for what is live
            let looks = 0;
            const found = document.querySelectorAll.bind(document);
            document.querySelectorAll = (wanted) => {
                if (wanted === "[data-live]" && ++looks === 3) done();
                return found(wanted);
            };
        })""")
        assert (page.locator("input.pick").is_checked(), watched.asked[asked:]) == (True, [])
        page.get_by_label("Tag to add").fill("picked by hand")
        page.get_by_role("button", name="Add tag").click()
        page.get_by_role("link", name="picked by hand").wait_for()
        page.get_by_text("gpt-4o-mini").first.wait_for()
        assert not page.get_by_role("button", name="Add tag").is_visible()


def test_sessions_are_tagged_and_deleted_without_scripts(browser: Any, tmp_path_factory: Any) -> None:
    """Everything that changes something is a form."""
    from server.running import Running

    with Running(tmp_path_factory.mktemp("forms")) as server:
        for session_id in ("one", "two"):
            server.ask("POST", "/v1/traces", calls(session_id, 1), Content_Type=PROTOBUF)
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{server.url}/sessions/one")
        page.get_by_text("Tags, delete, compare").click()
        page.get_by_label("Tags, one a line").fill("first\nsecond")
        page.get_by_role("button", name="Save tags").click()
        assert page.locator(".session .chip").all_inner_texts() == ["first", "second"]
        page.goto(f"{server.url}/sessions")
        page.get_by_label("Pick session two").check()
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Delete").click()
        assert page.locator("a.id").all_inner_texts() == ["one"]
        context.close()


def test_a_page_is_whole_without_scripts(browser: Any, recorded: Recorded) -> None:
    """Rows, filters and links are there; only what needs a script is not shown."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{recorded.server.url}/sessions")
    page.get_by_label("Tag", exact=True).fill("nightly")
    page.get_by_role("button", name="Filter").click()
    assert (page.url, page.locator("a.id").count()) == (f"{recorded.server.url}/sessions?tag=nightly", 2)
    context.close()


def test_the_first_program_can_be_copied(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A button beside each block puts it on the clipboard, as it stands."""
    from server.running import Running

    with Running(tmp_path_factory.mktemp("copied")) as server:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto(server.url)
        page.get_by_role("button", name="Copy the program").click()
        page.get_by_text("Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        context.close()
    assert copied.splitlines()[0] == "import agentops_otel as agentops"
    compile(copied, "first.py", "exec")
