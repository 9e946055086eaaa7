"""The page of a session, as HTTP answers it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse

from agentops_otel.facts import EventFact
from agentops_otel.otlp import encode_traces
from agentops_otel.records import LLMCall
from agentops_otel.server.dashboard.session_page import LONG, SessionPage
from agentops_otel.server.dashboard.waterfall_page import Remembered
from agentops_otel.spans import FlatSpan, SpanLink
from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .conftest import PROTOBUF, Recorded, calls
from .reading import Reading


def event_of(recorded: Recorded, name: str, kind: str, at: int = 0) -> str:
    """The id of an event of a recorded session."""
    return str([one for one in recorded.events(name) if one["event_type"] == kind][at]["event_id"])


def test_the_header_says_what_the_session_is(recorded: Recorded) -> None:
    """State, reason, cost as a bound, tokens, events, process and host."""
    words = recorded.session("unpriced").words
    assert f"{recorded.ids['unpriced']} Copy Indeterminate evaluation the judge could not decide" in words
    assert re.search(r"Cost ≥ \$0\.\d{6} 1 call unpriced Tokens 60 in, 12 out Events 2: 2 model calls", words)
    assert "1 process and host" in words
    assert "Python Version" in words


def test_the_waterfall_is_a_tree(recorded: Recorded) -> None:
    """What happened in a step stands below it, indented; an error is told with the event it happened in."""
    page = recorded.session("failure")
    depths = [one.attributes["class"] for one in page.all("span", "name")]

    assert [depth and depth.split()[1] for depth in depths] == ["d0", "d1", "d1", "d1"]
    assert len(page.all("a", "failed")) == 3
    assert "fetch_page TimeoutError: https://example.org/a did not answer within 10 s" in page.words


def test_bars_lie_within_their_parent(recorded: Recorded) -> None:
    """Widths and places are time: the first bar begins at 0, none goes beyond the end."""
    found = [one.attributes for one in recorded.session("research").all("rect")]
    bars = [one for one in found if "y" in one]
    places = [(float(bar["x"] or ""), float(bar["width"] or "")) for bar in bars]

    assert len(places) == 8
    assert places[0][0] == 0
    assert all(left >= 0 and left + width <= 1000.01 and width >= 3 for left, width in places)


def test_a_call_is_shown_with_its_messages_and_its_price(recorded: Recorded) -> None:
    """Roles in order, tools by name, tokens by bucket, and which price was used."""
    words = recorded.session("research", f"?event={event_of(recorded, 'research', 'llms')}").words
    order = ["system You are a careful researcher.", "user Which papers", "assistant calls search_papers"]

    assert [words.find(one) for one in order] == sorted(words.find(one) for one in order)
    assert -1 not in [words.find(one) for one in order]
    assert re.search(r"Price genai-prices, openai:gpt-4o version \d", words)
    assert "Input 156 tokens Cache read 256 tokens Output 31 tokens" in words
    assert "Model gpt-4o-2024-08-06 asked for gpt-4o" in words


def test_a_call_without_a_price_says_so(recorded: Recorded) -> None:
    """An unknown cost is never 0."""
    words = recorded.session("unpriced", f"?event={event_of(recorded, 'unpriced', 'llms', 1)}").words
    assert "Cost unknown: this model has no known price" in words


def test_an_error_is_shown_with_its_stack_and_its_neighbours(recorded: Recorded) -> None:
    """Errors in the order of time, each with links to the one before and after, and to the event it happened in."""
    errors = [event_of(recorded, "failure", "errors", at) for at in range(3)]
    page = recorded.session("failure", f"?event={errors[1]}")
    asked = [one.attributes for one in page.all("a") if "data-pane" in one.attributes]
    links = {one.get("data-error"): one["href"] for one in asked}

    assert "error 2 of 3" in page.words
    assert [errors[at] in (links[key] or "") for at, key in ((0, "previous"), (2, "next"))] == [True, True]
    assert "Traceback (most recent call last)" in page.words
    assert event_of(recorded, "failure", "tools", 1) in (links[None] or "")
    assert ["aria-current" in row.attributes for row in page.all("a", "failed")] == [False, True, False]


def test_the_chat_says_each_thing_once(recorded: Recorded) -> None:
    """Four calls whose prompts repeat the history: the history is shown once, in order."""
    words = recorded.session("research", "?tab=chat").words
    said = [
        "You are a careful researcher.",
        "Which papers on telemetry should I read first?",
        "Two papers matter",
        "Which of them is the more convincing one?",
        "The second: it repeats",
        "Sum up in two sentences",
        "Telemetry was measured in 2025.",
    ]
    assert [words.count(one) for one in said] == [1, 1, 2, 1, 2, 1, 1]  # the summary's prompt holds both answers
    assert [words.find(one) for one in said] == sorted(words.find(one) for one in said)


def test_costs_are_told_by_model_agent_and_tool(recorded: Recorded) -> None:
    """The dearest first, with the prices that were used; models without a price are named."""
    words = recorded.session("research", "?tab=cost").words
    assert re.search(r"By model .* gpt-4o-2024-08-06 \$0\.\d{6} 3 1,857 896 187 .* gpt-4\.1-2025-04-14 \$0\.", words)
    assert re.search(r"By agent .* Researcher \$0\.\d{6} 3 .* Writer \$0\.\d{6} 1 .* By tool .* search_papers 1", words)
    assert "Prices used: genai-prices openai:gpt-4.1" in words
    assert "1 call without a known price: in-house-70b." in recorded.session("unpriced", "?tab=cost").words


@pytest.mark.parametrize("form", ["agentops", "jsonl", "otlp"])
def test_a_session_can_be_taken_away(recorded: Recorded, form: str) -> None:
    """The files are those of the API."""
    session_id = recorded.ids["research"]
    path = {"agentops": "export"}.get(form, form)
    file = recorded.server.ask("GET", f"/exports/{form}/{session_id}")

    assert file.status == 200
    assert file.headers["content-disposition"].startswith(f'attachment; filename="session-{session_id}.json')
    assert file.body == recorded.server.ask("GET", f"/v2/sessions/{session_id}/{path}").body
    assert f"/exports/{form}/{session_id}" in recorded.session("research", "?tab=raw").links("button")


def test_the_command_of_the_api_is_right(recorded: Recorded) -> None:
    """The URL that the page names answers the session."""
    words = recorded.session("research", "?tab=raw").words
    [url] = re.findall(r"curl --compressed '([^']+)'", words)
    answer = recorded.server.ask("GET", url.removeprefix(recorded.server.url))
    assert json.loads(answer.body)["session"]["id"] == recorded.ids["research"]


@pytest.mark.parametrize("path", ["/sessions/nobody", "/sessions/{research}?event=none", "/exports/odd/{research}"])
def test_what_is_not_there_is_a_page(recorded: Recorded, path: str) -> None:
    """With the way back."""
    answer = recorded.server.ask("GET", path.format(**recorded.ids))
    assert answer.status == 404
    assert Reading(answer.body.decode()).links()[-1] == "/sessions"


def test_an_unknown_tab_is_the_waterfall(recorded: Recorded) -> None:
    """As is a wrong place in it the first."""
    assert recorded.session("research", "?tab=odd&from=x").words == recorded.session("research").words


def send(server: Running, session_id: str, count: int) -> None:
    """Model calls of a session, as OTLP."""
    assert server.ask("POST", "/v1/traces", calls(session_id, count), Content_Type=PROTOBUF).status == 200


@pytest.mark.parametrize("session_id", ["a/b", "a b?c#d", "ä&<b>", "x" * 200, "rows"])
def test_any_id_has_a_page(nothing: Recorded, session_id: str) -> None:
    """Ids of other systems are any text; the list leads to their pages."""
    send(nothing.server, session_id, 1)
    link = f"/sessions/{quote(session_id, safe='')}"

    assert link in nothing.read("/sessions").links("id")
    assert session_id in nothing.read(link).words
    assert nothing.server.ask("GET", f"/exports/jsonl/{quote(session_id, safe='')}").status == 200


def test_long_sessions_come_in_pieces(nothing: Recorded) -> None:
    """100 rows, the open fold among them, then a link to the next, of which a script gets 300; the page of an event is
    the one that has its row."""
    send(nothing.server, "long", 639)
    first = nothing.read("/sessions/long?open=all")
    rest = nothing.read(first.links("more")[0])
    part = nothing.server.ask("GET", f"{rest.links('more')[-1]}&part=more").body.decode()
    last = Reading(part).all("a", "row")

    assert [len(first.all("a", "row")), len(rest.all("a", "row")), len(last)] == [100, 100, 300]
    picked = nothing.read(last[-1].attributes["href"] or "").all("a", "row")
    assert [one.attributes["id"] for one in picked] == [one.attributes["id"] for one in last[200:]]


def test_what_is_remembered_of_a_session_is_not_old(nothing: Recorded) -> None:
    """Events that come between two looks are there, in every view that was looked at."""
    counts = []
    for count in (1, 5):
        send(nothing.server, "grows", count)
        counts.append([len(nothing.read(f"/sessions/grows{view}").all("a", "row")) for view in ("", "?open=all")])
    assert counts == [[1, 1], [1, 6]]


def test_an_event_shows_its_attributes_and_links(nothing: Recorded) -> None:
    """What no field took of the span, and the spans it is linked to, as text."""
    span = FlatSpan(
        trace_id="1" * 32,
        span_id="2" * 16,
        name="step",
        start_ns=1,
        end_ns=2,
        attributes={"session.id": "linked", "acme.shard": "<b>7</b>"},
        links=[SpanLink("a" * 32, "b" * 16, {"why": "retry"})],
    )
    body = encode_traces([span])
    assert nothing.server.ask("POST", "/v1/traces", body, Content_Type=PROTOBUF).status == 200
    [event] = nothing.server.get("/v2/sessions/linked/events")["events"]
    words = nothing.read(f"/sessions/linked?event={event['event_id']}").words
    assert "1 attribute more acme.shard <b>7</b>" in words
    assert f"Links span {'b' * 16} of trace {'a' * 32} {{ " in words


def page_of(store: SqliteStore, session_id: str) -> StreamingResponse:
    """What the page of a session answers."""
    asked = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"here")]}
    session = store.session("default", session_id)
    assert session is not None
    answer = SessionPage(Request(asked), store, session, Remembered(), open_gate=True, own=True).answer()
    assert isinstance(answer, StreamingResponse)
    return answer


def deleted(db: Path) -> None:
    with contextlib.closing(SqliteStore(db)) as store:
        store.delete_session("default", "long")


def damaged(db: Path) -> None:
    with contextlib.closing(sqlite3.connect(db)) as raw:
        raw.execute("ALTER TABLE events RENAME TO others")


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [(deleted, "Nothing happened in this session."), (damaged, "The store cannot be read:")],
)
def test_a_long_session_begins_before_its_events_are_looked_for(
    tmp_path: Path, meanwhile: Callable[[Path], None], told: str
) -> None:
    """The header comes at once; what is not there any more once the events are looked for is told below it."""
    calls = [
        EventFact(LLMCall(event_id=f"c{at}", session_id="long", name="chat", init_timestamp=at)) for at in range(LONG)
    ]

    async def pieces(store: SqliteStore) -> list[str]:
        found = page_of(store, "long").body_iterator
        first = [str(await anext(found))]
        meanwhile(tmp_path / "long.db")
        return [*first, *[str(piece) async for piece in found]]

    with contextlib.closing(SqliteStore(tmp_path / "long.db")) as store:
        store.append("default", calls)
        first, rest = asyncio.run(pieces(store))
    assert [Reading(first).words.endswith("Replay Raw"), told in Reading(rest).words] == [True, True]
    assert rest.rstrip().endswith("</html>")
