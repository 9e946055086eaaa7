"""Claude Code and Codex tell of themselves in log records: a conversation is a session."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.facts import EventFact
from agentops_otel.imports import facts_of_file
from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan

from .running import Running

AT_NS = 1_795_352_682_000_000_000


def record(nth: int, body: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A log record as their exporters write it: numbers as text in older versions, as numbers in newer ones."""
    values = [{"key": key, "value": value_of(value)} for key, value in attributes.items()]
    return {"timeUnixNano": str(AT_NS + nth * 10**9), "body": {"stringValue": body}, "attributes": values}


def value_of(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def request(scope: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"scope": {"name": scope}, "logRecords": records}]}]}


def claude(session_id: str) -> dict[str, Any]:
    said: list[tuple[str, dict[str, Any]]] = [
        ("user_prompt", {"prompt_length": "5", "prompt": "Hello"}),
        (
            "api_request",
            {
                "model": "claude-sonnet-4-5",
                "cost_usd": "0.0123",
                "duration_ms": "1500",
                "input_tokens": "10",
                "output_tokens": 20,
                "cache_read_tokens": 1000,
                "cache_creation_tokens": "30",
                "request_id": "req_1",
            },
        ),
        ("tool_decision", {"tool_name": "Bash", "decision": "accept", "source": "config"}),
        (
            "tool_result",
            {"tool_name": "Bash", "success": "true", "duration_ms": 250, "tool_parameters": '{"bash_command":"ls"}'},
        ),
        ("tool_result", {"tool_name": "Read", "success": "false", "duration_ms": 3, "error": "no such file"}),
        ("api_error", {"model": "claude-sonnet-4-5", "error": "Overloaded", "status_code": "529", "attempt": 10}),
        ("plugin_loaded", {"plugin.name": "x"}),
    ]
    common = {"session.id": session_id, "terminal.type": "vscode"}
    records = [
        record(nth, f"claude_code.{name}", {**common, "event.name": name, "event.sequence": nth, **attributes})
        for nth, (name, attributes) in enumerate(said)
    ]
    return request("com.anthropic.claude_code.events", records)


def test_a_conversation_of_claude_code_is_a_session(bridge: Running) -> None:
    """Tokens by bucket, the cost it reports, tools with their arguments, errors linked; sent again, nothing changes."""
    session_id = str(uuid.uuid4())

    answers = [bridge.ask("POST", "/v1/logs", claude(session_id)).json for _ in range(2)]

    assert [one["partialSuccess"]["errorMessage"][:13] for one in answers] == ["1 log records"] * 2
    stats = bridge.get(f"/v2/sessions/{session_id}/stats")
    assert {name: stats[name] for name in ("llms", "tools", "actions", "errors", "cost_usd", "unpriced_llms")} == {
        "llms": 2,
        "tools": 2,
        "actions": 2,
        "errors": 2,
        "cost_usd": "0.0123",
        "unpriced_llms": 0,
    }
    events = bridge.get(f"/v2/sessions/{session_id}/events?payloads=true")["events"]
    call = next(one for one in events if one.get("response_id") == "req_1")
    assert (call["provider"], call["model"], call["price"]["source"]) == ("anthropic", "claude-sonnet-4-5", "reported")
    assert {key: value for key, value in call["usage"].items() if value} == {
        "input": 10,
        "cache_read": 1000,
        "cache_write": 30,
        "output": 20,
    }
    assert (call["init_timestamp"], call["end_timestamp"]) == (
        "2026-11-22T13:04:41.500000Z",
        "2026-11-22T13:04:43.000000Z",
    )
    tools = [(one["name"], one["params"]) for one in events if one["event_type"] == "tools"]
    assert tools == [("Bash", {"bash_command": "ls"}), ("Read", None)]
    assert [one["params"] for one in events if one["name"] == "user_prompt"] == ["Hello"]
    assert {
        (one["details"], one["code"], one["trigger_event_type"]) for one in events if one["event_type"] == "errors"
    } == {
        ("no such file", None, "tools"),
        ("Overloaded", "529", "llms"),
    }


def claude_spans(session_id: str, **more: str) -> bytes:
    """The spans of Claude Code's beta traces for the same, as users of 2.1 report them: they tell no cost."""
    trace_id, common = uuid.uuid4().hex, {"session.id": session_id, "terminal.type": "vscode"}
    request = {
        "model": "claude-sonnet-4-5",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "llm_request.context": "interaction",
        "duration_ms": 1510,
        "ttft_ms": 300,
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_tokens": 1000,
        "cache_creation_tokens": 30,
        "success": True,
        **more,
    }

    def span(number: int, name: str, start_ms: int, end_ms: int, **attributes: Any) -> FlatSpan:
        return FlatSpan(
            trace_id,
            f"{number:016x}",
            f"claude_code.{name}",
            AT_NS + start_ms * 10**6,
            AT_NS + end_ms * 10**6,
            parent_span_id=f"{1:016x}" if number > 1 else None,
            attributes={**common, "span.type": name, **attributes},
            scope_name="com.anthropic.claude_code.tracing",
        )

    return encode_traces(
        [
            span(1, "interaction", 0, 5000, user_prompt_length=5),
            span(2, "llm_request", -505, 1005, **request),
            span(3, "tool", 2750, 3000, tool_name="Bash", duration_ms=250),
        ]
    )


