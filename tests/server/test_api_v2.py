"""AgentOps' v2 REST API as its published clients use it: recorded bodies in, documented shapes out."""

from __future__ import annotations

import itertools
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentops_otel.store.sqlite.keys import SqliteKeys

from .running import Running

START, LATER, END = (f"2026-11-22T13:0{minute}:00.000000+00:00" for minute in range(3))
JUNK = {"config": "", "_lock": "", "_end_session_lock": "", "token_cost": "", "_otel_tracer": "", "jwt": None}


def session_object(session_id: str, **changes: Any) -> dict[str, Any]:
    """A session as agentops 0.3.26 sends it."""
    host_env = {"OS": {"Hostname": "host-a", "OS": "Linux"}, "CPU": {"Total cores": 2}}
    known = {
        "end_timestamp": None,
        "end_state": "Indeterminate",
        "session_id": session_id,
        "init_timestamp": START,
        "tags": ["one"],
        "video": None,
        "end_state_reason": None,
        "host_env": host_env,
        "event_counts": {"llms": 0, "tools": 0, "actions": 0, "errors": 0, "apis": 0},
    }
    return known | JUNK | changes


class Client:
    """One client of the old API, with the token of its session."""

    def __init__(self, bridge: Running, session_id: str | None = None, key: str | None = None, **changes: Any) -> None:
        self.bridge, self.key = bridge, key
        self.session_id = session_id or str(uuid.uuid4())
        body = {"session": session_object(self.session_id, **changes)}
        answer = bridge.ask("POST", "/v2/create_session", body, key=key)
        assert answer.status == 200, answer
        self.created = answer.json
        self.token = self.created["jwt"]

    def post(self, route: str, body: Any, status: int = 200, method: str = "POST") -> Any:
        answer = self.bridge.ask(method, f"/v2/{route}", body, token=self.token)
        assert answer.status == status, answer
        return answer.json

    def update(self, **changes: Any) -> Any:
        return self.post("update_session", {"session": session_object(self.session_id, **changes)})

    def record(self, *events: dict[str, Any]) -> Any:
        return self.post("create_events", {"events": list(events)})

    def get(self, what: str = "") -> Any:
        return self.bridge.get(f"/v2/sessions/{self.session_id}{what}", key=self.key)


def event(event_type: str, **fields: Any) -> dict[str, Any]:
    known = {"id": str(uuid.uuid4()), "event_type": event_type, "init_timestamp": START, "end_timestamp": LATER}
    return known | {"params": None, "returns": None, "agent_id": None} | fields


def test_a_whole_session_reads_back_as_documented(bridge: Running) -> None:
    """Create, record each kind of event, end: stats and export show them, under AgentOps' names."""
    client = Client(bridge)
    tool = event("tools", name="look up", tool_name="look up", params={"q": 1}, returns="found", logs={"n": 1})
    llm = event(
        "llms",
        prompt=[{"role": "user", "content": "Hi"}],
        completion={"role": "assistant", "content": "Hello"},
        prompt_tokens=10,
        completion_tokens=5,
        model="some-model",
        cost=0.0123,
        thread_id="t1",
    )
    error = event("errors", error_type="ValueError", details="why", logs="trace", trigger_event="", exception=None)

    assert client.record(llm, tool, event("actions", action_type="plan", name="plan"), error) == "Success"
    ended = client.update(end_timestamp=END, end_state="Success", end_state_reason="done", is_running=False)

    assert {"status", "jwt", "session_url"} == set(client.created)
    assert (ended["status"], ended["token_cost"]) == ("success", "0.0123")
    stats = client.get("/stats")
    assert tuple(
        stats[name] for name in ("events", "cost", "prompt_tokens", "completion_tokens", "errors", "duration")
    ) == (4, 0.0123, 10, 5, 1, "2m 0.0s")
    export = client.get("/export")
    assert tuple(export["session"][name] for name in ("end_state", "end_state_reason", "tags")) == (
        "Success",
        "done",
        '["one"]',
    )
    assert export["session"]["host_env"]["OS"]["Hostname"] == "host-a"
    assert [len(export[table]) for table in ("llms", "tools", "actions", "errors")] == [1, 1, 1, 1]
    row = export["llms"][0]
    assert (llm["id"], "t1", "some-model", 10, 5, 0.0123) == tuple(
        row[name] for name in ("id", "thread_id", "model", "prompt_tokens", "completion_tokens", "cost")
    )
    assert row["prompt"] == {"type": "chatml", "messages": [{"role": "user", "content": "Hi"}]}
    assert row["completion"] == {"type": "chatml", "messages": {"role": "assistant", "content": "Hello"}}
    assert (tool["id"], "look up", '{"q":1}', "found") == tuple(
        export["tools"][0][name] for name in ("id", "name", "params", "returns")
    )
    assert tuple(export["errors"][0][name] for name in ("error_type", "details", "logs")) == (
        "ValueError",
        "why",
        "trace",
    )


