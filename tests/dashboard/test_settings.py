"""Settings: keys, projects, prices, and who may change them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from agentops_otel.facts import SessionFacts, tags_said
from agentops_otel.server.dashboard.settings_page import retention_words
from agentops_otel.server.kept import Kept
from agentops_otel.store.base import SessionQuery
from agentops_otel.store.retention import KEEP_ALL, Retention
from agentops_otel.store.sqlite import SqliteStore
from server.running import Answer, Running

from .conftest import PROTOBUF, calls
from .reading import Reading
from .recording import CANARY


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text('{"prices": []}')
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


def send(server: Running, path: str, fields: dict[str, str], **headers: str) -> Answer:
    key = headers.pop("key", None)
    return server.ask("POST", f"/settings{path}", urlencode(fields).encode(), key=key, **headers)


def closed(server: Running) -> None:
    """Wait until the server has noticed that there is a key."""
    while server.ask("GET", "/settings").status == 200:
        time.sleep(0.05)


def test_a_key_is_shown_once_and_works(server: Running) -> None:
    """The page that makes it has it, no other has; it opens its project."""
    answer = send(server, "/keys", {"of": "default", "name": CANARY})
    page = Reading(answer.body.decode())
    [key] = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", page.words)
    closed(server)
    later = server.ask("GET", "/settings", key=key)

    assert (answer.status, answer.headers["cache-control"], page.harmful()) == (200, "no-store", [])
    assert (later.status, key in later.body.decode()) == (200, False)
    assert f"{key[:8]}… default {CANARY}" in Reading(later.body.decode()).words


def test_a_key_is_revoked(server: Running) -> None:
    """By its first characters; who is unknown is told so."""
    ours, other = server.keys.create_key("default"), server.keys.create_key("default", "other")
    closed(server)
    assert send(server, "/keys/revoke", {"prefix": other[:8]}, key=ours).status == 303
    assert server.keys.find_key(other) is None
    assert send(server, "/keys/revoke", {"prefix": "nobody"}, key=ours).status == 404


def test_a_key_manages_its_own_project_only(server: Running) -> None:
    """It sees no others, makes none for them, and revokes none."""
    ours, theirs = server.keys.create_key("ours"), server.keys.create_key("theirs")
    closed(server)
    page = Reading(server.ask("GET", "/settings", key=ours).body.decode()).words

    assert (ours[:8] in page, theirs[:8] in page, "theirs" in page) == (True, False, False)
    assert send(server, "/keys", {"of": "theirs"}, key=ours).status == 403
    assert send(server, "/keys/revoke", {"prefix": theirs[:8]}, key=ours).status == 404
    assert send(server, "/projects", {"project_name": "new"}, key=ours).status == 403
    assert server.keys.find_key(theirs) is not None


def test_projects_are_made_while_no_key_is_needed(server: Running) -> None:
    """Then the overview can be asked for them; a name that is none is told."""
    assert send(server, "/projects", {"project_name": "shop"}).status == 303
    assert "/overview?project=shop" in Reading(server.ask("GET", "/settings").body.decode()).links("chip")
    assert send(server, "/projects", {"project_name": "x" * 300}).status == 400


@pytest.mark.parametrize("path", ["/keys", "/keys/revoke", "/projects", "/prices", "/retention"])
def test_a_foreign_page_changes_nothing(server: Running, path: str) -> None:
    """Whatever it sends."""
    fields = {"of": "default", "prefix": "x", "project_name": "evil", "table": "{}"}
    assert send(server, path, fields, Origin="https://evil.example").status == 403
    assert (list(server.keys.keys()), list(server.keys.projects())) == ([], ["default"])


def test_prices_are_checked_and_written(tmp_path: Path, table: Path) -> None:
    """A table that is none is told with its entry, and the file stays as it was."""
    with Running(tmp_path, prices=str(table)) as server:
        good = json.dumps({"prices": [{"model": "in-house-70b", "input": 0.5, "output": 1.5}]})
        bad = [send(server, "/prices", {"table": text}) for text in ("{", '{"prices": [{"model": ""}]}')]
        unchanged = table.read_text()
        saved = send(server, "/prices", {"table": good})

        words = [Reading(one.body.decode()).words for one in bad]
        assert ([one.status for one in bad], saved.status) == ([400, 400], 303)
        assert ("this is not JSON" in words[0], "entry 1 must have a" in words[1]) == (True, True)
        assert (unchanged, table.read_text()) == ('{"prices": []}', good)

        key = server.keys.create_key("other")
        closed(server)
        assert send(server, "/prices", {"table": "{}"}, key=key).status == 403


def test_prices_hold_without_a_restart(tmp_path: Path, table: Path) -> None:
    """The next call has the price that was saved, whoever sends it; a file that is broken later changes nothing."""
    with Running(tmp_path, prices=str(table)) as server:

        def cost(session_id: str) -> str | None:
            server.ask("POST", "/v1/traces", calls(session_id, 1, usage=1_000_000), Content_Type=PROTOBUF)
            event: dict[str, str | None] = server.get(f"/v2/sessions/{session_id}/events")["events"][0]
            return event["cost"]

        before = cost("before")
        saved = send(server, "/prices", {"table": '{"prices": [{"model": "m", "input": 0.5, "output": 1.5}]}'})
        after = cost("after")
        table.write_text("{")
        assert (before, saved.status, after, cost("broken")) == (None, 303, "0.5", "0.5")


def test_without_a_table_there_is_nothing_to_write(server: Running) -> None:
    """The page says how there can be one."""
    assert send(server, "/prices", {"table": "{}"}).status == 403
    assert "Start the server with --prices FILE" in Reading(server.ask("GET", "/settings").body.decode()).words


def old_and_new(server: Running) -> None:
    """Three sessions of long ago, one of them tagged."""
    facts = [fact for name in ("a", "b", "kept") for fact in (SessionFacts(name, 1, 2),)]
    with closing(SqliteStore(server.db)) as store:
        store.append("default", [*facts, tags_said("kept", 3, "test", instead=["keep"])])


def left(server: Running) -> list[str]:
    with closing(SqliteStore(server.db)) as store:
        return sorted(one.session_id for one in store.sessions("default", SessionQuery()).items)


def test_limits_hold_at_once_and_after_a_restart(server: Running) -> None:
    """What is too old goes without a restart, tags keep it; the next server knows the limits, too."""
    old_and_new(server)
    answer = send(server, "/retention", {"max_age": "8w", "max_size": "5GB", "keep_tags": f"keep\r\n{CANARY}"})
    deadline = time.monotonic() + 60
    while left(server) != ["kept"] and time.monotonic() < deadline:
        time.sleep(0.05)
    page = Reading(server.ask("GET", "/settings").body.decode())
    inputs = {
        one.attributes["name"]: one.attributes.get("value") for one in page.all("input") if "name" in one.attributes
    }

    assert (answer.status, left(server), page.harmful()) == (303, ["kept"], [])
    assert (inputs["max_age"], inputs["max_size"]) == ("8w", "5GB")
    server.stop()
    server.start()
    assert "This was saved here" in Reading(server.ask("GET", "/settings").body.decode()).words
    assert send(server, "/retention", {"told": "yes"}).status == 303
    assert "Everything is kept." in Reading(server.ask("GET", "/settings").body.decode()).words


@pytest.mark.parametrize("fields", [{"max_age": "soon"}, {"max_age": "-1d"}, {"max_size": "<b>"}, {"max_age": "30"}])
def test_wrong_limits_change_nothing(server: Running, fields: dict[str, str]) -> None:
    """They are told with their remedy."""
    answer = send(server, "/retention", fields)
    page = Reading(answer.body.decode())
    assert (answer.status, page.harmful()) == (400, [])
    assert "; say " in page.words
    assert "Everything is kept." in page.words


def test_a_key_of_another_project_decides_no_limits(server: Running) -> None:
    """They hold for all projects; the page has no form for it."""
    key = server.keys.create_key("other")
    closed(server)
    assert send(server, "/retention", {"max_age": "1s"}, key=key).status == 403
    assert "Save and apply" not in Reading(server.ask("GET", "/settings", key=key).body.decode()).words


def test_limits_that_cannot_be_read_remove_nothing(tmp_path: Path) -> None:
    """A file that is broken is not taken for no limits of its own."""
    (tmp_path / "x.db.retention.json").write_text('{"max_age_ns": "x"}')
    assert Kept(tmp_path / "x.db", Retention(max_age_ns=1)).retention == KEEP_ALL


@pytest.mark.parametrize(
    ("retention", "words"),
    [
        (KEEP_ALL, ["Everything is kept."]),
        (
            Retention(max_age_ns=30 * 86_400 * 10**9, max_bytes=5 * 10**9, keep_tags=frozenset({"b", "a"})),
            [
                "Sessions in which nothing has happened for 30d 00h are removed.",
                "Beyond 5.0 GB the oldest sessions are removed.",
                "Sessions tagged a, b stay.",
            ],
        ),
    ],
)
def test_what_is_kept_is_told(retention: Retention, words: list[str]) -> None:
    """In words, on the overview and in the settings."""
    assert retention_words(retention) == words
