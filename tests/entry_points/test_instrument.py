"""`opentelemetry-instrument` with unchanged programs, into the store and over OTLP."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.entry_points.conftest import PROGRAM, Run

from agentops_otel.store import open_store
from agentops_otel.store.base import SessionQuery, Store
from agentops_otel.testing import ModelServer, Reply, Tokens

QUIET = "# nothing\n"


class Collector:
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        taken = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def environ(self) -> dict[str, str]:
        """What leads an exporter here."""
        return {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
        }

    def spans(self) -> list[tuple[str, str | None]]:
        """Name and session of every span, markers left out, in the order of their ends."""
        spans = [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        keyed = [
            (one.name, next((a.value.string_value for a in one.attributes if a.key == "agentops.session.id"), None))
            for one in spans
        ]
        return [one for one in keyed if one[0] != "session.marker"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver of OTLP of this test's own."""
    running = Collector()
    yield running
    running.close()


def recorded(store: Store) -> list[tuple[str, str | None, int, int]]:
    """State, reason, model calls and events of every session."""
    found = [store.session("default", one.session_id) for one in store.sessions("default", SessionQuery()).items]
    return [
        (one.end_state, one.end_state_reason, one.statistics.llms, one.statistics.events)
        for one in found
        if one is not None
    ]


def test_a_run_is_one_session_in_the_store(instrumented: Run, store: Store) -> None:
    """Two calls of an unchanged program, its output and nothing on stderr."""
    done = instrumented(OTEL_TRACES_EXPORTER="agentops")
    assert (done.stdout, done.stderr) == ("done\n", "")
    ((state, _, llms, events),) = recorded(store)
    assert (state, llms, events) == ("Indeterminate", 2, 2)


def test_a_run_goes_to_a_collector_and_nowhere_else(instrumented: Run, collector: Collector, home: Path) -> None:
    """Every span carries the session; no store is made."""
    instrumented(OTEL_TRACES_EXPORTER="otlp", **collector.environ)
    spans = collector.spans()
    assert [name for name, _ in spans] == ["chat gpt-4o-mini", "chat gpt-4o-mini", "session"]
    assert len({session for _, session in spans} - {None}) == 1
    assert not home.exists()


def test_a_run_goes_to_both(instrumented: Run, collector: Collector, store: Store) -> None:
    """The same session, once in each."""
    instrumented(OTEL_TRACES_EXPORTER="otlp,agentops", **collector.environ)
    (session,) = store.sessions("default", SessionQuery()).items
    assert [row[2:] for row in recorded(store)] == [(2, 2)]
    assert {key for _, key in collector.spans()} == {session.session_id}


def test_each_trace_is_a_session_if_so_configured(instrumented: Run, store: Store) -> None:
    """As a server has it."""
    instrumented(OTEL_TRACES_EXPORTER="agentops", AGENTOPS_SESSION_SCOPE="trace")
    assert [row[2:] for row in recorded(store)] == [(1, 1), (1, 1)]


def test_our_options_are_options_of_the_tool(instrumented: Run, tmp_path: Path) -> None:
    """On the command line; they win over the environment."""
    path = tmp_path / "elsewhere.db"
    instrumented(
        QUIET, "--traces_exporter", "agentops", "--agentops_db", str(path), "--agentops_default_tags", "nightly"
    )
    store = open_store(path)
    assert [one.tags for one in store.sessions("default", SessionQuery()).items] == [("nightly",)]
    store.close()


@pytest.mark.parametrize(
    ("disabled", "sessions"),
    [("agentops_openai", [(0, 0)]), ("agentops_session", [(1, 1), (1, 1)]), ("agentops_openai,agentops_session", [])],
)
def test_instrumentors_can_be_disabled(
    instrumented: Run, store: Store, disabled: str, sessions: list[tuple[int, int]]
) -> None:
    """One by one, or several."""
    instrumented(OTEL_TRACES_EXPORTER="agentops", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled)
    assert [row[2:] for row in recorded(store)] == sessions


def test_a_disabled_sdk_records_nothing(instrumented: Run, home: Path) -> None:
    """The program runs as ever; no file is made."""
    done = instrumented(OTEL_TRACES_EXPORTER="agentops", OTEL_SDK_DISABLED="true")
    assert (done.stdout, home.exists()) == ("done\n", False)