def test_asking_for_the_cost_does_not_end_a_session(bridge: Running) -> None:
    """`get_analytics` posts an end time with Indeterminate while the session is running."""
    client = Client(bridge)

    client.update(end_timestamp=LATER, end_state="Indeterminate", is_running=True)

    assert (client.get()["end_timestamp"], client.get()["is_running"]) == (None, True)


@pytest.mark.parametrize(("said", "stored"), [("Fail", "Failure"), ("Failure", "Failure"), ("Success", "Success")])
def test_a_definite_end_counts_even_where_the_client_says_it_runs(bridge: Running, said: str, stored: str) -> None:
    """0.3.17 ends its sessions so; Fail is another word for Failure."""
    client = Client(bridge)

    client.update(end_timestamp=END, end_state=said, is_running=True)

    assert (stored, False) == (client.get()["end_state"], client.get()["is_running"])


def test_joining_blanks_nothing(bridge: Running) -> None:
    """A second process creates the same session with its own start and tags: the earliest start and all tags stay."""
    first = Client(bridge)
    second = Client(bridge, first.session_id, init_timestamp=LATER, tags=["two"], host_env={})
    second.record(event("actions", action_type="joined"))
    second.update(init_timestamp=LATER, tags=["two"], host_env={}, end_timestamp=END, end_state="Success")

    session = first.get()

    assert tuple(session[name] for name in ("tags", "init_timestamp", "end_state")) == (
        ["one", "two"],
        "2026-11-22T13:00:00.000000Z",
        "Success",
    )
    assert session["statistics"]["actions"] == 1
    assert session["host_env"]["OS"]["Hostname"] == "host-a"


def test_tags_can_be_added_and_replaced(bridge: Running) -> None:
    """Clients send all their tags each time; the only client of a session can also take one away."""
    client = Client(bridge)
    seen = []
    for tags in (["one", "more"], ["other"], "bare"):
        client.update(tags=tags)
        seen.append(client.get()["tags"])

    assert seen == [["one", "more"], ["other"], ["bare"]]


def test_an_event_that_is_sent_again_replaces_itself(bridge: Running) -> None:
    """Statistics follow the surviving revision, also after update_events, which changes only what it names."""
    client = Client(bridge)
    llm = event("llms", model="m", prompt="p", prompt_tokens=1, completion_tokens=1, cost="0.5")
    client.record(llm)
    client.record(llm | {"prompt_tokens": 3})

    client.post("update_events", {"events": [{"id": llm["id"], "event_type": "llms", "cost": 2}]})

    stats, (row,) = client.get("/stats"), client.get("/export")["llms"]
    assert (stats["events"], stats["prompt_tokens"], stats["cost"]) == (1, 3, 2.0)
    assert row["prompt"] == {"type": "string", "string": "p"}


