"""Keys, tokens and projects: who may write and read what."""

from __future__ import annotations

import sqlite3
import time
import uuid
from pathlib import Path

import jwt
import pytest

from agentops_otel.errors import ConfigurationError, InvalidValueError
from agentops_otel.otlp import encode_traces
from agentops_otel.server import ServerOptions, serve
from agentops_otel.store.sqlite.keys import SqliteKeys

from .running import Running
from .test_api_v2 import Client, event
from .test_otlp_http import PROTOBUF, chat


def new_id() -> str:
    return str(uuid.uuid4())


def test_two_projects_never_see_each_other(keyed: Running) -> None:
    """The same session id in two projects is two sessions; a foreign one answers as an unknown one does."""
    ours, theirs = keyed.keys.create_key("ours"), keyed.keys.create_key("theirs")
    client, session_id = Client(keyed, key=ours), new_id()
    client.record(event("tools", name="secret"))
    paths = ("", "/stats", "/export", "/events", "/otlp", "/logs")

    foreign = [keyed.ask("GET", f"/v2/sessions/{client.session_id}{path}", key=theirs) for path in paths]
    unknown = [keyed.ask("GET", f"/v2/sessions/{session_id}{path}", key=theirs) for path in paths]
    deleted = keyed.ask("DELETE", f"/v2/sessions/{client.session_id}", key=theirs)

    def said(answers: list) -> list[tuple[int, str]]:
        return [(answer.status, answer.json["message"]) for answer in answers]

    assert said(foreign) == said(unknown)
    assert (deleted.status, client.get("/stats")["events"]) == (404, 1)
    assert keyed.get("/v2/sessions", key=theirs)["sessions"] == []
    joined = Client(keyed, client.session_id, key=theirs)
    assert (joined.get("/stats")["events"], client.get("/stats")["events"]) == (0, 1)


@pytest.mark.parametrize("how", ["header", "bearer", "token"])
def test_spans_go_to_the_project_of_the_key(keyed: Running, how: str) -> None:
    """A key in its header or as Bearer, or the token it was exchanged for."""
    key, session_id = keyed.keys.create_key("traces"), new_id()
    token = keyed.ask("POST", "/v3/auth/token", {"api_key": key}).json["token"]
    credentials = {"header": {"key": key}, "bearer": {"token": key}, "token": {"token": token}}[how]

    answer = keyed.ask("POST", "/v1/traces", encode_traces([chat(session_id)]), Content_Type=PROTOBUF, **credentials)

    assert answer.status == 200
    assert keyed.get(f"/v2/sessions/{session_id}", key=key)["project_id"] == "traces"


@pytest.mark.parametrize("key", ["secrets", "prefix None", "key", " "])
def test_a_word_is_no_key(keyed: Running, key: str) -> None:
    """A key that reads like something the gate remembers is an unknown key."""
    keyed.ask("GET", "/v2/sessions", token="a.b.c")
    assert keyed.ask("GET", "/v2/sessions", key=key).status == 401


def test_without_a_key_nothing_is_answered(keyed: Running) -> None:
    """OTLP and our routes say 401, AgentOps' routes what they always said; counters show it."""
    path = f"/v2/sessions/{new_id()}"
    asked = [
        keyed.ask("POST", "/v1/traces", b"", Content_Type=PROTOBUF),
        keyed.ask("GET", "/v2/sessions"),
        keyed.ask("GET", "/v2/sessions", key=new_id()),
        keyed.ask("GET", f"{path}/stats"),
        keyed.ask("GET", f"{path}/stats", key="no-uuid"),
        keyed.ask("GET", f"{path}/stats", key=new_id()),
        keyed.ask("POST", "/v2/create_session", {"session": {"session_id": "s"}}, key="no-uuid"),
        keyed.ask("POST", "/v2/create_session", {"session": {"session_id": "s"}}, key=new_id()),
        keyed.ask("POST", "/v2/update_session", {"session": {}}),
        keyed.ask("POST", "/v3/auth/token", {"api_key": new_id()}),
        keyed.ask("POST", "/v3/auth/token", {"api_key": "no-uuid"}),
        keyed.ask("GET", "/public/v1/project"),
    ]

    assert [answer.status for answer in asked] == [401, 401, 401, 400, 400, 400, 400, 400, 400, 403, 400, 400]
    assert [answer.json["message"] for answer in asked[3:6]] == [
        "API Key is Missing",
        "Invalid API key format",
        "Invalid API Key",
    ]
    assert keyed.counter('agentops_rejected_requests{reason="bad_key"}') >= 5


