"""Changing what is stored, by plain forms: tags, deletion; and who may not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from server.running import Answer, Running

from .conftest import PROTOBUF, calls
from .reading import Reading
from .recording import CANARY


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Three sessions of the project `default`: a, b and c."""
    with Running(tmp_path_factory.mktemp("changed")) as running:
        for session_id in "abc":
            sent = running.ask("POST", "/v1/traces", calls(session_id, 2), Content_Type=PROTOBUF)
            assert sent.status == 200
        yield running


def change(server: Running, what: str, fields: dict[str, object], **headers: str) -> Answer:
    return server.ask("POST", f"/change/{what}", urlencode(fields, doseq=True).encode(), **headers)


def tags(server: Running, session_id: str) -> list[str]:
    found: list[str] = server.get(f"/v2/sessions/{session_id}")["tags"]
    return found


def ids(server: Running) -> list[str]:
    return sorted(one["session_id"] for one in server.get("/v2/sessions")["sessions"])


def test_sessions_that_are_picked_get_a_tag(server: Running) -> None:
    """All of them, beside the tags they have; the answer leads back."""
    change(server, "tags", {"session": "a", "tags": "old"})
    answer = change(server, "tag", {"session": ["a", "b", "gone"], "new_tag": " new ", "next": "/sessions?tag=x"})

    assert (answer.status, answer.headers["location"]) == (303, "/sessions?tag=x")
    assert [tags(server, one) for one in "abc"] == [["old", "new"], ["new"], []]


def test_the_tags_of_a_session_are_written_anew(server: Running) -> None:
    """One a line; what is not written is gone; a tag is text."""
    change(server, "tags", {"session": "a", "tags": f"one\r\n\r\n  two \none\n{CANARY}"})
    assert tags(server, "a") == ["one", "two", CANARY]
    page = Reading(server.ask("GET", "/sessions/a").body.decode())
    assert page.harmful() == []
    assert CANARY in page.words

    change(server, "tags", {"session": "a", "tags": ""})
    assert tags(server, "a") == []


def test_deleting_asks_first(server: Running) -> None:
    """The page names the sessions; sent again with a yes they are gone, and the others stay."""
    asked = change(server, "delete", {"session": ["a", "b"], "next": "/sessions?id="})
    page = Reading(asked.body.decode())
    fields = [(one.attributes["name"], one.attributes["value"]) for one in page.all("input")]
    assert (asked.status, ids(server)) == (200, ["a", "b", "c"])
    assert "Delete 2 sessions?" in page.words

    answer = server.ask("POST", "/change/delete", urlencode(fields).encode())
    assert (answer.status, answer.headers["location"]) == (303, "/sessions?id=")
    assert ids(server) == ["c"]


@pytest.mark.parametrize(
    ("what", "fields", "status"),
    [
        ("tag", {"session": "a"}, 400),
        ("tag", {"new_tag": "x"}, 400),
        ("tags", {"session": "gone", "tags": "x"}, 404),
        ("delete", {}, 400),
        ("delete", {"session": "gone", "sure": "yes"}, 400),
    ],
)
def test_a_form_without_a_choice_changes_nothing(
    server: Running, what: str, fields: dict[str, object], status: int
) -> None:
    """It is told what is missing."""
    before = server.get("/v2/sessions")
    assert change(server, what, fields).status == status
    assert server.get("/v2/sessions") == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("what", ["tag", "tags", "delete"])
def test_a_foreign_page_changes_nothing(server: Running, what: str, headers: dict[str, str]) -> None:
    """Neither by its origin nor by what the browser says of the site."""
    fields = {"session": "a", "new_tag": "x", "tags": "x", "sure": "yes"}
    assert change(server, what, fields, **headers).status == 403
    assert (ids(server), tags(server, "a")) == (["a", "b", "c"], [])


def test_a_form_leads_nowhere_else(server: Running) -> None:
    """Back to a page of ours, whatever it says."""
    answer = change(server, "tags", {"session": "a", "tags": "x", "next": "https://evil.example"})
    assert answer.headers["location"] == "/sessions"


def test_a_long_form_is_refused(server: Running) -> None:
    """Four megabytes are no tag."""
    assert change(server, "tags", {"session": "a", "tags": "x" * 4_000_000}).status == 413


def test_sessions_that_are_picked_are_exported_together(server: Running) -> None:
    """Lines of JSON that can be imported again; without any there is nothing to export."""
    file = server.ask("GET", "/exports?session=a&session=c&new_tag=&session=gone")
    lines = [json.loads(line) for line in file.body.decode().splitlines()]

    assert file.headers["content-disposition"] == 'attachment; filename="sessions.jsonl"'
    assert [line["session_id"] for line in lines] == ["a"] * 3 + ["c"] * 3
    assert server.ask("GET", "/exports?session=gone").status == 400


@pytest.mark.parametrize(
    ("picked", "url"), [("ab", "/compare?a=b&b=a"), ("c", "/compare?a=c"), ("cba", "/compare?a=a&b=c")]
)
def test_sessions_that_are_picked_are_compared(server: Running, picked: str, url: str) -> None:
    """The older with the newer, as the list has them."""
    answer = server.ask("GET", f"/compare?{urlencode({'session': list(picked)}, doseq=True)}&new_tag=")
    assert (answer.status, answer.headers["location"]) == (303, url)


def test_a_key_changes_its_own_project_only(server: Running) -> None:
    """Sessions of others are not there for it."""
    theirs = server.keys.create_key("theirs")
    while server.ask("GET", "/sessions").status == 200:  # a new key is noticed within a second
        time.sleep(0.05)
    fields = {"session": "a", "new_tag": "x", "sure": "yes"}

    def ask(what: str) -> int:
        body = urlencode(fields).encode()
        return server.ask("POST", f"/change/{what}", body, key=theirs).status

    assert [ask("tag"), ask("tags"), ask("delete")] == [400, 404, 400]
    assert server.ask("POST", "/change/delete", b"session=a&sure=yes").status == 303  # to the login
    assert server.keys.find_key(theirs) is not None
    ours = server.keys.create_key("default")
    assert server.get("/v2/sessions/a", key=ours)["tags"] == []
