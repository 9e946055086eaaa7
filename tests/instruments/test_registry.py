"""Patching waits for the import, leaves neighbours alone, and can be undone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import openai
import pytest
import wrapt
from openai.resources.chat.completions import AsyncCompletions, Completions
from opentelemetry.sdk.trace import TracerProvider

from agentops_otel.instruments import registry
from agentops_otel.instruments.openai import CHAT
from agentops_otel.instruments.registry import Installation, PointStatus, install
from agentops_otel.instruments.spec import Point, Provider
from agentops_otel.privacy import Policy
from agentops_otel.testing import ModelServer

from .conftest import Spans

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def ask(server: ModelServer) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
        client.chat.completions.create(model="m", messages=MESSAGES)


def status(installation: Installation, path: str) -> PointStatus:
    """What became of the first point with that path."""
    return next(point for provider in installation.status for point in provider.points if point.path == path)


def test_uninstall_restores_the_clients_own_functions(provider):
    """The very objects that were there before are there again; twice is no error."""
    before = Completions.create, AsyncCompletions.create
    installation = install(provider.get_tracer("test"))
    assert Completions.create is not before[0]
    installation.uninstall()
    installation.uninstall()
    assert (Completions.create, AsyncCompletions.create) == before


def test_installing_again_works(provider, server, spans):
    """Uninstalled and installed again, a call leaves one span."""
    for _ in range(2):
        installation = install(provider.get_tracer("test"))
        ask(server)
        installation.uninstall()
    ask(server)
    assert len(spans()) == 2


def test_second_installation_is_skipped(provider, server, spans, installed):
    """Two installations at once make one span a call, and the second says why."""
    second = install(provider.get_tracer("second"))
    ask(server)
    second.uninstall()
    assert len(spans()) == 1
    told = status(second, "Completions.create")
    assert (told.state, "agentops_otel" in told.reason) == ("skipped", True)
    assert (second.status[0].state, second.status[0].reason) == ("skipped", told.reason)


def neighbour(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


@pytest.mark.parametrize("module", ["ddtrace.contrib.internal.openai.patch", "sentry_sdk.integrations.openai"])
def test_library_that_is_wrapped_for_another_pipeline_is_watched(provider, server, spans, module):
    """What ddtrace or Sentry record goes to their own servers and never reaches us."""
    theirs = type(neighbour)(neighbour.__code__, {"__name__": module})
    original = Completions.create
    Completions.create = wrapt.FunctionWrapper(original, theirs)  # type: ignore[method-assign]
    try:
        installation = install(provider.get_tracer("test"))
        ask(server)
        installation.uninstall()
    finally:
        Completions.create = original  # type: ignore[method-assign]
    assert len(spans()) == 1


def test_library_that_a_neighbour_wraps_is_skipped(provider, server, spans):
    """OpenInference's wrapper is there already: the call is its to record."""
    theirs = type(neighbour)(neighbour.__code__, {"__name__": "openinference.instrumentation.openai"})
    original = Completions.create
    Completions.create = wrapt.FunctionWrapper(original, theirs)  # type: ignore[method-assign]
    try:
        installation = install(provider.get_tracer("test"))
        ask(server)
        installation.uninstall()
    finally:
        Completions.create = original  # type: ignore[method-assign]
    assert spans() == []
    assert status(installation, "Completions.create").state == "skipped"
    assert "openinference.instrumentation.openai" in installation.status[0].points[0].reason


def test_wrapper_that_others_wrapped_lets_calls_pass(provider, server, spans):
    """Where our wrapper cannot be taken out any more, it stays and is silent."""
    original = Completions.create
    try:
        installation = install(provider.get_tracer("test"))
        Completions.create = wrapt.FunctionWrapper(Completions.create, neighbour)  # type: ignore[method-assign]
        installation.uninstall()
        ask(server)
    finally:
        Completions.create = original  # type: ignore[method-assign]
    assert spans() == []


def test_point_that_the_version_lacks_is_told(provider):
    """A client that has moved on costs the point, not the program."""
    here = Provider(
        name="x",
        distribution="openai",
        tested=">=0",
        points=[
            Point("openai.resources.chat.completions", "Completions.gone", CHAT),
            Point("openai.resources.chat.completions", "Gone.create", CHAT),
            Point("openai.resources.never_imported", "Completions.create", CHAT),
        ],
    )
    installation = Installation(registry.Tower(provider.get_tracer("test"), Policy()))
    installation.add(here)
    installation.uninstall()
    assert [point.state for point in installation.status[0].points] == ["missing", "missing", "waiting"]


LATE = """
import json, sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from agentops_otel.instruments.registry import install

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
installation = install(provider.get_tracer("test"))
before = [name for name in ("openai", "httpx", "httpx2", "pydantic") if name in sys.modules]
states = [installation.status[0].state]
import openai
with openai.OpenAI(base_url=sys.argv[1], api_key="offline") as client:
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
states.append(installation.status[0].state)
print(json.dumps([before, states, [span.name for span in exporter.get_finished_spans()]]))
"""


def test_library_imported_later_is_patched_then(server):
    """Installing imports no client; importing the client later patches it."""
    ran = subprocess.run(
        [sys.executable, "-c", LATE, server.base_url], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [[], ["waiting", "active"], ["chat m"]]


def test_calls_of_a_session_use_its_tracer(server, spans: Spans, installed):
    """Outside of any session the tracer of the installation makes the span."""
    ask(server)
    assert [span.instrumentation_scope.name for span in spans()] == ["test"]


def test_every_named_provider_is_one(provider: TracerProvider):
    """Each name of the list is a module with a provider, and every one is told."""
    installation = install(provider.get_tracer("test"))
    installation.uninstall()
    assert len(registry.NAMES) == len(installation.status)
    assert all(status.points for status in installation.status)
