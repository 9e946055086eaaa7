"""The doctor, from outside and inside real programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracer
from tests.cli.conftest import db, home  # noqa: F401  fixtures

from agentops_otel.doctor import Finding, Report, report
from agentops_otel.instruments import registry
from agentops_otel.settings import Settings
from agentops_otel.sinks.otlp import otlp_destination
from agentops_otel.sinks.spool import Spool, destination_of
from agentops_otel.store import open_store


def about(topic: str, found: Report) -> list[tuple[str, str]]:
    return [(finding.status, finding.message) for finding in found.findings if finding.topic == topic]


def at(path: Path, environ: dict[str, str] | None = None, **given: Any) -> Report:
    return report(Settings().replace(db=str(path), **given), environ or {})


# --- the report ------------------------------------------------------------------------------------------------------

SAMPLE = Report(
    (
        Finding("store", "ok", "fine"),
        Finding("environment", "problem", "a long message that wraps", "do this and then that", {"n": 1}),
    )
)


def test_a_report_reads_as_paragraphs() -> None:
    """Status, topic and message; the remedy below, indented; a sum at the end."""
    assert SAMPLE.text(36) == (
        "ok       store: fine\n"
        "problem  environment: a long message\n"
        "         that wraps\n"
        "         → do this and then that\n"
        "\n"
        "1 problem found."
    )
    assert str(Report(())) == "\nNo problem found."


def test_a_report_is_json_for_programs() -> None:
    """Every finding with its detail, and the number of problems."""
    assert SAMPLE.to_json() == {
        "problems": 1,
        "findings": [
            {"topic": "store", "status": "ok", "message": "fine", "remedy": None, "detail": {}},
            {
                "topic": "environment",
                "status": "problem",
                "message": "a long message that wraps",
                "remedy": "do this and then that",
                "detail": {"n": 1},
            },
        ],
    }


# --- the store -------------------------------------------------------------------------------------------------------


def test_a_sound_store_is_told_with_its_size(db: Path) -> None:  # noqa: F811
    """Path, sessions, events, and that it was checked; models without a price are named."""
    found = at(db)
    [(status, message)] = about("store", found)
    assert (status, message.startswith(f"{db}: 3 sessions, 9 events, "), message.endswith(", sound")) == (
        "ok",
        True,
        True,
    )
    assert about("unpriced", found) == [
        ("note", "no price is known for no-such-model (1 call); the cost of their sessions is a lower bound")
    ]


def test_looking_makes_no_store(tmp_path: Path) -> None:
    """A store that is not there is fine, and still not there afterwards."""
    path = tmp_path / "new" / "agentops.db"
    assert about("store", at(path)) == [("ok", f"{path} is made by the first session")]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_a_problem(db: Path) -> None:  # noqa: F811
    """What SQLite finds wrong is told, with what to do."""
    store = open_store(db)
    pages = [b"\0" * 16384]
    store.close()
    with open(db, "r+b") as file:
        file.seek(16384 * 2)
        file.writelines(pages)
    [found] = [finding for finding in at(db).findings if finding.topic == "store"]
    assert (found.status, "damaged" in found.message or "malformed" in found.message) == ("problem", True)
    assert found.remedy is not None


def test_a_file_that_is_no_store_is_a_problem(tmp_path: Path) -> None:
    """With the remedy apart from the message."""
    path = tmp_path / "notes.txt"
    path.write_text("just notes" * 1000)
    [found] = [finding for finding in at(path).findings if finding.topic == "store"]
    assert (found.status, found.message) == ("problem", f"{path}: file is not a database")
    assert found.remedy == "move the file away (a new one is made), or restore a copy of it"


def test_a_store_that_others_can_read_is_noted(db: Path) -> None:  # noqa: F811
    """It holds prompts."""
    db.chmod(0o644)
    assert ("note", "other users may open agentops.db, and it holds prompts") in about("store", at(db))


# --- the environment -------------------------------------------------------------------------------------------------


def test_variables_are_explained_and_secrets_never_shown(tmp_path: Path) -> None:
    """A wrong value is a problem, a misspelt name a note; keys, headers and passwords do not appear anywhere."""
    environ = {
        "AGENTOPS_API_KEY": "very-secret",
        "AGENTOPS_API_ENDPOINT": "https://user:very-secret@example.com",
        "AGENTOPS_EXIT_TIMEOUT": "soon",
        "AGENTOPS_DEFAULT_TAG": "x",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=very-secret",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "100",
        "PATH": "/bin",
        "AGENTOPS_DB": "",
    }
    found = at(tmp_path / "x.db", environ)
    assert about("environment", found) == [
        ("ok", "AGENTOPS_API_ENDPOINT=https://example.com: Base URL of the server; session links point there."),
        ("ok", "AGENTOPS_API_KEY is set: Key of the project, a UUID. The embedded store needs none."),
        ("note", "AGENTOPS_DEFAULT_TAG is not an option of ours"),
        (
            "problem",
            "AGENTOPS_EXIT_TIMEOUT cannot be used, so the default is: exit_timeout='soon' is not a whole number, "
            "0 or more",
        ),
        ("note", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=100: cuts long attribute values, prompts too"),
        ("ok", "OTEL_EXPORTER_OTLP_HEADERS is set: sent by exporter=otlp with every request"),
    ]
    assert [one.remedy for one in found.findings if "DEFAULT_TAG " in one.message] == [
        "perhaps AGENTOPS_DEFAULT_TAGS is meant"
    ]
    assert "very-secret" not in json.dumps(found.to_json())


def test_a_switched_off_sdk_is_a_problem(tmp_path: Path) -> None:
    """Nothing would be recorded."""
    found = at(tmp_path / "x.db", {"OTEL_SDK_DISABLED": "true"})
    assert ("problem", "OTEL_SDK_DISABLED=true: no span is recorded at all") in about("provider", found)


def test_settings_that_record_less_are_noted(tmp_path: Path) -> None:
    """No calls, no content, no place to go."""
    found = at(tmp_path / "x.db", instrument_llm_calls=False, capture_content="none", exporter="none")
    assert about("instruments", found) == [
        ("note", "instrument_llm_calls=False: calls of model clients are not recorded")
    ]
    assert about("capture", found) == [
        ("ok", "no prompt, completion, argument or result is recorded (capture_content=none)")
    ]
    assert about("delivery", found) == [("note", "exporter=none: nothing is kept")]


def test_another_instrumentation_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is installed: the official one, OpenInference and OpenLLMetry of a client that we record; no other."""
    for name in (
        "opentelemetry-instrumentation-genai-openai",
        "opentelemetry_instrumentation_openai_v2",
        "openinference-instrumentation-openai",
        "opentelemetry-instrumentation-requests",
    ):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [found] = [one for one in at(tmp_path / "x.db").findings if one.topic == "double instrumentation"]
    assert (found.status, found.detail) == (
        "note",
        {
            "packages": [
                "openinference-instrumentation-openai 1.0",
                "opentelemetry-instrumentation-genai-openai 1.0",
                "opentelemetry-instrumentation-openai-v2 1.0",
            ]
        },
    )


