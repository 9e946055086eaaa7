"""Servers for the tests: one that needs no key, shared by a module, and one with keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running import Running


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server without keys; the tests of a module share it, each with sessions of its own."""
    with Running(tmp_path_factory.mktemp("bridge")) as running:
        yield running


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on which every caller needs a key."""
    running = Running(tmp_path_factory.mktemp("keyed"))
    running.keys.create_key("first")
    with running:
        yield running
