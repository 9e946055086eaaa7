"""The list of sessions, as HTTP answers it."""

from __future__ import annotations

import platform
import re
from urllib.parse import urlencode

import pytest

from .conftest import Recorded
from .recording import CANARY


def listed(recorded: Recorded, **filters: str) -> list[str]:
    """The names of the sessions that the list shows, in its order."""
    names = {f"/sessions/{session_id}": name for name, session_id in recorded.ids.items()}
    return [names[link] for link in recorded.read(f"/sessions?{urlencode(filters)}").links("id")]


def test_the_list_is_the_first_page(recorded: Recorded) -> None:
    """`/` and `/sessions` are one page, newest first."""
    assert recorded.read("/").words == recorded.read("/sessions").words
    assert listed(recorded) == ["canary", "unpriced", "failure", "research"]


def test_a_row_says_what_happened(recorded: Recorded) -> None:
    """State and reason in words, tokens in, cached and out, agents, models; a cost with unpriced calls is a bound."""
    words = recorded.read(f"/sessions?id={recorded.ids['unpriced']}").words
    assert re.search(r"Indeterminate the judge could not decide between two answers .* evaluation ", words)
    assert re.search(r"≥ \$0\.\d{6} 1 call unpriced Tokens 60 / 0 / 12 Events 2 Errors 0 gpt-4o-mini", words)

    words = recorded.read(f"/sessions?id={recorded.ids['research']}").words
    assert re.search(r"Success .* Cost \$0\.\d{6} Tokens 2,078 / 896 / 235 Events 8 Errors 0", words)
    assert re.search(r"Errors 0 Researcher, Writer gpt-4\.1\S* gpt-4o\S*", words)


def test_a_row_has_what_was_asked_first_and_answered_last(recorded: Recorded) -> None:
    """Of the user and of the model, as text whatever is in it; not where the column is not shown."""
    lines = {}
    for name, session_id in recorded.ids.items():
        page = recorded.read(f"/sessions?id={session_id}")
        lines[name] = [one.attributes["title"] for one in page.all("span", "line")]
        assert page.harmful() == []
        assert all(line in page.words for line in lines[name])
    assert lines == {
        "research": [
            "Which papers on telemetry should I read first?",
            "Telemetry was measured in 2025. A larger study confirmed it in 2026.",
        ],
        "failure": ["Go on"],
        "unpriced": ["Capital of France?", "Paris, I think."],
        "canary": [CANARY, CANARY],
    }
    assert recorded.read("/sessions?column=cost").all("span", "line") == []


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"state": "failure"}, ["canary", "failure"]),
        ({"state": "running"}, []),
        ({"tag": "nightly"}, ["failure", "research"]),
        ({"tag": "nightly", "state": "Success"}, ["research"]),
        ({"model": "in-house-70b"}, ["unpriced"]),
        ({"provider": "openai", "tag": "nightly"}, ["failure", "research"]),
        ({"provider": "OpenAI"}, []),
        ({"host": platform.node()}, ["canary", "unpriced", "failure", "research"]),
        ({"host": "nowhere"}, []),
        ({"errors": "yes"}, ["canary", "failure"]),
        ({"errors": "no"}, ["unpriced", "research"]),
        ({"min_cost": "$0.001"}, ["research"]),
        ({"max_cost": "0"}, ["failure"]),
        ({"text": "careful researcher"}, ["research"]),
        ({"text": "could not decide"}, ["unpriced"]),
        ({"text": "did not answer within 10 s"}, ["failure"]),
        ({"min_duration": "0", "max_duration": "2h", "tag": "evaluation"}, ["unpriced"]),
        ({"min_duration": "1.5h"}, []),
        ({"max_duration": "0ms"}, []),
        ({"sort": "errors", "tag": "nightly", "order": "up"}, ["research", "failure"]),
        ({"sort": "cost"}, ["research", "canary", "unpriced", "failure"]),
        ({"sort": "nonsense", "column": "nonsense"}, ["canary", "unpriced", "failure", "research"]),
        ({"since": "1h"}, ["canary", "unpriced", "failure", "research"]),
        ({"until": "2026-01-01"}, []),
        ({"tag": CANARY}, ["canary"]),
        ({"nonsense": "1", "tag": " "}, ["canary", "unpriced", "failure", "research"]),
    ],
)
def test_filters_are_in_the_url(recorded: Recorded, filters: dict[str, str], names: list[str]) -> None:
    """Every filter that is given must hold; an empty or unknown one is none."""
    assert listed(recorded, **filters) == names


