"""Whatever is asked of the REST surface, the server answers with a status of its own and goes on serving."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .running import Running
from .test_api_v2 import Client, event, session_object

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ROUTES = [
    ("POST", "/v2/create_session"),
    ("POST", "/v2/update_session"),
    ("POST", "/v2/create_events"),
    ("POST", "/v2/update_events"),
    ("POST", "/v2/create_agent"),
    ("POST", "/v2/create_thread"),
    ("POST", "/v2/reauthorize_jwt"),
    ("PUT", "/v2/update_logs"),
    ("POST", "/v2/developer_errors"),
    ("POST", "/v3/auth/token"),
    ("POST", "/public/v1/auth/access_token"),
    ("POST", "/v1/traces"),
    ("POST", "/v1/logs"),
    ("POST", "/v1/metrics"),
]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def mutated(value: Any, data: st.DataObject) -> Any:
    """The value with one part of it replaced by anything."""
    if not isinstance(value, (dict, list)) or not value or data.draw(st.integers(0, 3)) == 0:
        return data.draw(anything)
    if isinstance(value, list):
        place = data.draw(st.integers(0, len(value) - 1))
        return [mutated(one, data) if nth == place else one for nth, one in enumerate(value)]
    key = data.draw(st.sampled_from(sorted(value)))
    return {**value, key: mutated(value[key], data)}


def body_of(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


@given(route=st.sampled_from(ROUTES), body=anything.map(body_of) | st.binary(max_size=40))
@quick
def test_any_body_is_answered(bridge: Running, route: tuple[str, str], body: bytes) -> None:
    """JSON of any shape and bytes of none: no route breaks, and each refusal says why."""
    answer = bridge.ask(*route, body, Content_Type="application/json")

    assert answer.status < 500
    assert answer.status in (200, 204) or answer.json


@given(data=st.data())
@quick
def test_a_damaged_batch_is_answered(bridge: Running, data: st.DataObject) -> None:
    """Sessions and events as clients send them, with one part replaced: taken or refused, never broken."""
    client = Client(bridge)
    kinds = [event(kind, name="n", prompt="p", completion={"role": "a", "content": "c"}) for kind in KINDS]
    for route, body in (
        ("create_events", {"events": kinds}),
        ("update_events", {"events": kinds}),
        ("update_session", {"session": session_object(client.session_id)}),
        ("create_session", {"session": session_object(client.session_id)}),
    ):
        answer = bridge.ask("POST", f"/v2/{route}", body_of(mutated(body, data)), token=client.token)
        assert answer.status < 500, (route, answer)
    assert {200} == {bridge.ask("GET", f"/v2/sessions/{client.session_id}{path}").status for path in PATHS}


KINDS = ("llms", "tools", "actions", "errors", "apis", "other")
PATHS = ("", "/stats", "/export", "/events", "/otlp", "/jsonl")


@given(
    path=st.sampled_from([*PATHS, "/logs", "/events/x", "/nothing"]),
    session_id=st.text(min_size=1, max_size=20),
    query=st.dictionaries(
        st.sampled_from(["tag", "end_state", "since", "limit", "cursor", "min_cost", "types", "running", "x"]),
        st.text(max_size=12),
        max_size=3,
    ),
)
@quick
def test_any_question_is_answered(bridge: Running, path: str, session_id: str, query: dict[str, str]) -> None:
    """Ids and parameters of any text."""
    asked = urlencode(query, errors="replace")
    name = quote(session_id, safe="", errors="replace")

    for target in (f"/v2/sessions/{name}{path}?{asked}", f"/v2/sessions?{asked}", f"/public/v1/traces/{name}?{asked}"):
        assert bridge.ask("GET", target).status < 500