def test_events_of_the_oldest_clients_are_taken(bridge: Running) -> None:
    """0.3.17 leaves null keys out and gives errors a time and a trigger instead of an id; twice makes no second one."""
    client = Client(bridge)
    tool = {"id": str(uuid.uuid4()), "event_type": "tools", "init_timestamp": START, "name": "t"}
    error = {
        "event_type": "errors",
        "timestamp": LATER,
        "trigger_event_id": tool["id"],
        "trigger_event_type": "tools",
        "error_type": "E",
    }
    for _ in range(2):
        client.record(tool, error)

    export = client.get("/export")
    assert [len(export["tools"]), len(export["errors"])] == [1, 1]
    assert (tool["id"], "tools", "2026-11-22T13:01:00.000000Z") == tuple(
        export["errors"][0][name] for name in ("trigger_event_id", "trigger_event_type", "timestamp")
    )


def test_unknown_kinds_of_events_are_actions(bridge: Running) -> None:
    """A custom event_type names the action; keys nobody knows are kept."""
    client = Client(bridge)
    client.record(event("foo", colour="blue"))

    (row,) = client.get("/export")["actions"]

    assert (row["action_type"], row["extra"]) == ("foo", {"colour": "blue"})


def test_not_a_number_is_taken(bridge: Running) -> None:
    """Old clients emit a bare NaN, which strict JSON does not have."""
    client = Client(bridge)
    body = (
        b'{"events":[{"id":"n","event_type":"tools","init_timestamp":"%s","name":"t","returns":NaN}]}' % START.encode()
    )

    answer = bridge.ask("POST", "/v2/create_events", body, token=client.token, Content_Type="application/json")

    assert (answer.status, answer.body) == (200, b'"Success"')
    assert client.get("/events/n")["returns"] == {"$type": "float", "$repr": "nan"}


def test_agents_threads_and_logs_are_kept(bridge: Running) -> None:
    """Agents by name in the export, an event without one belongs to the default agent; logs are appended."""
    client = Client(bridge)
    client.post("create_agent", {"id": "a1", "name": "Ada"})
    client.post("create_thread", {"id": "t1", "agent_id": "a1"})
    client.record(event("actions", agent_id="a1"), event("actions"))
    for piece in ("first\n", "second\n"):
        client.post("update_logs", {"logs": piece}, method="PUT")

    export = client.get("/export")

    assert [agent["name"] for agent in export["agents"]] == ["Ada", "Default Agent"]
    assert {agent["id"] for agent in export["agents"]} == {row["agent_id"] for row in export["actions"]}
    assert bridge.ask("GET", f"/v2/sessions/{client.session_id}/logs").body == b"first\nsecond\n"


