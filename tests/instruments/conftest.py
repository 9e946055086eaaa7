"""An installation on a plain SDK provider, and the spans that it made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops_otel.instruments.registry import Installation, install

Spans = Callable[[], list[ReadableSpan]]


@pytest.fixture
def provider() -> TracerProvider:
    """A provider that keeps its finished spans in memory."""
    return TracerProvider()


@pytest.fixture
def spans(provider: TracerProvider) -> Spans:
    """The finished spans so far."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return lambda: list(exporter.get_finished_spans())


@pytest.fixture
def installed(provider: TracerProvider, spans: Spans) -> Iterator[Installation]:
    """Every provider is watched, content captured."""
    installation = install(provider.get_tracer("test"))
    yield installation
    installation.uninstall()
