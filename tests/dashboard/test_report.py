"""A session as one HTML file: whole, bounded, and without anything that runs or asks."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.records import Event, LLMCall, Session, Statistics
from agentops_otel.server.dashboard.report import LONGEST_TEXT, MOST_CALLS, MOST_EVENTS, report
from agentops_otel.store.base import EventQuery, chosen

from .browser import WIDTHS, Watched, chromium, require_chromium
from .conftest import Recorded
from .reading import Reading
from .recording import CANARY


def downloaded(recorded: Recorded, name: str) -> str:
    answer = recorded.server.ask("GET", f"/exports/html/{recorded.ids[name]}")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"] == f'attachment; filename="session-{recorded.ids[name]}.html"'
    return answer.body.decode()


def test_the_report_says_what_happened(recorded: Recorded) -> None:
    """Header, waterfall, cost, conversation, arguments and errors."""
    page = Reading(downloaded(recorded, "failure"))
    for words in ("Failure", "https://example.org/a did not answer within 10 s", "Waterfall", "Conversation", "Stack"):
        assert words in page.words, words
    assert len(page.all("a", "row")) == len(recorded.session("failure").all("a", "row"))
    assert "Two papers matter" in Reading(downloaded(recorded, "research")).words


@pytest.mark.parametrize("name", ["research", "failure", "canary"])
def test_the_report_runs_and_asks_for_nothing(recorded: Recorded, name: str) -> None:
    """Whatever data says is text; the policy allows one style by its digest; every link stays on the page."""
    text = downloaded(recorded, name)
    page = Reading(text)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.S)
    [policy] = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert [one.tag for one in page.harmful()] == ["style"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert [one for one in page.elements if one.tag in ("script", "link", "img", "video", "form")] == []
    assert {link[:1] for link in page.links()} == {"#"}
    if name == "canary":
        assert page.words.count(CANARY) >= 10


def test_a_large_session_is_cut_and_says_so() -> None:
    """Events, calls and long texts; what is left out is counted."""
    calls = [
        LLMCall(event_id=f"{at}", session_id="s", name="chat", init_timestamp=at, end_timestamp=at + 1, prompt=f"p{at}")
        for at in range(MOST_EVENTS + 7)
    ]
    long = LLMCall(event_id="a", session_id="s", name="chat", init_timestamp=-1, completion="x" * (LONGEST_TEXT + 1234))
    events: Sequence[Event] = [long, *calls]

    def events_of(query: EventQuery) -> Iterator[Event]:
        return chosen(events, query)

    pieces = list(report(Session(project_id="p", session_id="s", statistics=Statistics.of(*events)), events_of))
    page = Reading("".join(pieces))
    assert "This file has the first 5,000 of 5,008 events" in page.words
    assert "The tables below have the first 5,000 of 5,008 events" in page.words
    assert f"The first {MOST_CALLS} of 5,008 model calls." in page.words
    assert "… (1,234 characters more)" in page.words
    assert len(page.all("div", "step")) == MOST_EVENTS
    assert max(map(len, pieces[2:])) < 2 * LONGEST_TEXT


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_opened_from_a_file(recorded: Recorded, tmp_path: Path, width: int, scheme: Any) -> None:
    """No server, no request, no complaint; a row leads to its step, nothing is scrolled sideways, all can be read."""
    from .test_browser import CONTRASTS

    require_chromium()
    file = tmp_path / "session.html"
    file.write_text(downloaded(recorded, "canary"), "utf-8")
    with chromium() as browser:
        watched = Watched(browser, width=width, color_scheme=scheme)
        page = watched.open(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate(CONTRASTS) == []
        page.locator("a.row").first.click()
        page.locator(".step:target").wait_for()
        assert (watched.complaints, {url.partition("#")[0] for url in watched.asked}) == ([], {file.as_uri()})
