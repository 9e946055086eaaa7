"""The replay of a session: what there is at a moment, told by the server; and the video that somebody named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentops_otel.facts import EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import Action, Failure, LLMCall, ToolCall
from agentops_otel.server.dashboard.replay import clock, moment, seconds
from agentops_otel.server.dashboard.video import Video, video_of
from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .conftest import Recorded
from .reading import Reading
from .recording import CANARY

START_NS = 1_795_352_682_000_000_000


def at(seconds: float) -> int:
    return START_NS + int(seconds * 1_000_000_000)


def said(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def timed(session_id: str, video: str | None = None) -> list[Fact]:
    """Ten seconds: a call from 0.5 to 2, a tool to 3, a call from 8 to 9.5; the step around them fails at 9.75."""
    question, answer = said("user", "Which paper?"), said("assistant", "I look it up.")
    events = [
        Action(
            event_id="step",
            name="answer",
            span_id="a" * 16,
            init_timestamp=at(0),
            end_timestamp=at(10),
            **of(session_id),
        ),
        LLMCall(
            **of(session_id, "a"),
            event_id="one",
            name="chat",
            init_timestamp=at(0.5),
            end_timestamp=at(2),
            model="gpt-4o",
            prompt=[question],
            completion=[answer],
        ),
        ToolCall(**of(session_id, "a"), event_id="tool", name="search", init_timestamp=at(2), end_timestamp=at(3)),
        LLMCall(
            **of(session_id, "a"),
            event_id="two",
            name="chat",
            init_timestamp=at(8),
            end_timestamp=at(9.5),
            model="gpt-4.1",
            prompt=[question, answer, said("tool", "found two")],
            completion=[said("assistant", "Read the second.")],
        ),
        Failure(
            **of(session_id, "a"), event_id="error", name="ValueError", init_timestamp=at(9.75), error_type="ValueError"
        ),
    ]
    named = None if video is None else (Stamp(START_NS, "test"), video)
    return [SessionFacts(session_id, at(0), at(10), video=named), *(EventFact(event) for event in events)]


def of(session_id: str, parent: str = "") -> dict[str, str]:
    more = {"parent_id": parent * 16} if parent else {}
    return {"session_id": session_id, "trace_id": session_id.encode().hex().zfill(32)[:32], **more}


def many(session_id: str, count: int) -> list[Fact]:
    """A call each second, each with a prompt and an answer of its own."""
    calls = [
        LLMCall(
            **of(session_id),
            event_id=f"{number:06d}",
            name="chat",
            model=f"model-{number}",
            init_timestamp=at(number),
            end_timestamp=at(number + 0.5),
            prompt=[said("user", f"Question {number}")],
            completion=[said("assistant", f"Answer {number}")],
        )
        for number in range(count)
    ]
    return [SessionFacts(session_id, at(0), at(count)), *map(EventFact, calls)]


VIDEOS = {
    "filmed": "https://films.example:8443/a/b.webm?x=1&y=2",
    "script": "javascript:alert(1)",
    "canary": f"https://films.example/{CANARY}",
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Sessions whose times are known."""
    folder = tmp_path_factory.mktemp("replayed")
    store = SqliteStore(folder / "server.db")
    sessions = [timed("timed"), many("many", 700), *(timed(name, video) for name, video in VIDEOS.items())]
    store.append("default", [fact for facts in sessions for fact in facts])
    store.append("default", [SessionFacts("empty", at(0), at(0))])
    store.close()
    with Running(folder) as server:
        yield Recorded(server, {name: name for name in ("timed", "many", "empty", *VIDEOS)})


def phases(page: Reading) -> list[str]:
    """How each row stands."""
    known = ("later", "now", "done", "failed")
    return [
        " ".join(word for word in known if word in (one.attributes["class"] or "").split())
        for one in page.all("a", "beat")
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", ["now", "later", "later", "later"]),
        ("&at=1", ["now", "now", "later", "later"]),
        ("&at=2", ["now", "done", "now", "later"]),
        ("&at=9.75", ["now failed", "done", "done", "done"]),
        ("&at=10", ["done failed", "done", "done", "done"]),
        ("&at=99999", ["done failed", "done", "done", "done"]),
        ("&at=-1", ["now", "later", "later", "later"]),
        ("&at=%3Cscript%3E", ["now", "later", "later", "later"]),
    ],
)
def test_the_server_tells_a_moment(replayed: Recorded, query: str, told: list[str]) -> None:
    """What began later is there as that, what fails does so at its time; a moment that is none is the first."""
    page = replayed.session("timed", f"?tab=replay{query}")
    assert (phases(page), page.harmful()) == (told, [])


def test_what_was_said_later_is_not_shown(replayed: Recorded) -> None:
    """A question is there with its call, an answer with its end; both are in the page for a script."""
    page = replayed.session("timed", "?tab=replay&at=8.5")
    talk = [one.attributes for one in page.all("div", "chat") if "data-from" in one.attributes]
    assert [(one["data-from"], "later" in (one["class"] or "")) for one in talk] == [
        ("0.5", False),
        ("2", False),
        ("8", False),
        ("9.5", True),
    ]


