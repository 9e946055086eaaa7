"""Runs the conformance suite for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.facts import Fact
from agentops_otel.store import open_store
from agentops_otel.store.base import Appended, Store
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.testing import MemoryStore

from .conformance import *  # noqa: F403


class Indexed(SqliteStore):
    """A store whose index of words is always up to date, and whose texts are compressed."""

    def append(self, project_id: str, facts: Sequence[Fact]) -> Appended:
        done = super().append(project_id, facts)
        while self.index_texts() or self.compact():
            pass
        return done


@pytest.fixture(params=["memory", "sqlite", "indexed"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Opens an empty store of each backend with the given options."""
    opened: list[Store] = []

    def open_one(**options: Any) -> Store:
        path = tmp_path / f"{len(opened)}.db"
        if request.param == "indexed":
            opened.append(Indexed(path, **options))
        else:
            opened.append(open_store("memory:" if request.param == "memory" else path, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def test_the_memory_store_is_public_in_testing() -> None:
    """Tests of other programs get it where the other tools for tests are."""
    assert MemoryStore is type(open_store("memory:"))
