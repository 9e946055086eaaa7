"""Content capture switched off: a canary is in no attribute, event, link, exception, log or store."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentops_otel as agentops
from agentops_otel import runtime
from agentops_otel.records import Action, LLMCall
from agentops_otel.testing import ModelServer
from privacy.secrets import SECRETS
from server.running import Running
from sessions.conftest import Recorded, Run

CANARY = "canary-4f1c"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def sing(server: ModelServer) -> None:
    """Everything a program can do, with the canary wherever content can stand."""
    agentops.record(agentops.ActionEvent(params=CANARY, returns=[CANARY], logs=CANARY, screenshot=CANARY))
    agentops.record(agentops.LLMEvent(model="m", prompt=CANARY, completion=CANARY, prompt_tokens=3))
    agentops.record(agentops.ToolEvent(name="t", params={"q": CANARY}, returns=CANARY, logs=CANARY))
    agentops.record(agentops.ErrorEvent(exception=ValueError(CANARY), details=CANARY, logs=CANARY))
    with OpenAI(base_url=server.base_url, api_key="k") as client:
        message = {"role": "user", "content": CANARY}
        client.chat.completions.create(model="gpt-4o-mini", messages=[message], tools=[TOOL], temperature=0.5)
        list(client.chat.completions.create(model="gpt-4o-mini", messages=[message], stream=True))
        client.embeddings.create(model="text-embedding-3-small", input=CANARY)
        if hasattr(client, "responses"):
            client.responses.create(model="gpt-4o-mini", input=CANARY, instructions=CANARY)

    @agentops.record_tool
    def step(text: str) -> str:
        if text.startswith("fail"):
            raise KeyError(text)
        return text

    step(CANARY)
    with pytest.raises(KeyError):
        step(f"fail {CANARY}")
    with pytest.raises(KeyError), trace.get_tracer("app").start_as_current_span("manual") as span:
        span.set_attribute("gen_ai.input.messages", CANARY)
        raise KeyError(CANARY)


def record(server: ModelServer, mode: str, **options: Any) -> InMemorySpanExporter:
    session = agentops.init(capture_content=mode, **options)
    assert session is not None
    room, exporter = runtime.running(), InMemorySpanExporter()
    assert room is not None
    room.provider.add_span_processor(SimpleSpanProcessor(exporter))
    sing(server)
    with pytest.raises(ValueError), session:
        raise ValueError(CANARY)
    return exporter


def written(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_content_is_nowhere_when_it_is_not_captured(
    server: ModelServer, home: Path, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """What can be counted is recorded; what could be read is not, in our spans, our logs and our files."""
    exporter = record(server, "none")
    ours = [span.to_json() for span in exporter.get_finished_spans() if span.name != "manual"]
    assert not [span for span in ours if CANARY in span]
    assert CANARY not in caplog.text
    assert CANARY.encode() not in written(home)
    counts = recorded.session().statistics
    assert (counts.llms, counts.tools, counts.actions) == (4 + hasattr(OpenAI, "responses"), 3, 2)
    assert counts.prompt_tokens > 3
    assert recorded.session().end_state_reason == "ValueError"


def test_content_is_recorded_by_default(server: ModelServer, home: Path, recorded: Recorded) -> None:
    """The other way round: the canary of the test above does sing."""
    exporter = record(server, "full")
    assert any(CANARY in span.to_json() for span in exporter.get_finished_spans())
    assert CANARY.encode() in written(home)
    assert recorded.session().end_state_reason == f"ValueError: {CANARY}"


@pytest.mark.parametrize("kind", ["withheld", "replaced", "raising", "wrong"])
def test_a_function_of_the_user_is_asked_about_every_text(
    kind: str, server: ModelServer, home: Path, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """What it does not let pass is nowhere; one that raises withholds the text, breaks nothing and quotes nothing."""

    def redact(text: str) -> Any:
        if CANARY not in text:
            return text
        if kind == "raising":
            raise RuntimeError(text)
        return {"withheld": None, "replaced": text.replace(CANARY, "***"), "wrong": 7}[kind]

    exporter = record(server, "full", redact=redact)
    ours = [span.to_json() for span in exporter.get_finished_spans() if span.name != "manual"]
    assert not [span for span in ours if CANARY in span]
    assert CANARY not in caplog.text
    assert CANARY.encode() not in written(home)
    replaced = [event for event in recorded.events() if isinstance(event, Action) and event.params == "***"]
    assert bool(replaced) == (kind == "replaced")
    assert recorded.session().statistics.llms == 4 + hasattr(OpenAI, "responses")


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_nowhere_when_content_is_redacted(
    secret: str, server: ModelServer, home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in every place where content can stand, also in spans of others; what is around it is kept."""
    monkeypatch.setattr("sessions.test_capture.CANARY", f"see\n{secret} there")
    exporter = record(server, "redacted")
    ours = [span.to_json() for span in exporter.get_finished_spans() if span.name != "manual"]
    assert not [span for span in ours if secret in span]
    assert secret not in caplog.text
    assert secret.encode() not in written(home)
    assert b"there" in written(home)