def test_what_waits_for_a_server_is_told(tmp_path: Path) -> None:
    """Without a spool nothing waits, and none is made; with one, batches are counted for the server that is set."""
    found = at(tmp_path / "x.db", home=str(tmp_path), exporter="api")
    assert about("spool", found) == [("ok", "nothing waits to be sent")]
    assert about("spool", at(tmp_path / "x.db", home=str(tmp_path))) == [
        ("ok", "not used: exporter is neither api nor otlp")
    ]
    assert list(tmp_path.iterdir()) == []
    path, settings = tmp_path / "spool.db", Settings()
    spool = Spool(path, destination_of(settings.endpoint, settings.api_key))
    spool.put(b"facts")
    found = at(tmp_path / "x.db", home=str(tmp_path), exporter="api")
    assert about("spool", found) == [("note", f"1 batch of records for {settings.endpoint} wait in {path}")]
    full = Spool(path, destination_of(settings.endpoint, settings.api_key), max_bytes=5)
    full.put(b"facts")
    statuses = [status for status, _ in about("spool", at(tmp_path / "x.db", home=str(tmp_path)))]
    assert statuses == ["problem", "note"]
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    Spool(path, otlp_destination(collector)).put(b"spans")
    found = at(tmp_path / "x.db", collector, home=str(tmp_path), exporter="otlp")
    assert about("spool", found) == [("note", f"1 batch of records for otlp http://collector:4318 wait in {path}")]


def test_a_price_table_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """It would be left out when costs are computed."""
    table = tmp_path / "prices.json"
    table.write_text("{")
    statuses = [status for status, _ in about("prices", at(tmp_path / "x.db", prices=str(table)))]
    assert statuses == ["problem", "ok"]