@pytest.mark.parametrize(
    "more",
    [{}, {"request_id": "req_1"}, {"request_id": "req_1", "gen_ai.response.id": "msg_1"}],
    ids=["no id", "1", "2"],
)
@pytest.mark.parametrize("first", ["logs", "traces"])
def test_spans_of_claude_code_beside_its_records_are_paid_once(
    bridge: Running, first: str, more: dict[str, str]
) -> None:
    """With its beta traces one request is told twice: calls, tokens, tools and cost are those of the records."""
    session_id = str(uuid.uuid4())

    def send(signal: str) -> int:
        if signal == "logs":
            return bridge.ask("POST", "/v1/logs", claude(session_id)).status
        spans = claude_spans(session_id, **more)
        return bridge.ask("POST", "/v1/traces", spans, Content_Type="application/x-protobuf").status

    second = "traces" if first == "logs" else "logs"
    assert [send(signal) for signal in (first, second)] == [200, 200]

    stats = bridge.get(f"/v2/sessions/{session_id}/stats")
    assert {name: stats[name] for name in ("llms", "tools", "cost_usd", "unpriced_llms", "prompt_tokens")} == {
        "llms": 2,
        "tools": 2,
        "cost_usd": "0.0123",
        "unpriced_llms": 0,
        "prompt_tokens": 1040,
    }


def codex(session_id: str) -> dict[str, Any]:
    said: list[tuple[str, dict[str, Any]]] = [
        ("codex.conversation_starts", {"provider_name": "OpenAI", "approval_policy": "never"}),
        ("codex.user_prompt", {"prompt_length": 12, "prompt": "[REDACTED]"}),
        ("codex.api_request", {"duration_ms": 200, "http.response.status_code": 200, "attempt": 0}),
        ("codex.sse_event", {"event.kind": "response.output_text.delta", "duration_ms": 5}),
        (
            "codex.sse_event",
            {
                "event.kind": "response.completed",
                "input_token_count": 1000,
                "cached_token_count": 400,
                "output_token_count": 50,
                "reasoning_token_count": 20,
                "tool_token_count": 1050,
            },
        ),
        (
            "codex.tool_result",
            {
                "tool_name": "shell",
                "call_id": "call_1",
                "arguments": '{"command":["ls"]}',
                "duration_ms": 20,
                "success": "true",
                "output": "README.md",
            },
        ),
        ("codex.api_request", {"duration_ms": 90, "http.response.status_code": 500, "error.message": "boom"}),
    ]
    common = {"conversation.id": session_id, "model": "gpt-5", "slug": "gpt-5", "app.version": "0.128.0"}
    return request(
        "codex_otel",
        [record(nth, "", {"event.name": name, **common, **attributes}) for nth, (name, attributes) in enumerate(said)],
    )


def test_a_conversation_of_codex_is_a_session(bridge: Running) -> None:
    """Cached tokens are inside the input; a request and the end of its answer are one call; a hidden prompt is none."""
    session_id = str(uuid.uuid4())

    for _ in range(2):
        assert bridge.ask("POST", "/v1/logs", codex(session_id)).status == 200

    stats = bridge.get(f"/v2/sessions/{session_id}/stats")
    counted = ("llms", "tools", "actions", "errors", "prompt_tokens", "completion_tokens", "unpriced_llms")
    assert [stats[name] for name in counted] == [2, 1, 2, 1, 1000, 50, 0]
    events = bridge.get(f"/v2/sessions/{session_id}/events?payloads=true")["events"]
    call = next(one for one in events if one["event_type"] == "llms" and one["usage"])
    assert [call["usage"].get(name) for name in ("input", "cache_read", "output", "reasoning")] == [600, 400, 30, 20]
    assert float(call["cost"]) > 0
    (tool,) = (one for one in events if one["event_type"] == "tools")
    assert (tool["name"], tool["params"], tool["returns"]) == ("shell", {"command": ["ls"]}, "README.md")
    (error,) = (one for one in events if one["event_type"] == "errors")
    assert (error["details"], error["code"]) == ("boom", "500")


def test_a_file_of_log_records_imports_like_it_was_sent(tmp_path: Path) -> None:
    """The lines a collector's file exporter writes."""
    path = tmp_path / "logs.jsonl"
    path.write_text(json.dumps(claude("c")) + "\n" + json.dumps(codex("d")) + "\n")

    facts = [fact for piece in facts_of_file(path) for fact in piece.facts]

    assert {"c", "d"} == {fact.session_id for fact in facts}
    assert sum(isinstance(fact, EventFact) for fact in facts) == 14