def test_models_and_tags_lead_to_their_sessions(recorded: Recorded) -> None:
    """Each is a link to the list under that filter, added to those that are set."""
    links = recorded.read("/sessions?state=indeterminate").links("chip")
    assert "/sessions?state=indeterminate&tag=evaluation" in links
    assert "/sessions?state=indeterminate&model=in-house-70b" in links


def test_fields_that_nobody_filled_in_leave_the_url(recorded: Recorded) -> None:
    """What a form sends is led to the URL that one would send around."""
    answer = recorded.server.ask("GET", "/sessions?text=&state=failure&column=cost&sort=cost&model=&until=")
    assert (answer.status, answer.headers["location"]) == (303, "/sessions?state=failure&sort=cost&column=cost")


def test_a_filter_can_be_taken_away(recorded: Recorded) -> None:
    """Each filter that is set has a link to the list without it."""
    page = recorded.read("/sessions?tag=nightly&state=failure")
    assert page.links("chip")[:2] == ["/sessions?tag=nightly", "/sessions?state=failure"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state=odd", "State is 'odd'; it is one of running, success, failure, indeterminate"),
        ("since=yore", "Since: 'yore' is neither a time ago (30m, 2h, 3d) nor an ISO date or time (2026-11-22)"),
        ("min_cost=much", "Cost from is 'much'; give an amount in US dollars, as 0.25"),
        ("min_duration=long", "Duration from is 'long'; give a time, as 500ms, 30s, 5m or 2h"),
        ("cursor=x", "'x' is not a cursor of this store and order; start again without one"),
    ],
)
def test_a_wrong_filter_is_told(recorded: Recorded, query: str, words: str) -> None:
    """The page names value and remedy, and shows no sessions."""
    page = recorded.read(f"/sessions?{query}")
    assert words in page.words
    assert page.links("id") == []


def test_pages_go_on_where_the_last_ended(recorded: Recorded) -> None:
    """A cursor in the URL; the last page links back to the newest."""
    cursor = recorded.server.get("/v2/sessions?limit=1")["next_cursor"]
    page = recorded.read(f"/sessions?tag=nightly&cursor={cursor}")
    assert len(page.links("id")) == 2
    assert "/sessions?tag=nightly" in page.links()
    assert page.all("div") == [] or "hx-get" not in page.all("div")[0].attributes


def test_columns_are_chosen_in_the_url(recorded: Recorded) -> None:
    """They stay in every link of the list; state and session are always there."""
    page = recorded.read("/sessions?column=end&column=cost&column=host&tag=nightly")
    heads = [one.attributes["class"] for one in page.all("th")]

    assert heads == ["c-pick", "c-state", "c-id", "c-cost number", "c-host", "c-end"]
    assert "/sessions?tag=nightly&sort=cost&column=cost&column=host&column=end" in page.links()
    assert len(page.all("td", "c-host")) == 2


def test_the_list_is_sorted_by_a_click_on_a_column(recorded: Recorded) -> None:
    """The largest first, then the smallest; the filters stay, and paging goes on in the same order."""
    assert "/sessions?tag=nightly&sort=cost" in recorded.read("/sessions?tag=nightly").links()
    page = recorded.read("/sessions?tag=nightly&sort=cost")
    [head] = [one for one in page.all("th") if "aria-sort" in one.attributes]

    assert (head.attributes["class"], head.attributes["aria-sort"]) == ("c-cost number", "descending")
    assert "/sessions?tag=nightly&sort=cost&order=up" in page.links()


def test_a_part_that_was_seen_is_not_sent_again(recorded: Recorded) -> None:
    """The first page names the version it shows; asked for with it, the answer is 204 until something changes."""
    [live] = [one.attributes for one in recorded.read("/sessions?tag=nightly").all("div") if "hx-get" in one.attributes]
    url = live["hx-get"] or ""

    assert recorded.server.ask("GET", url).status == 204
    stale = recorded.server.ask("GET", url + "0")
    assert (stale.status, stale.body.decode().strip()[:14]) == (200, '<div id="list"')


def test_an_empty_store_says_how_to_begin(nothing: Recorded) -> None:
    """A program of ten lines, and the variables that send here; whatever the filters, an empty list says why."""
    page = nothing.read("/")
    assert "No sessions yet" in page.words
    assert f"AGENTOPS_API_ENDPOINT={nothing.server.url}" in page.words
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={nothing.server.url}" in page.words
    assert "No session passes these filters" in nothing.read("/sessions?tag=none").words