def test_clients_are_imported_only_to_rehearse(tmp_path: Path) -> None:
    """In a program that does not record, nothing is imported or patched to answer a question."""
    code = """
import json, sys
import agentops_otel
found = agentops_otel.doctor.report(rehearse=len(sys.argv) > 1)
print(json.dumps(["openai" in sys.modules, [one.topic for one in found.findings if "instrument" in one.topic]]))
"""
    command, env = [sys.executable, "-c", code], {**os.environ, "AGENTOPS_HOME": str(tmp_path)}
    asked = [subprocess.run([*command, *more], capture_output=True, check=True, env=env) for more in ([], ["x"])]
    installation = registry.install(NoOpTracer())
    installation.uninstall()
    clients = [f"instrument {status.distribution}" for status in installation.status]
    assert [json.loads(one.stdout) for one in asked] == [
        [False, ["instruments", "double instrumentation"]],
        [True, [*clients, "double instrumentation"]],
    ]


# --- inside a program ------------------------------------------------------------------------------------------------


def inside(tmp_path: Path, before: str = "", after: str = "") -> Report:
    """What the doctor says in a program that starts a session between these lines."""
    program = f"""
import json, sys
import agentops_otel
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
{before}
session = agentops_otel.init(db={str(tmp_path / "live.db")!r})
import openai.resources.chat.completions
{after}
print(json.dumps(agentops_otel.doctor.report().to_json()))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    return Report(tuple(Finding(**one) for one in json.loads(ran.stdout)["findings"]))


def test_a_running_program_tells_its_provider_and_instruments(tmp_path: Path) -> None:
    """Ours is installed where there was none; spans that ended are counted; the client's methods are recorded."""
    found = inside(tmp_path, after="with trace.get_tracer('t').start_as_current_span('step'): pass")
    [(status, message)] = about("provider", found)
    assert (status, message.endswith("ours: installed: no tracer provider was set")) == ("ok", True)
    [processor] = [one for one in found.findings if one.topic == "processor"]
    assert (processor.status, processor.detail["seen"] >= 2) == ("ok", True)
    [openai] = [one for one in found.findings if one.topic == "instrument openai"]
    assert (openai.status, openai.detail["state"]) == ("ok", "active")
    assert "openai.resources.chat.completions.Completions.create" in openai.detail["active"]
    assert about("dropped", found) == [("ok", "no span of this process was dropped")]


def test_a_provider_that_samples_is_noted(tmp_path: Path) -> None:
    """Ours is beside it, and why is told."""
    sampled = """
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
trace.set_tracer_provider(TracerProvider(sampler=TraceIdRatioBased(0.1)))
"""
    [(status, message)] = about("provider", inside(tmp_path, before=sampled))
    assert (status, "TraceIdRatioBased{0.1}" in message, "private" in message) == ("note", True, True)


def test_a_processor_that_was_taken_out_is_a_problem(tmp_path: Path) -> None:
    """Spans do not reach us any more."""
    [(status, message)] = about(
        "processor", inside(tmp_path, after="trace.get_tracer_provider()._active_span_processor._span_processors = ()")
    )
    assert (status, message.startswith("our span processor was taken out")) == ("problem", True)


OTHER = """
import functools
def wrap():
    from openai.resources.chat.completions import Completions
    original = Completions.create
    @functools.wraps(original)
    def create(*args, **kwargs):
        return original(*args, **kwargs)
    Completions.create = create
"""


def test_another_wrapper_before_ours_is_noted_and_skipped(tmp_path: Path) -> None:
    """It records the call, so we do not."""
    (tmp_path / "openlit.py").write_text(OTHER)
    found = inside(tmp_path, before="sys.path.insert(0, ''); import openlit; openlit.wrap()")
    [(status, message)] = about("instrument openai", found)
    assert (status, message.endswith("Completions.create is already wrapped by openlit")) == ("note", True)


def test_another_wrapper_after_ours_is_a_problem(tmp_path: Path) -> None:
    """Both record the call."""
    (tmp_path / "openlit.py").write_text(OTHER)
    found = inside(tmp_path, after="sys.path.insert(0, ''); import openlit; openlit.wrap()")
    [(status, message)] = about("instrument openai", found)
    assert (status, message.endswith("calls are recorded twice, by us and openlit")) == ("problem", True)