def test_forged_expired_and_foreign_tokens_are_refused(keyed: Running) -> None:
    """Only what was signed here, for a time that has not passed, is believed; `none` is no algorithm."""
    key = keyed.keys.create_key("tokens")
    secret, claims = keyed.keys.secrets()[0], {"aud": "authenticated", "project_id": "tokens", "key": key[:8]}
    hour = {"exp": int(time.time()) + 3600}
    tokens = {
        "good": jwt.encode(claims | hour, secret),
        "Expired Token": jwt.encode(claims | {"exp": 1}, secret),
        "without an end": jwt.encode(claims, secret),
        "of another secret": jwt.encode(claims | hour, b"x" * 32),
        "unsigned": jwt.encode(claims | hour, None, algorithm="none"),
        "of another audience": jwt.encode(claims | hour | {"aud": "other"}, secret),
        "of another key": jwt.encode(claims | hour | {"key": "00000000"}, secret),
        "garbage": "a.b.c",
    }

    answers = {name: keyed.ask("GET", "/v2/sessions", token=token) for name, token in tokens.items()}

    assert [answer.status for answer in answers.values()] == [200] + [401] * 7
    assert answers["Expired Token"].json["message"] == "Expired Token"


def test_a_revoked_key_stops_working_with_all_its_tokens(keyed: Running) -> None:
    """Within a second, also for tokens that have not expired."""
    key = keyed.keys.create_key("revoked")
    token = keyed.ask("POST", "/v3/auth/token", {"api_key": key}).json["token"]

    keyed.keys.revoke_key(key[:8])
    time.sleep(1.1)  # what the server may remember of a key

    assert [keyed.ask("GET", "/v2/sessions", **one).status for one in ({"key": key}, {"token": token})] == [401, 401]


def test_the_project_of_the_parent_key_may_read(keyed: Running) -> None:
    """A session started with a parent key is read by both projects and written by one."""
    own, parent = keyed.keys.create_key("child"), keyed.keys.create_key("parent")
    session_id = new_id()
    body = {"session": {"session_id": session_id, "init_timestamp": "2026-11-22T00:00:00Z"}}

    created = keyed.ask("POST", "/v2/create_session", body, key=own, X_Agentops_Parent_Key=parent)

    assert created.status == 200
    assert keyed.get(f"/v2/sessions/{session_id}/export", key=parent)["session"]["project_id"] == "child"
    assert keyed.ask("DELETE", f"/v2/sessions/{session_id}", key=parent).status == 404
    queries = ("", "?shared=true", "?shared=false")
    listed = [keyed.get(f"/v2/sessions{query}", key=parent)["sessions"] for query in queries]
    assert [[one["project_id"] for one in page] for page in listed] == [["child"], ["child"], []]


def test_keys_are_stored_as_hashes(tmp_path: Path) -> None:
    """The text of a key is in no column; its prefix and project are listed."""
    keys = SqliteKeys(tmp_path / "k.db", clock=lambda: 5)
    key = keys.create_key("p", "laptop")
    keys.close()

    database = sqlite3.connect(tmp_path / "k.db")
    dump = "\n".join(database.iterdump())
    database.close()
    assert key not in dump
    assert key.replace("-", "") not in dump
    assert f"'{key[:8]}','p','laptop',5,NULL" in dump


def test_keys_are_listed_found_and_revoked(tmp_path: Path) -> None:
    """A key is found by its text in any case, and never again once it is revoked."""
    keys = SqliteKeys(tmp_path / "k.db")
    first, second = keys.create_key("a"), keys.create_key("b")

    assert (keys.find_key(first.upper()).project_id, keys.any_key()) == ("a", True)  # type: ignore[union-attr]
    revoked = keys.revoke_key(first)
    assert (first[:8], None) == (revoked.prefix, keys.find_key(first))
    assert [second[:8]] == [key.prefix for key in keys.keys("b")]
    assert list(keys.projects()) == ["a", "b", "default"]
    with pytest.raises(InvalidValueError, match="names 0 active keys"):
        keys.revoke_key(first)
    with pytest.raises(InvalidValueError, match="no project name"):
        keys.create_project(" ")
    keys.close()


def test_a_rotated_secret_leaves_the_last_tokens_valid(tmp_path: Path) -> None:
    """The newest secret signs, the one before is still believed, older ones are gone."""
    times = iter(range(1, 99))
    keys = SqliteKeys(tmp_path / "k.db", clock=lambda: next(times))
    (first,) = keys.secrets()
    keys.rotate_secret()
    second, also_first = keys.secrets()
    keys.rotate_secret()

    assert (first, 32) == (also_first, len(first))
    assert [second] == list(keys.secrets())[1:]
    keys.close()


def test_others_are_not_served_without_a_key(tmp_path: Path) -> None:
    """An address that other machines reach needs a key first; the error names the command that makes one."""
    with pytest.raises(ConfigurationError, match="agentops-otel keys create"):
        serve(ServerOptions(db=tmp_path / "s.db", host="0.0.0.0", port=0))


def test_each_key_has_its_share(tmp_path: Path) -> None:
    """Beyond its rate a key is told to come back in 1 to 5 seconds; another key is not held up."""
    running = Running(tmp_path, rate_limit=3)
    busy, other = running.keys.create_key("busy"), running.keys.create_key("other")
    with running:
        answers = [running.ask("POST", "/v1/metrics", {"resourceMetrics": []}, key=busy) for _ in range(6)]
        held = running.ask("POST", "/v1/metrics", {"resourceMetrics": []}, key=other)

    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {True} == {1 <= int(answer.headers["retry-after"]) <= 5 for answer in refused}
    assert (refused[0].json["code"], held.status) == (8, 200)
