"""Runs the conformance suite for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.store import open_store
from agentops_otel.store.base import Store
from agentops_otel.testing import MemoryStore

from .conformance import *  # noqa: F403


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Opens an empty store of each backend with the given options."""
    opened: list[Store] = []

    def open_one(**options: Any) -> Store:
        path = "memory:" if request.param == "memory" else tmp_path / f"{len(opened)}.db"
        opened.append(open_store(path, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def test_the_memory_store_is_public_in_testing() -> None:
    """Tests of other programs get it where the other tools for tests are."""
    assert MemoryStore is type(open_store("memory:"))