def test_each_row_and_step_leads_to_its_moment(replayed: Recorded) -> None:
    """A row to its beginning; the steps to what begins or ends before and after."""
    page = replayed.session("timed", "?tab=replay&at=2.5")
    steps = {one.attributes["id"]: one.attributes["href"] for one in page.all("a", "button") if "id" in one.attributes}
    assert page.links("beat") == [f"/sessions/timed?tab=replay&at={one}" for one in ("0", "0.5", "2", "8")]
    assert steps == {"step-back": "/sessions/timed?tab=replay&at=2", "step-on": "/sessions/timed?tab=replay&at=3"}


def test_a_long_session_is_told_around_the_moment(replayed: Recorded) -> None:
    """The rows and turns before and after, and between which moments they are all there is to show."""
    page = replayed.session("many", "?tab=replay&at=400")
    [beats] = page.all("div", "beats")
    talk = [one for one in page.all("div", "chat") if "data-from" in one.attributes]
    assert (len(page.all("a", "beat")), len(talk)) == (400, 2 * (15 + 1 + 25))
    assert (beats.attributes["data-from"], beats.attributes["data-until"]) == ("385", "426")
    whole = replayed.session("timed", "?tab=replay").all("div", "beats")[0].attributes
    assert (whole["data-from"], whole.get("data-until")) == ("0", None)


def test_an_empty_session_has_nothing_to_replay(replayed: Recorded) -> None:
    """The page says so."""
    assert "Nothing has happened in this session yet." in replayed.session("empty", "?tab=replay").words


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [("0", 0), ("12.5", 12_500_000_000), ("0.000000001", 1), ("3.1234567891", 3_123_456_789)]
    + [(text, None) for text in ("", "-1", "1e3", "nan", ".5", "1.", "9" * 10, "٣")],
)
def test_moments_are_seconds(text: str, time_ns: int | None) -> None:
    """To the nanosecond, and nothing else."""
    assert moment(text) == time_ns
    if time_ns is not None:
        assert moment(seconds(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("time_s", "of_s", "told"),
    [
        (0.2519, 0.9, "0.251 s"),
        (9.756, 12, "9.75 s"),
        (0, 12, "0.00 s"),
        (63.47, 200, "1:03.4"),
        (3723.4, 4000, "1:02:03.4"),
        (3.4, 4000, "0:00:03.4"),
    ],
)
def test_the_clock_is_as_precise_as_makes_sense(time_s: float, of_s: float, told: str) -> None:
    """Thousandths below a second, tenths beyond a minute."""
    assert clock(int(time_s * 1e9), int(of_s * 1e9)) == told


# --- the video -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ("https://films.example/a.webm", "https://films.example"),
        ("http://127.0.0.1:9000/a?b=c#d", "http://127.0.0.1:9000"),
        ("https://Films.Example:443/a", "https://films.example:443"),
        ("http://[::1]:9000/a", "http://[::1]:9000"),
    ]
    + [
        (said, None)
        for said in (
            None,
            "",
            "javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "//films.example/a",
            "/a.webm",
            "ftp://films.example/a",
            "https://user:secret@films.example/a",
            "https://films.example;script-src/a",
            "https://films.example,*/a",
            "https://*/a",
            "https://*.example/a",
            "https://films.example /a",
            "https://films.example\n/a",
            "https://films.example\\@evil.example/a",
            "https:///a",
            "https://",
            "https://films.example:99999/a",
            "https://films.example:x/a",
            "https://'self'/a",
            "https://filme.example/" + "a" * 5000,
        )
    ],
)
def test_only_addresses_of_the_web_are_videos(said: str | None, origin: str | None) -> None:
    """The origin is what may stand in a policy: nothing that was written reaches it unread."""
    found = video_of(said)
    assert (found and found.origin) == origin
    assert found is None or found == Video(said, origin, origin.partition("//")[2])


def test_a_video_is_fetched_only_once_it_is_asked_for(replayed: Recorded) -> None:
    """Whoever wrote its address learns nothing from a look at the session; then its origin alone is allowed."""
    quiet = [replayed.server.ask("GET", f"/sessions/filmed{query}") for query in ("", "?tab=replay", "?video=show")]
    loud = replayed.server.ask("GET", "/sessions/filmed?tab=replay&video=show&at=1.5")
    policies = [one.headers["content-security-policy"] for one in (*quiet, loud)]

    assert len(set(policies[:3])) == 1
    assert policies[3] == f"{policies[0]}; media-src https://films.example:8443"
    assert [len(Reading(one.body.decode()).all("video")) for one in (*quiet, loud)] == [0, 0, 0, 1]
    [video] = Reading(loud.body.decode()).all("video")
    assert video.attributes["src"] == f"{VIDEOS['filmed']}#t=1.5"


@pytest.mark.parametrize("name", ["script", "canary"])
def test_what_is_no_video_is_text(replayed: Recorded, name: str) -> None:
    """It is neither a link nor fetched, and the policy is that of every page."""
    answer = replayed.server.ask("GET", f"/sessions/{name}?tab=replay&video=show")
    page = Reading(answer.body.decode())
    assert (page.harmful(), page.all("video")) == ([], [])
    assert VIDEOS[name] in page.words
    assert "media-src" not in answer.headers["content-security-policy"]
