"""ignoring: the user's patterns leave out the spans of others, and sessions are left whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agentops_otel.conventions.ignoring import Ignored
from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.spans import AnyValue, FlatSpan
from agentops_otel.store import open_store
from agentops_otel.store.base import DEFAULT_PROJECT, SessionQuery

SQL, HTTP = "opentelemetry.instrumentation.sqlalchemy", "opentelemetry.instrumentation.asgi"


def span(name: str, scope: str = "", trace: str = "t", **attributes: AnyValue) -> FlatSpan:
    said = {key.replace("__", "."): value for key, value in attributes.items()}
    return FlatSpan(trace, name, name, 1, 2, attributes=said, scope_name=scope)


def kept(patterns: list[str], *spans: FlatSpan, in_sessions: bool = False) -> list[str]:
    return [one.name for one in Ignored(patterns, in_sessions=in_sessions).kept(spans)]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["sql", "health", "page", "plain"]),
        ([SQL], ["health", "page", "plain"]),
        (["opentelemetry.instrumentation.*"], ["plain"]),
        (["url.path=/health*"], ["sql", "page", "plain"]),
        (["http.response.status_code=20?"], ["sql", "page", "plain"]),
        (["sqlalchemy"], ["sql", "health", "page", "plain"]),
        (["url.path=/health*", "*sqlalchemy", "=x"], ["page", "plain"]),
    ],
)
def test_spans_are_left_out_by_scope_or_attribute(patterns: list[str], left: list[str]) -> None:
    """A pattern fits the whole name of a scope, or the whole value of an attribute."""
    spans = [
        span("sql", SQL),
        span("health", HTTP, url__path="/healthz", http__response__status_code=200),
        span("page", HTTP, url__path="/", http__response__status_code=500),
        span("plain"),
    ]
    assert kept(patterns, *spans) == left


def test_what_is_inside_a_session_stays_unless_told_otherwise() -> None:
    """A trace that names a session, or in which somebody speaks of models, is one."""
    spans = [
        *(span("sql", SQL), span("chat", "openai", gen_ai__operation__name="chat")),
        *(span("named", HTTP, "u", session__id="s"), span("below", SQL, "u")),
        span("elsewhere", SQL, "v"),
    ]
    assert kept(["opentelemetry.*"], *spans) == ["sql", "chat", "named", "below"]
    assert kept(["opentelemetry.*"], *spans, in_sessions=True) == ["chat"]


def test_the_root_of_a_session_always_stays() -> None:
    """And so do its markers: without them a session would have no end."""
    root = span("session", "agentops", agentops__span__kind="session")
    assert kept(["*"], root, span("x", "agentops"), in_sessions=True) == ["session"]


def test_an_exporter_stores_no_session_of_what_is_left_out(tmp_path: Path) -> None:
    """A trace of infrastructure only becomes nothing; one with a model call is stored whole."""
    exporter = AgentOpsSpanExporter(db=tmp_path / "a.db", ignore_spans="opentelemetry.instrumentation.*")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    web, models = provider.get_tracer(HTTP), provider.get_tracer("models")
    with web.start_as_current_span("GET /"):
        pass
    with web.start_as_current_span("POST /chat"), models.start_as_current_span("chat") as call:
        call.set_attribute("gen_ai.operation.name", "chat")
    provider.shutdown()
    store = open_store(tmp_path / "a.db")
    [session] = store.sessions(DEFAULT_PROJECT, SessionQuery()).items
    store.close()
    assert (session.statistics.llms, session.statistics.actions) == (1, 1)
