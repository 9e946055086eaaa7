"""The public read API of the OpenTelemetry generation, over the same sessions."""

from __future__ import annotations

import uuid

from agentops_otel.otlp import encode_traces

from .running import Running
from .test_otlp_http import PROTOBUF, chat


def test_a_trace_reads_back_with_its_metrics_and_spans(keyed: Running) -> None:
    """Token exchange, project, trace, metrics, span and its metrics; dotted keys are nested objects."""
    key, session_id = keyed.keys.create_key("public"), str(uuid.uuid4())
    keyed.ask("POST", "/v1/traces", encode_traces([chat(session_id)]), key=key, Content_Type=PROTOBUF)
    token = keyed.ask("POST", "/public/v1/auth/access_token", {"api_key": key}).json["bearer"]
    path = f"/public/v1/traces/{uuid.UUID(session_id).hex}"

    trace, metrics = keyed.get(path, token=token), keyed.get(f"{path}/metrics", token=token)
    (span,) = trace["spans"]
    detail = keyed.get(f"{path}/spans/{span['span_id']}", token=token)
    own = keyed.get(f"/public/v1/spans/{span['span_id']}/metrics?trace_id={session_id}", token=token)
    path = f"/public/v1/spans/{span['span_id']}"
    assert (detail, own) == (keyed.get(path, token=token), keyed.get(f"{path}/metrics", token=token))
    other = keyed.ask("POST", "/public/v1/auth/access_token", {"api_key": keyed.keys.create_key("p")}).json["bearer"]
    assert keyed.ask("GET", path, token=other).status == 404

    assert keyed.get("/public/v1/project", token=token) == {
        "id": "public",
        "name": "public",
        "environment": "production",
    }
    assert tuple(span[name] for name in ("span_id", "span_name", "span_kind", "duration")) == (
        "00000000000000a1",
        "chat m",
        "CLIENT",
        1_000_000_000,
    )
    assert tuple(metrics[name] for name in ("span_count", "success_count", "prompt_tokens", "total_tokens")) == (
        1,
        1,
        7,
        7,
    )
    assert detail["attributes"]["model"] == "m"
    assert tuple(own[name] for name in ("prompt_tokens", "success_tokens", "fail_tokens")) == (7, 7, 0)


def test_refusals_read_as_that_api_writes_them(keyed: Running) -> None:
    """`detail`; 400 for a bad bearer, 404 for what is not this project's, 422 for a missing field."""
    token = keyed.ask("POST", "/public/v1/auth/access_token", {"api_key": keyed.keys.create_key("p")}).json["bearer"]
    asked = [
        keyed.ask("GET", "/public/v1/project"),
        keyed.ask("GET", "/public/v1/project", token="a.b.c"),
        keyed.ask("GET", f"/public/v1/traces/{uuid.uuid4()}", token=token),
        keyed.ask("POST", "/public/v1/auth/access_token", {"api_key": "x"}),
        keyed.ask("POST", "/public/v1/auth/access_token", {"api_key": str(uuid.uuid4())}),
        keyed.ask("POST", "/public/v1/auth/access_token", {}),
    ]

    assert [answer.status for answer in asked] == [400, 400, 404, 400, 404, 422]
    assert {("detail",)} == {tuple(answer.json) for answer in asked}
