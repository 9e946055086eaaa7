"""The instrumentors: found by their entry points, put in and taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from tests.entry_points.conftest import declared

from agentops_otel import environment_variables, runtime
from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.facts import EventFact, Fact
from agentops_otel.instruments import registry
from agentops_otel.settings import OPTIONS
from agentops_otel.testing import ModelServer

pytest.importorskip("opentelemetry.instrumentation.instrumentor", reason="opentelemetry-instrumentation is missing")

from agentops_otel import distro


def entry_point(group: str, name: str) -> Any:
    """The object that an entry point of pyproject.toml names."""
    module, _, path = declared()[group][name].partition(":")
    found = import_module(module)
    for step in path.split(".") if path else []:
        found = getattr(found, step)
    return found


@pytest.fixture
def exported() -> InMemorySpanExporter:
    """What the host's provider exported."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(exported: InMemorySpanExporter) -> Iterator[TracerProvider]:
    """The host's provider."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exported))
    yield made
    runtime.stop()
    made.shutdown()


def ask(server: ModelServer) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])


def test_every_provider_has_an_instrumentor_of_its_own_name() -> None:
    """The entry points are the registry and the session."""
    group = "opentelemetry_instrumentor"
    assert {"agentops_session", *(f"agentops_{name}" for name in registry.NAMES)} == set(declared()[group])
    libraries = {name: entry_point(group, f"agentops_{name}").library for name in registry.NAMES}
    assert libraries == {name: name for name in registry.NAMES}


def test_the_exporter_is_found_and_needs_no_arguments() -> None:
    """Constructing it does no I/O."""
    assert type(entry_point("opentelemetry_traces_exporter", "agentops")()) is AgentOpsSpanExporter


def test_every_option_but_secrets_is_one_of_the_tool() -> None:
    """As variables that begin with OTEL_."""
    assert entry_point("opentelemetry_environment_variables", "agentops_otel") is environment_variables
    names = {name for name in dir(environment_variables) if name.startswith("OTEL_")}
    expected = {f"OTEL_PYTHON_{one.metadata['env']}" for one in OPTIONS.values()}
    assert expected - names == {"OTEL_PYTHON_AGENTOPS_API_KEY", "OTEL_PYTHON_AGENTOPS_PARENT_KEY"}
    assert names <= expected


def test_a_library_is_recorded_until_its_instrumentor_is_taken_out(
    provider: TracerProvider, exported: InMemorySpanExporter, server: ModelServer
) -> None:
    """And again when it is put in again."""
    instrumentor = distro.libraries.openai()
    for _ in range(2):
        instrumentor.instrument(tracer_provider=provider)
        ask(server)
        instrumentor.uninstrument()
        ask(server)
    assert [span.name for span in exported.get_finished_spans()] == ["chat m", "chat m"]


def test_a_session_lasts_until_its_instrumentor_is_taken_out(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    """Spans of the host are stamped meanwhile, put in again it is another session."""
    instrumentor, tracer = distro.SessionInstrumentor(), provider.get_tracer("host")
    keys: list[Any] = []
    for _ in range(2):
        for act in (lambda: instrumentor.instrument(tracer_provider=provider), instrumentor.uninstrument):
            act()
            tracer.start_span("step").end()
            steps = [span for span in exported.get_finished_spans() if span.name == "step"]
            keys.append((steps[-1].attributes or {}).get("agentops.session.id"))
    assert [key is None for key in keys] == [False, True, False, True]
    assert keys[0] != keys[2]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_runtime_of_the_programs_own_is_left_alone(provider: TracerProvider) -> None:
    """Taking the instrumentor out does not end what the program has started."""
    own = runtime.start(runtime.Settings(exporter=("none",)), provider=provider)
    instrumentor = distro.SessionInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    instrumentor.uninstrument()
    assert runtime.running() is own


def test_what_fails_in_an_instrumentor_is_logged(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It never reaches the tool, which would leave out all that comes after."""
    monkeypatch.setenv("AGENTOPS_STRICT", "")
    distro.SessionInstrumentor().instrument(tracer_provider=provider, max_wait_time="soon")
    distro.SessionInstrumentor().uninstrument()
    assert caplog.messages == [
        "starting the session of this program failed: max_wait_time='soon' is not a whole number, 0 or more"
    ]
    assert runtime.running() is None


class Facts:
    """A sink that keeps what it took."""

    def __init__(self) -> None:
        self.taken: list[Fact] = []

    def append(self, facts: Sequence[Fact]) -> None:
        self.taken += facts

    def events(self) -> list[str | None]:
        """The names of the events."""
        return [fact.event.name for fact in self.taken if isinstance(fact, EventFact)]

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close."""


@contextmanager
def pipeline(sink: Facts, sampler: Sampler = ALWAYS_ON) -> Iterator[TracerProvider]:
    """A provider of the host with our exporter behind a BatchSpanProcessor, and our instrumentor beside it."""
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(AgentOpsSpanExporter(sink)))
    instrumentor = distro.SessionInstrumentor()
    instrumentor.instrument(tracer_provider=made)
    try:
        yield made
    finally:
        instrumentor.uninstrument()
        made.shutdown()


def test_our_exporter_in_the_hosts_pipeline_gets_each_span_once() -> None:
    """By the shorter way; what was never in a session comes by the pipeline."""
    sink = Facts()
    with pipeline(sink) as provider:
        provider.get_tracer("host").start_span("inside").end()
        running = runtime.running()
        assert running is not None
        running.flush(10)
        assert sink.events() == ["inside"]
        runtime.stop()
        provider.get_tracer("host").start_span("outside").end()
        provider.force_flush()
    assert sink.events() == ["inside", "outside"]


class RecordOnly(Sampler):
    """Spans are recorded and not sampled."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "RecordOnly"


def test_the_shorter_way_exports_no_span_that_the_host_did_not_sample() -> None:
    """The host's sampler decides, as it does for the pipeline."""
    sink = Facts()
    with pipeline(sink, RecordOnly()) as provider:
        provider.get_tracer("host").start_span("inside").end()
    assert sink.taken == []


def test_a_client_that_nobody_knows_has_no_instrumentor() -> None:
    """A typing error is told at once."""
    with pytest.raises(AttributeError, match="opnai"):
        _ = distro.libraries.opnai
