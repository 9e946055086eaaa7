"""The official OpenTelemetry Collector with the files of collector-config/: SDK -> collector -> server -> REST."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import StatusCode, Tracer

from server.environments import cache
from server.running import Running

pytestmark = pytest.mark.collector

CONFIGS = Path(__file__).parents[2] / "collector-config"
VERSION = "0.160.0"
FILES = ["agent", "gateway", "gateway-tail-sampling", "filter-agent-spans", "fan-out", "load-balancing"]


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The collector that `make otelcol` builds. Without it these tests are skipped, except where CI must have it."""
    path = cache() / f"otelcol-{VERSION}" / "otelcol"
    if not path.exists():
        reason = f"there is no collector at {path}; run `make otelcol`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def eventually(claim: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Whether something becomes true in time: other processes have no event to wait on."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.1)
    return claim()


class Collector:
    """A collector process with one of our files; ends with the block."""

    def __init__(self, binary: Path, config: str, folder: Path, **environ: str) -> None:
        queue = folder / "queue"
        queue.mkdir(exist_ok=True)
        self.grpc, self.http, health = (f"127.0.0.1:{free_port()}" for _ in range(3))
        listen = {"OTLP_GRPC": self.grpc, "OTLP_HTTP": self.http, "HEALTH": health, "QUEUE_DIR": str(queue)}
        self.environ = os.environ | listen | environ
        self.command = [str(binary), f"--config={CONFIGS / config}.yaml"]
        self.log, self.health = folder / f"{config}.log", f"http://{health}/"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Collector:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environ, stdout=log, stderr=log)
        assert eventually(self._is_up, 30), self.log.read_text()
        return self

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(self.health, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> Collector:
        return self.start()

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


class Program:
    """An instrumented program that sends to a collector."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("program")

    def session(self, steps: int = 1) -> str:
        """A session of its own id: a root and steps, over two traces."""
        session_id = str(uuid.uuid4())
        for half in range(2):
            with self.tracer.start_as_current_span("root", attributes={"agentops.session.id": session_id}):
                for n in range(steps):
                    name, stamp = f"step {half}.{n}", {"agentops.session.id": session_id}
                    self.tracer.start_span(name, attributes=stamp).end()
        return session_id

    def finish(self) -> None:
        self.provider.shutdown()


def over_http(collector: Collector) -> Program:
    return Program(HttpExporter(f"http://{collector.http}/v1/traces"))


def over_grpc(collector: Collector) -> Program:
    return Program(GrpcExporter(f"http://{collector.grpc}", insecure=True))


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    with running:
        yield running


def actions(running: Running, session_id: str) -> int:
    answer = running.ask("GET", f"/v2/sessions/{session_id}/stats")
    return int(answer.json["actions"]) if answer.status == 200 else 0


@pytest.mark.parametrize("config", FILES)
def test_every_file_is_valid(otelcol: Path, config: str, tmp_path: Path) -> None:
    """The collector itself says so."""
    environ = os.environ | {"QUEUE_DIR": str(tmp_path)}
    command = [str(otelcol), "validate", f"--config={CONFIGS / config}.yaml"]

    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_is_tested() -> None:
    """No YAML for a collector lies there unproven."""
    known = {path.stem for path in CONFIGS.glob("*.yaml")} - {"builder", "compose"}

    assert set(FILES) == known


@pytest.mark.parametrize("program_of", [over_http, over_grpc])
@pytest.mark.parametrize("config", ["agent", "gateway"])
def test_spans_arrive_through_a_collector(
    otelcol: Path, bridge: Running, tmp_path: Path, config: str, program_of: Callable[[Collector], Program]
) -> None:
    """Over HTTP and gRPC, with a key that the collector adds."""
    key = bridge.keys.create_key("collected")
    with Collector(otelcol, config, tmp_path, AGENTOPS_SERVER=bridge.url, AGENTOPS_API_KEY=key) as collector:
        program = program_of(collector)
        session_id = program.session(steps=3)
        program.finish()

        path = f"/v2/sessions/{session_id}"
        assert eventually(lambda: bridge.ask("GET", path, key=key).status == 200)
        assert eventually(lambda: bridge.get(path, key=key)["statistics"]["actions"] == 8)


def test_a_server_that_was_away_misses_nothing(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """Down for 20 seconds while a program sends: every span is there afterwards, and none twice."""
    with Collector(otelcol, "agent", tmp_path, AGENTOPS_SERVER=bridge.url) as collector:
        program = over_http(collector)
        sessions = [program.session(steps=100)]
        program.provider.force_flush()
        assert eventually(lambda: actions(bridge, sessions[0]) == 202)
        bridge.kill()
        away_until = time.monotonic() + 20
        sessions.append(program.session(steps=400))
        program.finish()
        time.sleep(max(0.0, away_until - time.monotonic()))
        bridge.start()

        assert eventually(lambda: actions(bridge, sessions[1]) == 802)
    assert [actions(bridge, session_id) for session_id in sessions] == [202, 802]


def test_a_killed_collector_keeps_its_queue(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """kill -9 while the server is away: what the collector took is delivered by the one that comes after."""
    bridge.kill()
    collector = Collector(otelcol, "agent", tmp_path, AGENTOPS_SERVER=bridge.url).start()
    program = over_http(collector)
    session_id = program.session(steps=100)
    program.finish()
    collector.kill()
    bridge.start()
    before = actions(bridge, session_id)

    with collector:
        assert eventually(lambda: actions(bridge, session_id) == 202)
    assert before == 0


def test_tail_sampling_keeps_sessions_whole_and_errors(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """A share of 0 % of the rest: sessions and failed traces arrive, plain ones do not."""
    settings = {"AGENTOPS_SERVER": bridge.url, "DECISION_WAIT": "1s", "SHARE_PERCENT": "0"}
    with Collector(otelcol, "gateway-tail-sampling", tmp_path, **settings) as collector:
        program = over_http(collector)
        session_id = program.session(steps=5)
        with program.tracer.start_as_current_span("plain") as plain:
            pass
        with program.tracer.start_as_current_span("failed") as failed:
            failed.set_status(StatusCode.ERROR)
        program.finish()

        trace_ids = [str(uuid.UUID(int=span.get_span_context().trace_id)) for span in (plain, failed)]
        assert eventually(lambda: actions(bridge, session_id) == 12 and actions(bridge, trace_ids[1]) == 1)
    assert [actions(bridge, trace_id) for trace_id in trace_ids] == [0, 1]


def test_the_filter_forwards_agent_spans_only(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """A database span stays behind, a model call and a session pass."""
    with Collector(otelcol, "filter-agent-spans", tmp_path, AGENTOPS_SERVER=bridge.url) as collector:
        program = over_http(collector)
        traces = []
        for attributes in ({"db.system": "sqlite"}, {"gen_ai.operation.name": "chat"}):
            span = program.tracer.start_span("span", attributes=attributes)
            span.end()
            traces.append(str(uuid.UUID(int=span.get_span_context().trace_id)))
        session_id = program.session()
        program.finish()

        assert eventually(lambda: actions(bridge, session_id) == 4)
    assert [bridge.ask("GET", f"/v2/sessions/{trace_id}").status for trace_id in traces] == [404, 200]


def test_fan_out_reaches_both(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """A second OTLP backend stands in for Jaeger or Tempo, which take the same protocol."""
    (tmp_path / "other").mkdir()
    with Running(tmp_path / "other") as other:
        backend = {"TRACING_BACKEND": f"127.0.0.1:{other.grpc_port}"}
        with Collector(otelcol, "fan-out", tmp_path, AGENTOPS_SERVER=bridge.url, **backend) as collector:
            program = over_grpc(collector)
            session_id = program.session(steps=2)
            program.finish()

            assert eventually(lambda: [actions(one, session_id) for one in (bridge, other)] == [6, 6])


def test_load_balancing_keeps_a_session_on_one_server(otelcol: Path, bridge: Running, tmp_path: Path) -> None:
    """Of many sessions each is on one of two servers, whole, and both servers have some."""
    (tmp_path / "other").mkdir()
    with Running(tmp_path / "other") as other:
        servers = {"SERVER_A": f"127.0.0.1:{bridge.grpc_port}", "SERVER_B": f"127.0.0.1:{other.grpc_port}"}
        with Collector(otelcol, "load-balancing", tmp_path, **servers) as collector:
            program = over_http(collector)
            sessions = [program.session(steps=2) for _ in range(20)]
            program.finish()

            def found() -> list[tuple[int, int]]:
                return [(actions(bridge, one), actions(other, one)) for one in sessions]

            assert eventually(lambda: all(sum(pair) == 6 for pair in found()))
        assert {(0, 6), (6, 0)} == set(found())
