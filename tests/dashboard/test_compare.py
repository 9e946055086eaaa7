"""Two sessions side by side, as HTTP answers it."""

from __future__ import annotations

import re

import pytest

from .conftest import PROTOBUF, Recorded, calls
from .recording import CANARY


def compare(recorded: Recorded, a: str, b: str, more: str = "") -> str:
    return f"/compare?a={recorded.ids[a]}&b={recorded.ids[b]}{more}"


def test_sums_tools_and_steps_are_told(recorded: Recorded) -> None:
    """Both sessions with their change, tools that were called another number of times, steps that are gone and new."""
    page = recorded.read(compare(recorded, "research", "failure"))
    assert re.search(r"State Success Failure .* Model calls 4 1 -3 Tools 1 2 \+1 Actions 3 1 -2", page.words)
    assert "fetch_page 0 2 +2 search_papers 1 0 -1" in page.words
    assert "0 steps of 15 are the same" in page.words
    assert (len(page.all("tr", "gone")), len(page.all("tr", "new"))) == (8, 7)


def test_a_session_is_the_same_as_itself(recorded: Recorded) -> None:
    """Steps that are the same are counted, and shown when asked for; each leads to its event."""
    page = recorded.read(compare(recorded, "research", "research"))
    whole = recorded.read(compare(recorded, "research", "research", "&steps=all"))
    research = recorded.ids["research"]

    assert "8 steps of 8 are the same" in page.words
    assert len([link for link in page.links() if "event=" in link]) == 0
    assert len([link for link in whole.links() if link.startswith(f"/sessions/{research}?event=")]) == 16
    assert f"/compare?a={research}&b={research}" in whole.links()


@pytest.mark.parametrize("query", ["", "?a=x", "?a=&b="])
def test_without_two_ids_the_page_asks_for_them(recorded: Recorded, query: str) -> None:
    """A form; an id that is not there is named."""
    answer = recorded.server.ask("GET", f"/compare{query}")
    assert answer.status == (404 if "x" in query else 200)
    assert ("There is no session x in this project" in answer.body.decode()) == ("x" in query)


def test_markup_in_data_is_text(recorded: Recorded) -> None:
    """Names of tools, steps, models and agents, and what the URL says."""
    page = recorded.read(compare(recorded, "canary", "research"))
    wrong = recorded.server.ask("GET", "/compare?a=%22%3E%3Cscript%3E&b=x")

    assert page.harmful() == []
    assert page.words.count(CANARY) >= 4
    assert b"<script>" not in wrong.body.replace(b"<script src", b"")


def test_long_comparisons_come_in_pieces(nothing: Recorded) -> None:
    """300 rows, then a link to the next."""
    for session_id, count in (("longer", 700), ("shorter", 10)):
        assert nothing.server.ask("POST", "/v1/traces", calls(session_id, count), Content_Type=PROTOBUF).status == 200
    first = nothing.read("/compare?a=longer&b=shorter")
    rest = nothing.read("/compare?a=longer&b=shorter&from=600")

    assert len(first.all("tr", "gone")) == 299
    assert "/compare?a=longer&b=shorter&from=300" in first.links()
    assert (len(rest.all("tr", "gone")), "/compare?a=longer&b=shorter&from=300" in rest.links()) == (91, True)