@pytest.mark.parametrize(
    ("route", "body", "says"),
    [
        ("create_events", {"events": 5}, "events is missing"),
        ("create_events", {"events": [5]}, "an event is int"),
        ("create_events", {"events": [{"event_type": "llms"}]}, "init_timestamp is missing"),
        ("create_events", {"events": [{"event_type": "llms", "init_timestamp": "soon"}]}, "init_timestamp is 'soon'"),
        ("update_events", {"events": [{"id": "none"}]}, "there is no event 'none'"),
        ("update_session", {}, "session is missing"),
        ("update_session", {"session": {"end_state": "completed", "end_timestamp": END}}, "end_state is 'completed'"),
        ("create_agent", {}, "id is missing"),
        ("create_session", {"session": {}}, "session_id is missing"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_name(bridge: Running, route: str, body: Any, says: str) -> None:
    """400 with path and message, never 500, and nothing of the batch is written."""
    client = Client(bridge)

    answer = bridge.ask("POST", f"/v2/{route}", body, token=client.token)

    assert (400, f"/v2/{route}") == (answer.status, answer.json["path"])
    assert says in answer.json["message"]
    assert client.get("/stats")["events"] == 0


def test_the_listing_filters_and_pages(bridge: Running) -> None:
    """Newest first, or as asked for; every filter must hold; the cursor goes on where the page ended."""
    tag = uuid.uuid4().hex
    clients = [Client(bridge, tags=[tag], init_timestamp=f"2026-11-2{day}T00:00:00Z") for day in range(3)]
    clients[0].update(init_timestamp="2026-11-20T00:00:00Z", tags=[tag], end_timestamp=END, end_state="Fail")

    first = bridge.get(f"/v2/sessions?tag={tag}&limit=2")
    second = bridge.get(f"/v2/sessions?tag={tag}&limit=2&cursor={first['next_cursor']}")
    failed = bridge.get(f"/v2/sessions?tag={tag}&end_state=Fail")
    long = bridge.get(f"/v2/sessions?tag={tag}&min_duration_ms=100000000")
    named = bridge.get(f"/v2/sessions?text={tag[4:20].upper()}&max_duration_ms=0")
    longest = bridge.get(f"/v2/sessions?tag={tag}&sort=duration&limit=1")
    others = bridge.get(f"/v2/sessions?tag={tag}&sort=duration&cursor={longest['next_cursor']}")
    oldest = bridge.get(f"/v2/sessions?tag={tag}&ascending=true")

    ids = [client.session_id for client in reversed(clients)]
    assert ids == [one["session_id"] for one in first["sessions"] + second["sessions"]]
    assert second["next_cursor"] is None
    assert [clients[0].session_id] == [one["session_id"] for one in failed["sessions"]]
    assert [clients[0].session_id] == [one["session_id"] for one in long["sessions"]]
    assert ids[:2] == [one["session_id"] for one in named["sessions"]]
    assert [ids[2], *sorted(ids[:2])] == [one["session_id"] for one in longest["sessions"] + others["sessions"]]
    assert ids[::-1] == [one["session_id"] for one in oldest["sessions"]]


def test_the_listing_knows_providers_and_hosts(bridge: Running) -> None:
    """Of a model call, and of the process that told of the session."""
    host, clients = uuid.uuid4().hex, [Client(bridge) for _ in range(2)]
    clients[0].update(host_env={"OS": {"Hostname": host}})
    for client in clients:
        client.record(event("llms", model="m", provider=client.session_id, prompt_tokens=1, completion_tokens=1))

    found = [
        bridge.get(f"/v2/sessions?{query}")["sessions"]
        for query in (f"host={host}", f"provider={clients[1].session_id}", f"host={host}&provider=x")
    ]

    assert [[one["session_id"] for one in some] for some in found] == [[one.session_id] for one in clients] + [[]]


def test_events_are_paged_and_payloads_come_when_asked(bridge: Running) -> None:
    """By start; `payloads=false` leaves the large fields out."""
    client = Client(bridge)
    client.record(*(event("actions", id=f"e{n}", params={"n": n}) for n in range(3)))

    first = client.get("/events?limit=2")
    second = client.get(f"/events?limit=2&cursor={first['next_cursor']}")
    slim = client.get("/events?payloads=false&types=actions")

    assert [one["event_id"] for one in first["events"] + second["events"]] == ["e0", "e1", "e2"]
    assert second["events"][0]["params"] == {"n": 2}
    assert [one["params"] for one in slim["events"]] == [None, None, None]


def test_an_answer_that_has_not_changed_is_not_sent_again(bridge: Running) -> None:
    """ETag and If-None-Match."""
    client = Client(bridge)
    client.update(end_timestamp=END, end_state="Success")
    path = f"/v2/sessions/{client.session_id}/stats"
    tag = bridge.ask("GET", path).headers["etag"]

    assert bridge.ask("GET", path, If_None_Match=tag)[::2] == (304, b"")
    client.record(event("tools", name="t"))
    assert bridge.ask("GET", path, If_None_Match=tag).status == 200


def test_tags_can_be_patched_and_sessions_deleted(bridge: Running) -> None:
    """`set` replaces, `add` appends; what was deleted is unknown afterwards."""
    client = Client(bridge)
    path = f"/v2/sessions/{client.session_id}"

    patched = bridge.ask("PATCH", f"{path}/tags", {"set": ["x"], "add": ["y", "x"]})
    deleted = bridge.ask("DELETE", path)

    assert patched.json["tags"] == ["x", "y"]
    assert (deleted.status, deleted.body) == (204, b"")
    assert [
        bridge.ask("GET", path).status,
        bridge.ask("GET", f"{path}/stats").status,
        bridge.ask("DELETE", path).status,
    ] == [404, 400, 404]


def test_a_session_leaves_as_otlp_and_comes_back_the_same(bridge: Running, keyed: Running) -> None:
    """`/otlp` of one server sent to another gives the same events, tags and end there."""
    client = Client(bridge)
    tool = event("tools", name="t", params={"q": 1})
    failed = event("errors", error_type="E", trigger_event_id=tool["id"], trigger_event_type="tools")
    client.record(event("llms", model="m", prompt_tokens=1, completion_tokens=2, cost=1), tool, failed)
    client.update(end_timestamp=END, end_state="Success")
    key = keyed.keys.create_key("import")

    sent = keyed.ask("POST", "/v1/traces", client.get("/otlp"), key=key)

    assert (sent.status, sent.json) == (200, {})
    path = f"/v2/sessions/{client.session_id}"
    theirs, ours = keyed.get(f"{path}/events", key=key)["events"], client.get("/events")["events"]
    kept = ("event_id", "event_type", "name", "init_timestamp", "end_timestamp", "params", "returns")
    assert [[one[name] for name in kept] for one in ours] == [[one[name] for name in kept] for one in theirs]
    shown = ("tags", "end_state", "init_timestamp", "end_timestamp")
    assert [client.get()[name] for name in shown] == [keyed.get(path, key=key)[name] for name in shown]


def test_the_description_of_the_api_needs_nothing_from_elsewhere(bridge: Running) -> None:
    """OpenAPI names every route; the page of it loads nothing."""
    paths = bridge.get("/openapi.json")["paths"]
    page = bridge.ask("GET", "/docs").body.decode()

    assert {"/v1/traces", "/v2/create_events", "/v2/sessions/{session_id}/export", "/health"} <= set(paths)
    assert "/v2/sessions/{session_id}/export" in page
    assert not [word for word in ("<script", "<link", "<img", "http://", "https://") if word in page]


def test_a_cost_of_zero_is_unknown(bridge: Running) -> None:
    """Clients send 0 where they know no price: a table may have one, and where none has, the cost is a lower bound."""
    client = Client(bridge)
    known = event("llms", model="gpt-4o-mini", prompt_tokens=10, completion_tokens=5, cost=0)

    client.record(known, event("llms", model="nobody-knows", prompt_tokens=1, completion_tokens=1, cost="0.0"))

    stats = client.get("/stats")
    assert (stats["cost_usd"], stats["unpriced_llms"]) == ("0.0000045", 1)


def test_an_uploaded_object_is_given_back(keyed: Running) -> None:
    """As it came, to its own project only; the same bytes are one object."""
    key, other = (keyed.keys.create_key(name) for name in ("objects", "others"))
    body = bytes(range(256))

    uploads = [keyed.ask("POST", "/v4/objects/upload/", body, key=key).json for _ in range(2)]

    path = urlsplit(uploads[0]["url"]).path
    answer = keyed.ask("GET", path, key=key)
    assert (uploads[0], uploads[0]["size"]) == (uploads[1], 256)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, "application/octet-stream")
    assert keyed.ask("GET", path, key=other).status == 404


def test_what_is_left_beside_sessions_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest objects of a project and the first lines of a log go."""
    times = itertools.count(1)
    kept = SqliteKeys(tmp_path / "x.db", clock=lambda: next(times))
    monkeypatch.setattr("agentops_otel.store.sqlite.keys.MAX_OBJECTS", 10)
    monkeypatch.setattr("agentops_otel.store.sqlite.keys.MAX_LOG", 10)
    objects = [kept.put_object("p", text * 4) for text in (b"a", b"b", b"c")]
    kept.put_object("q", b"of another")
    for text in ("aaaa", "bbbb", "cccc"):
        kept.append_log("p", "s", text)

    found = [kept.object("p", one) for one in objects]
    assert (found, kept.log("p", "s")) == ([None, b"bbbb", b"cccc"], "bbbbcccc")
    kept.close()
