"""Every mark of the overview leads to as many sessions as it says, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agentops_otel.facts import End, EndRank, ProcessFacts, SessionFacts
from agentops_otel.host import this_process
from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .browser import Open
from .conftest import Recorded
from .history import DAY, REASONS, history

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A server over a month of sessions, one that runs, and one that failed for a reason that others begin with."""
    folder, now_ns = tmp_path_factory.mktemp("past"), time.time_ns()
    failed = End(EndRank.EXPLICIT, now_ns - DAY + 1, "test", "Failure", f"{REASONS[0]}, nor within 20")
    here = this_process()
    store = SqliteStore(folder / "server.db")
    for facts in history(now_ns, 160):
        store.append("default", facts)
    store.append("default", [SessionFacts("another", now_ns - DAY, end=failed)])
    store.append("default", [SessionFacts("live", now_ns - DAY, processes={here.key: ProcessFacts(seen_ns=now_ns)})])
    store.close()
    with Running(folder) as server:
        yield Recorded(server, {})


def listed(past: Recorded, link: str) -> int:
    """How many sessions are on the page that a link opens, and on those after it."""
    count, following = 0, [link]
    while following:
        page = past.read(following[0])
        count += len(page.all("a", "id"))
        following = [str(one.attributes["href"]) for one in page.all("a") if one.attributes.get("rel") == "next"]
    return count


def claims(page: Any) -> list[tuple[str, int]]:
    """Every link of the overview that counts sessions, with what it says."""
    found: list[list[Any]] = page.evaluate(CLAIMS)
    return [(link, int(re.sub(r"[^0-9]", "", said))) for link, said in found]


CLAIMS = """() => {
  const found = [];
  const add = (link, said) => found.push([link.getAttribute("href"), said]);
  const each = (box, css, says) => { for (const one of box?.querySelectorAll(css) ?? []) add(one, says(one)); };
  const named = (css, title) => [...document.querySelectorAll(css)].find(
    (one) => one.querySelector("h2, dt").textContent === title);
  const chart = named(".chart", "End states");
  each(named(".tiles > div", "Sessions"), "a", (link) => link.textContent);
  each(chart, ".series a", (link) => link.querySelector(".muted").textContent);
  each(chart, "td a", (link) => link.textContent);
  each(chart, "svg a", (link) => link.querySelector("title").textContent.match(/[0-9,]+$/)[0]);
  each(named(".ranking", "Why sessions failed"), "li a", (link) => link.nextElementSibling.textContent);
  return found;
}"""


def test_every_mark_leads_to_as_many_sessions_as_it_counts(tab: Open, past: Recorded) -> None:
    """Tiles, legend, bars, cells of the table and reasons: running sessions, and reasons that begin alike, as well."""
    page = tab(f"{past.server.url}/overview?since=30d").page
    counted = claims(page)
    assert len(counted) > 2 + 3 + 2 * 20 + len(REASONS)
    assert {link: listed(past, link) for link, _ in counted} == dict(counted)


def test_every_number_and_mark_of_the_overview_is_a_link(tab: Open, past: Recorded) -> None:
    """Each opens sessions; what it stands for is among them."""
    page = tab(f"{past.server.url}/overview?since=30d").page
    for box, least in ((".tiles > div > dd:nth-of-type(1)", 6), (".chart .series li", 12), (".ranking li", 20)):
        links = page.locator(box).evaluate_all("all => all.map((one) => one.querySelector('a')?.getAttribute('href'))")
        assert len(links) >= least
        assert None not in links
        pages = [past.read(link) for link in dict.fromkeys(links)]
        assert all(one.all("a", "id") or one.all("h1", "id") for one in pages)
    unlinked = page.locator(".chart svg rect").evaluate_all("all => all.filter((one) => !one.closest('a')).length")
    assert unlinked == 0


def test_a_bar_is_opened_by_a_click(tab: Open, past: Recorded) -> None:
    """And its cell in the table by the keyboard: the same list."""
    page = tab(f"{past.server.url}/overview?since=30d").page
    chart = page.locator(".chart", has_text="End states")
    chart.locator("svg a").last.click(force=True)
    page.wait_for_url("**/sessions?**")
    opened = page.url
    page.go_back()
    chart.locator("summary").focus()
    page.keyboard.press("Enter")
    cell = chart.locator(f"td a[href='{opened.removeprefix(past.server.url)}']")
    cell.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(opened)
