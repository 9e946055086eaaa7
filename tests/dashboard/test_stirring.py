"""What the pages hear while the store is written to, by this server or by another process."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentops_otel.facts import SessionFacts
from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .browser import Open
from .conftest import Recorded

START = 1_700_000_000_000_000_000


@pytest.mark.parametrize("compressed", ["identity", "gzip"])
def test_news_come_at_once_and_end_with_the_server(tmp_path: Path, compressed: str) -> None:
    """One event to begin with, one after another process has stored something, and the end of the stream when the
    server is to end, which does not wait for whoever listens. A browser that takes gzip has them as soon."""
    with Running(tmp_path) as server, closing(SqliteStore(server.db)) as store:
        store.append("default", [SessionFacts("one", START)])
        with closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as connection:
            connection.request("GET", "/stirring", headers={"Accept-Encoding": compressed})
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
            assert [answer.readline(), answer.readline()] == [b"data:\n", b"\n"]
            store.append("default", [SessionFacts("two", START)])
            assert [answer.readline(), answer.readline()] == [b"data:\n", b"\n"]
            assert server.process is not None
            server.process.terminate()
            assert set(answer.read().splitlines()) <= {b"data:", b":", b""}
            assert server.stop() == 0


def test_news_are_for_whoever_may_read(tmp_path: Path) -> None:
    """Once keys exist, who has none is sent to log in, as by every page."""
    with Running(tmp_path) as server:
        server.keys.create_key("default")
        assert server.ask("GET", "/stirring").status == 303


@pytest.mark.browser
def test_a_row_comes_by_the_news_alone(browser: Any, nothing: Recorded) -> None:
    """Without the page asking again and again; also after the way back from another page."""
    page = browser.new_page()
    page.add_init_script("window.setInterval = () => 0")
    page.goto(f"{nothing.server.url}/sessions?text=heard")
    page.get_by_text("No session").first.wait_for()
    with closing(SqliteStore(nothing.server.db)) as store:
        store.append("default", [SessionFacts("heard", START)])
    page.locator("[id='s-heard']").wait_for()
    page.goto(f"{nothing.server.url}/settings")
    page.go_back()
    with closing(SqliteStore(nothing.server.db)) as store:
        store.append("default", [SessionFacts("heard again", START)])
    page.locator("[id='s-heard again']").wait_for()
    page.close()


@pytest.mark.browser
def test_nobody_listens_where_nothing_is_live(nothing: Recorded, tab: Open) -> None:
    """A browser has few connections to a server; the pages that stand still need none."""
    watched = tab(f"{nothing.server.url}/settings")
    watched.page.goto(f"{nothing.server.url}/sessions")
    watched.page.wait_for_event("request", lambda request: request.url.endswith("/stirring"))
    assert [url for url in watched.asked if url.endswith("/stirring")] == [f"{nothing.server.url}/stirring"]
