"""Sessions with more of something than anybody expects, or with nothing: their pages stay readable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import Action, Failure, LLMCall, Message, Usage
from agentops_otel.server.dashboard.routes import MOST_TAGS
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.text.values import rounded_count
from server.running import Running

from .browser import WIDTHS, Open
from .conftest import Recorded

START = 1_795_352_682_000_000_000
REASON = "because " * 200
PROMPT = "word " * 4000
NAME = "a_long_name_of_a_tool_made_of_a_path_" * 8


def told(session_id: str, *facts: Fact, tags: tuple[str, ...] = (), reason: str = "") -> list[Fact]:
    """A session that failed, with what happened in it."""
    end = End(EndRank.EXPLICIT, START + 50, "test", "Failure", reason)
    return [SessionFacts(session_id, START, START + 50, end, tags_set=(Stamp(START, "test"), tags)), *facts]


def called(session_id: str, **more: object) -> EventFact:
    """A model call."""
    named = {"event_id": "c", "session_id": session_id, "name": "chat", "init_timestamp": START}
    return EventFact(LLMCall(**{**named, "model": NAME, "agent_name": NAME, **more}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A server over such sessions."""
    folder = tmp_path_factory.mktemp("odd")
    errors = [Failure(event_id=f"f{n}", session_id="errors", name="E", init_timestamp=START + n) for n in range(40)]
    levels = [
        Action(
            event_id=f"l{n}",
            session_id="deep",
            name=f"level {n}",
            init_timestamp=START + n,
            end_timestamp=START + 20,
            trace_id="t",
            span_id=f"l{n}",
            parent_id=f"l{n - 1}",
        )
        for n in range(12)
    ]
    said: Message = {"role": "user", "parts": [{"type": "text", "content": PROMPT}]}
    store = SqliteStore(folder / "server.db")
    store.append("default", told("tagged", tags=tuple(f"tag-{n}" for n in range(2000))))
    store.append("default", told("long", called("long", prompt=(said,)), reason=REASON))
    store.append("default", told("errors", *map(EventFact, errors)))
    store.append("default", told("deep", *map(EventFact, levels)))
    store.append(
        "default", told("huge", called("huge", usage=Usage(input=62_962_963, cache_read=2_900_000_000, output=9)))
    )
    store.append("default", told("empty"))
    store.close()
    with Running(folder) as server:
        yield Recorded(server, {})


def test_thousands_of_tags_are_named_where_they_are_asked_for(odd: Recorded) -> None:
    """The list has the first few and says how many there are; the header of the session unfolds them."""
    row, page = odd.read("/sessions?id=tagged"), odd.read("/sessions/tagged")
    assert (len(row.all("a", "chip")), f"and {2000 - MOST_TAGS:,} more" in row.words) == (MOST_TAGS + 1, True)
    assert (len(page.all("a", "chip")), "1,960 more tags" in page.words) == (2000, True)


def test_long_texts_are_folded(odd: Recorded) -> None:
    """The reason in the header and prompts say how much there is; nothing of them is lost."""
    page, chat = odd.read("/sessions/long"), odd.read("/sessions/long?tab=chat")
    assert "1,000 more characters" in page.words
    assert (page.words.count("because"), chat.words.count("word")) == (200, 4000)
    assert "17,000 more characters" in chat.words


def test_all_errors_are_counted(odd: Recorded) -> None:
    """The first of them are named."""
    page = odd.read("/sessions/errors")
    assert "40 errors the first 20" in page.words
    assert page.words.count("level") == 0


def test_a_session_that_ended_with_nothing_says_so(odd: Recorded) -> None:
    """And has no axis, as nothing took any time."""
    page = odd.read("/sessions/empty")
    assert "Nothing happened in this session." in page.words
    assert page.all("text") == []


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"),
        (9_999_999, "9,999,999"),
        (10_000_000, "10.0 M"),
        (999_499_999, "999 M"),
        (999_500_000, "1.00 G"),
        (2_962_962_963, "2.96 G"),
        (1_234_567_890_123, "1,235 G"),
    ],
)
def test_large_counts_are_rounded(count: int, words: str) -> None:
    """To three digits, where they would break a table; the exact ones are in the title of the cell."""
    assert rounded_count(count) == words


def test_huge_sums_do_not_run_into_each_other(odd: Recorded) -> None:
    """The list and the tables of costs round them; the exact ones are there for who wants them."""
    row, costs = odd.read("/sessions?id=huge"), odd.read("/sessions/huge?tab=cost")
    assert "2.96 G / 2.90 G / 9" in row.words
    assert "2.96 G 2.90 G 9" in costs.words
    assert "2,962,962,963" in [cell.attributes.get("title") for cell in costs.all("td")]


def test_rare_filters_are_unfolded_where_they_are_set(odd: Recorded) -> None:
    """All others can be seen at once."""
    pages = [odd.read(f"/sessions?{query}") for query in ("", "tag=x", "model=m", "id=huge")]
    assert ["open" in page.all("details", "more-filters")[0].attributes for page in pages] == [False, False, True, True]


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "path", ["/sessions", *(f"/sessions/{one}" for one in ("tagged", "long", "errors", "deep", "huge"))]
)
def test_odd_sessions_fit_every_width(tab: Open, odd: Recorded, path: str, width: int) -> None:
    """Nothing has to be scrolled sideways, no page is endless, and what is deep has its name."""
    page = tab(odd.server.url + path, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight") < 6000
    if path.endswith("deep"):
        names = page.locator("a.row .text")
        assert min(names.nth(n).bounding_box()["width"] for n in range(names.count())) > 40
