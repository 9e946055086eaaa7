"""Fixtures that every room may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentops_otel.testing import ModelServer


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own failures are raised in tests, not logged."""
    monkeypatch.setenv("AGENTOPS_STRICT", "true")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """An offline model server of the test's own."""
    with ModelServer() as running:
        yield running