def test_texts_are_cut_at_the_configured_length_and_the_session_tells(server: ModelServer, recorded: Recorded) -> None:
    """With a mark that says how long the whole was."""
    session = agentops.init(max_text=100)
    assert session is not None
    with OpenAI(base_url=server.base_url, api_key="k") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x" * 1000}])
    agentops.record(agentops.ActionEvent(params="y" * 1000))
    session.end_session("Success")
    call, action = sorted(recorded.events(), key=lambda event: event.event_type, reverse=True)
    assert isinstance(call, LLMCall)
    assert call.prompt == [{"role": "user", "parts": [{"type": "text", "content": "x" * 100 + "… [1000 characters]"}]}]
    assert action.params == "y" * 100 + "… [1000 characters]"
    assert recorded.session().statistics.truncated == 2


def test_images_are_kept_by_digest_above_a_size(server: ModelServer, recorded: Recorded) -> None:
    """Inline up to `max_inline` bytes; beyond it size, SHA-256 and media type tell which it was."""
    session = agentops.init(max_inline=64)
    assert session is not None
    small, large = bytes(64), bytes(65)

    def part(data: bytes) -> Any:
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"}}

    with OpenAI(base_url=server.base_url, api_key="k") as client:
        messages: Any = [{"role": "user", "content": [part(small), part(large)]}]
        client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    session.end_session("Success")
    (call,) = recorded.events()
    assert isinstance(call, LLMCall)
    about = {"type": "blob", "modality": "image", "mime_type": "image/png"}
    assert call.prompt == [
        {
            "role": "user",
            "parts": [
                {**about, "content": base64.b64encode(small).decode()},
                {**about, "size": 65, "sha256": hashlib.sha256(large).hexdigest()},
            ],
        }
    ]


FOREIGN = """
import sys, agentops_otel as agentops
from opentelemetry.trace import Link, get_tracer, get_current_span
text = sys.argv[1]
session = agentops.init(instrument_llm_calls=False)
agentops.record(agentops.ActionEvent(action_type="ours", params=text))
links = [Link(session.root, {"said": text, "n": 1})]
with get_tracer("another.instrumentor").start_as_current_span("chat gpt-4o", links=links) as span:
    span.set_attributes({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2, "gen_ai.input.messages": '[{"role": "user", "content": "' + text + '"}]',
        "llm.invocation_parameters": '{"stop": "' + text + '"}', "their.own": text, "their.list": [text], "flag": True,
    })
    span.add_event("note", {"said": text})
    span.record_exception(ValueError(text))
    agentops.record(agentops.ErrorEvent(exception=ValueError(text)))
try:
    with get_tracer("another.instrumentor").start_as_current_span("step"):
        raise KeyError(text)
except KeyError:
    pass
print(agentops.end_session("Success"))
"""


@pytest.mark.parametrize("mode", ["none", "redacted"])
def test_spans_of_others_leave_by_our_otlp_exporter_as_the_policy_says(
    mode: str, run: Run, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is in nothing that the server was sent, the disk was given or the program wrote; the numbers are."""
    secret = SECRETS[0]
    with Running(tmp_path) as bridge:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", bridge.url)
        monkeypatch.setenv("AGENTOPS_EXPORTER", "otlp")
        monkeypatch.setenv("AGENTOPS_EXIT_TIMEOUT", "30000")
        monkeypatch.setenv("AGENTOPS_CAPTURE_CONTENT", mode)
        done = run(FOREIGN, secret)
        assert done.stderr == ""
        (session,) = bridge.get("/v2/sessions")["sessions"]
        path = f"/v2/sessions/{session['session_id']}"
        events = {event["name"]: event for event in bridge.get(f"{path}/events")["events"]}
    assert secret not in done.stdout + done.stderr
    assert secret.encode() not in written(home) + written(tmp_path)
    call = events["chat gpt-4o"]
    assert (call["model"], call["usage"]["input"], call["usage"]["output"]) == ("gpt-4o", 7, 2)
    assert sorted(events) == ["KeyError", "ValueError", "chat gpt-4o", "ours", "step"]
    assert ("[redacted:api_key]" in str(call)) is (mode == "redacted")


PROGRAM = """
import sys
import agentops_otel as agentops
from openai import OpenAI
session = agentops.init(exporter=["store", "api"], endpoint="http://127.0.0.1:9", api_key=None)
with OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0) as client:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": sys.argv[2]}])
    try:
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": sys.argv[2]}])
    except Exception:
        pass
    agentops.record(agentops.ToolEvent(name="t", params={"q": sys.argv[2]}, returns=sys.argv[2]))
raise SystemExit(1)
"""


@pytest.mark.parametrize(
    "variables",
    [
        {"AGENTOPS_CAPTURE_CONTENT": "none"},
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false"},
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"},
        {"AGENTOPS_REDACT": "no_such_module:function"},
    ],
    ids=lambda variables: "=".join(*variables.items()),
)
def test_a_canary_is_in_no_file_and_no_output_of_a_program(
    variables: dict[str, str], server: ModelServer, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store, write-ahead log, spool of a server that cannot be reached, stderr; also where the settings are broken."""
    for name, value in {**variables, "AGENTOPS_STRICT": ""}.items():
        monkeypatch.setenv(name, value)
    done = run(PROGRAM, server.base_url, CANARY, expect=1)
    assert CANARY not in done.stdout + done.stderr
    assert CANARY.encode() not in written(home)
    assert {"agentops.db", "spool.db"} <= {path.name for path in home.iterdir()}