def test_a_wrong_environment_never_stops_the_program(instrumented: Run, tmp_path: Path) -> None:
    """A store that cannot be made is a warning."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")
    done = instrumented(OTEL_TRACES_EXPORTER="agentops", AGENTOPS_HOME=str(blocked / "home"))
    assert done.stdout == "done\n"
    assert str(blocked) in done.stderr


def test_the_session_of_a_program_that_fails_is_a_failure(instrumented: Run, store: Store) -> None:
    """By its uncaught exception."""
    instrumented("raise ValueError('boom')", expect=1, OTEL_TRACES_EXPORTER="agentops")
    assert [row[:2] for row in recorded(store)] == [("Failure", "ValueError: boom")]


@pytest.mark.parametrize("exporter", ["agentops", "otlp", "otlp,agentops"])
def test_a_budget_stops_a_program_that_knows_nothing_of_it(
    instrumented: Run, collector: Collector, server: ModelServer, exporter: str
) -> None:
    """Before the call that would go beyond it, wherever the spans go; the program fails as by any exception."""
    server.script(Reply(tokens=Tokens(1000, 100)))
    where = {"OTEL_TRACES_EXPORTER": exporter, **collector.environ}
    done = instrumented(expect=1, AGENTOPS_MAX_COST="0.00021", **where)
    assert done.stderr.splitlines()[-1].startswith("agentops_otel.errors.BudgetExceeded: the model call was not made")
    assert len(server.requests) == 1


def test_a_signal_loses_nothing(instrumented: Run, store: Store) -> None:
    """What the provider had queued is delivered before the program dies of the signal."""
    program = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)"
    patient = {"AGENTOPS_EXIT_TIMEOUT": "30000"}
    instrumented(program, expect=-signal.SIGTERM, OTEL_TRACES_EXPORTER="agentops", **patient)
    assert [row[:2] for row in recorded(store)] == [("Failure", "Signal SIGTERM detected")]


def test_a_sampler_of_the_host_decides(instrumented: Run, home: Path) -> None:
    """What it drops is not exported beside it."""
    instrumented(OTEL_TRACES_EXPORTER="agentops", OTEL_TRACES_SAMPLER="always_off")
    assert not home.exists()


def test_the_programs_own_init_adds_its_tags(instrumented: Run, store: Store) -> None:
    """It gets the session that goes on; options that come too late are named."""
    program = """
import agentops_otel as agentops
agentops.init(tags=["mine"], db="/elsewhere.db")
agentops.end_session("Success")
"""
    done = instrumented(program, OTEL_TRACES_EXPORTER="agentops")
    (session,) = store.sessions("default", SessionQuery()).items
    assert (session.tags, session.end_state) == (("mine",), "Success")
    assert "init(db=…) is too late: the program is recorded from its start; set AGENTOPS_DB" in done.stderr


VISIBLE = """
import os, time
from agentops_otel.store import open_store
from agentops_otel.store.base import SessionQuery

store = open_store(os.environ["AGENTOPS_HOME"] + "/agentops.db")
while not store.sessions("default", SessionQuery()).items:
    time.sleep(0.01)
"""


def test_a_session_is_in_the_store_while_the_program_runs(instrumented: Run) -> None:
    """However long the host's pipeline keeps its spans."""
    instrumented(VISIBLE, OTEL_TRACES_EXPORTER="agentops", OTEL_BSP_SCHEDULE_DELAY="600000")


ENDING = """
import agentops_otel as agentops
cost = agentops.end_session("Success")
print(cost, float(cost) > 0)
"""


def test_a_program_that_ends_its_session_is_told_the_cost(instrumented: Run, store: Store) -> None:
    """As under `init`; nothing waits for the host's pipeline."""
    done = instrumented(PROGRAM + ENDING, OTEL_TRACES_EXPORTER="agentops", OTEL_BSP_SCHEDULE_DELAY="600000")
    (session,) = store.sessions("default", SessionQuery()).items
    assert done.stdout == f"done\n{session.statistics.cost:f} True\n"
    assert [row[::2] for row in recorded(store)] == [("Success", 2)]


def test_a_program_that_calls_init_is_told_the_cost_without_a_store(
    instrumented: Run, collector: Collector, home: Path
) -> None:
    """Also where only others export."""
    program = f"import agentops_otel\nagentops_otel.init()\n{PROGRAM}{ENDING}"
    done = instrumented(program, OTEL_TRACES_EXPORTER="otlp", **collector.environ)
    assert done.stdout.endswith(" True\n")
    assert not home.exists()


def test_a_program_that_does_nothing_sends_nothing(instrumented: Run, collector: Collector) -> None:
    """Where the spans go to others, a session is told of with its first span."""
    instrumented(QUIET, OTEL_TRACES_EXPORTER="otlp", **collector.environ)
    assert collector.requests == []


def test_a_program_that_only_fails_is_told_of(instrumented: Run, collector: Collector) -> None:
    """An uncaught exception is a span."""
    instrumented("raise ValueError('boom')", expect=1, OTEL_TRACES_EXPORTER="otlp", **collector.environ)
    assert [name for name, _ in collector.spans()] == ["ValueError", "session"]


def test_the_start_imports_nothing_that_wraps_reads_or_stores(instrumented: Run) -> None:
    """Clients are wrapped when the program imports one, and what reads spans is imported when there are some."""
    done = instrumented("import sys; print(*sys.modules)", OTEL_TRACES_EXPORTER="none")
    rooms = ("records", "facts", "spans", "export", "translate", "instruments.registry", "instruments.driver")
    clients = {"openai", "anthropic", "groq"}
    assert set() == {*(f"agentops_otel.{room}" for room in rooms), *clients} & set(done.stdout.split())


CONFIGURATION = """
file_format: "1.0-rc.1"
tracer_provider:
  processors:
    - batch:
        exporter:
          agentops:
            db: {db}
"""


def test_a_declarative_file_gives_options(instrumented: Run, tmp_path: Path) -> None:
    """The exporter takes those of docs/configuration.md as its keywords."""
    pytest.importorskip("opentelemetry.configuration", reason="opentelemetry-configuration is not installed")
    path = tmp_path / "otel.yaml"
    path.write_text(CONFIGURATION.format(db=tmp_path / "declared.db"))
    instrumented(OTEL_CONFIG_FILE=str(path))
    store = open_store(tmp_path / "declared.db")
    assert [row[2:] for row in recorded(store)] == [(2, 2)]
    store.close()
