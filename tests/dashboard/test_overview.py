"""The overview, as HTTP answers it, and the pictures it is made of."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from agentops_otel.server.dashboard.charts import Cell, Chart, Layer, Mark, Series, chart
from agentops_otel.server.dashboard.overview_page import SPANS, query_of
from agentops_otel.server.dashboard.recent import Recent
from agentops_otel.store.overview import Overview

from .conftest import Recorded
from .recording import CANARY


def test_the_tiles_add_up_all_sessions(recorded: Recorded) -> None:
    """Their number, how many failed, a cost that is a bound, tokens with the part that came from the cache."""
    sessions = recorded.server.get("/v2/sessions")["sessions"]
    cost = sum(Decimal(one["statistics"]["cost"]) for one in sessions)
    words = recorded.read("/overview").words

    assert "Sessions 4 2 failed Success 33% of those with a verdict" in words
    assert re.search(rf"Cost ≥ \${cost:.6f} \d calls? unpriced", words)
    assert re.search(r"Tokens in [\d,]+ \d+% from the cache", words)


def test_every_mark_leads_to_its_sessions(recorded: Recorded) -> None:
    """A bar of a step and state, a name of the legend, a line of a ranking: each list holds what the mark counts."""
    page = recorded.read("/overview?since=24h")
    links = page.links()
    [failures] = {link for link in links if "state=failure" in link and "reason" not in link and _hours(link) == 24}
    [bar] = {link for link in links if "state=failure" in link and _hours(link) == 1}
    tags = {link for link in links if "tag=evaluation" in link}
    reasons = [link for link in links if "reason=NotFoundError" in link]

    names = {session_id: name for name, session_id in recorded.ids.items()}

    def listed(link: str) -> list[str]:
        return [names[one.removeprefix("/sessions/")] for one in recorded.read(link).links("id")]

    assert [listed(link) for link in (failures, bar, reasons[0])] == [["canary", "failure"]] * 2 + [["failure"]]
    assert {tuple(listed(link)) for link in tags} == {("unpriced",)}


def _hours(link: str) -> int:
    """How long a span a link asks for."""
    since, until = (re.search(rf"{name}=(\d+)-(\d+)-(\d+)T(\d+)%3A", link) for name in ("since", "until"))
    assert since
    assert until
    day = int(until[3]) != int(since[3])
    return int(until[4]) - int(since[4]) + 24 * day


def test_what_was_dearest_is_named(recorded: Recorded) -> None:
    """Sessions and calls, each with its page; models without a price with the number of their calls."""
    page = recorded.read("/overview")
    assert f"/sessions/{recorded.ids['research']}" in page.links()
    call = recorded.events("research")[1]
    assert any(link.startswith(f"/sessions/{call['session_id']}?event=") for link in page.links())
    assert re.search(r"Models without a price .*in-house-70b 1 call", page.words)


@pytest.mark.parametrize("span", [*SPANS, "odd"])
def test_a_span_is_in_the_url(recorded: Recorded, span: str) -> None:
    """The chosen one is marked; an unknown one is the week."""
    page = recorded.read(f"/overview?since={span}")
    chosen = [one.attributes["href"] for one in page.all("a") if one.attributes.get("aria-current") == "true"]
    assert chosen == [f"/overview?since={span if span in SPANS else '7d'}"]
    assert page.harmful() == []


def test_markup_in_data_is_text(recorded: Recorded) -> None:
    """Models, tags and reasons in legends, tables and rankings."""
    page = recorded.read("/overview")
    assert page.harmful() == []
    assert page.words.count(CANARY) >= 3


def test_a_project_goes_on_into_every_link(recorded: Recorded) -> None:
    """While no key is needed: other projects have other sessions, and the pages stay in them."""
    page = recorded.read("/overview?project=empty")
    assert "No session started in this time" in page.words
    inner = [link for link in page.links() if link.startswith(("/sessions", "/overview"))]
    assert [link for link in inner if "project=empty" not in link] == []
    assert recorded.read("/sessions?project=empty").links("id") == []


@pytest.mark.parametrize("span", SPANS)
def test_steps_stay_where_they_are(span: str) -> None:
    """The span ends with the step that is going on; half a step later it is the same."""
    _, length, step = SPANS[span]
    now_ns = 1_795_352_682_000_000_000 // step * step
    query = query_of(span, now_ns)

    assert query == query_of(span, now_ns + step // 2)
    assert (query.until_ns, query.until_ns - query.since_ns) == (now_ns + step, length)
    assert 24 <= query.steps <= 31


def test_bars_stand_on_each_other() -> None:
    """Heights are parts of the tallest; what is there is never too low to see; a table says the same."""
    layers = [Layer("good", "g", {0: 3.0, 1: 1.0}, "4"), Layer("bad", "b", {1: 3.0, 2: 0.001}, "3")]
    made = chart("T", ["a", "b", "c"], layers, "{:.0f}".format, lambda name, step: f"/{name}/{step}")

    assert made == Chart(
        "T",
        [
            Mark(1.5, 25.0, 7.0, 75.0, "g", "a: good 3", "/good/0"),
            Mark(11.5, 75.0, 7.0, 25.0, "g", "b: good 1", "/good/1"),
            Mark(11.5, 0.0, 7.0, 75.0, "b", "b: bad 3", "/bad/1"),
            Mark(21.5, 99.4, 7.0, 0.6, "b", "c: bad 0", "/bad/2"),
        ],
        [Series("good", "g", "4", "/good/None"), Series("bad", "b", "3", "/bad/None")],
        30,
        "4",
        ["a", "b", "c"],
        [
            ("a", [Cell("3", "/good/0"), Cell("0", None)]),
            ("b", [Cell("1", "/good/1"), Cell("3", "/bad/1")]),
            ("c", [Cell("0", None), Cell("0", "/bad/2")]),
        ],
    )


def test_layers_can_stand_before_each_other() -> None:
    """Then the tallest layer is the measure, and all begin at the ground."""
    layers = [Layer("p95", "a", {0: 4.0}), Layer("p50", "b", {0: 1.0})]
    made = chart("T", ["x"], layers, str, lambda name, step: None, stacked=False)
    assert [(mark.y, mark.height) for mark in made.marks] == [(0.0, 100.0), (75.0, 25.0)]
    assert made.top == "4.0"


def test_an_answer_is_kept_twenty_times_as_long_as_it_took() -> None:
    """Then it is looked for again; another question has its own answer."""
    now, found = [100.0], []

    def find() -> Overview:
        now[0] += 0.5
        found.append(now[0])
        return Overview(groups=[], by_model=[], by_tag=[], dearest=[], dearest_calls=[], reasons=[("", len(found))])

    recent = Recent(lambda: now[0])
    first = recent.get(("p", "7d"), find)
    now[0] += 9.9
    assert recent.get(("p", "7d"), find) is first
    assert recent.get(("p", "24h"), find).reasons == [("", 2)]
    now[0] += 0.2
    assert recent.get(("p", "7d"), find).reasons == [("", 3)]


def test_no_more_answers_are_kept_than_there_is_room_for() -> None:
    """The last ones; an answer that has to be found anew is one of them."""
    now, found = [0.0], []
    recent: Recent[str] = Recent(lambda: now[0], most=2)

    def find(key: str) -> str:
        found.append(key)
        now[0] += 1
        return key

    for key in "abbcacb":
        assert recent.get(key, lambda key=key: find(key)) == key  # type: ignore[misc]
    assert "".join(found) == "abcab"
