"""Fixtures that every room may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from agentops_otel.testing import ModelServer

settings.register_profile(  # a machine with other work to do is slow, and that fails no test; nor does chance in CI
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a job that a shell runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

_OURS = ("AGENTOPS_", "ANTHROPIC_", "GROQ_", "OTEL_", "OPENAI_")
for _name in [*os.environ]:  # what the developer's shell says must not reach the tests
    if _name.startswith(_OURS) or _name in (
        "TRACEPARENT",
        "BAGGAGE",
    ):
        del os.environ[_name]


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own failures are raised in tests, not logged."""
    monkeypatch.setenv("AGENTOPS_STRICT", "true")


@pytest.fixture(autouse=True)
def _no_session_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test starts joins no session that an earlier test of the same process has left in the environment."""
    for name in ("TRACEPARENT", "BAGGAGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the embedded store, for this test and the processes it starts."""
    folder = tmp_path / "agentops-home"
    monkeypatch.setenv("AGENTOPS_HOME", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """An offline model server of the test's own."""
    with ModelServer() as running:
        yield running
