"""docs/providers.md is written from the matrices: `WRITE_DOCS=1 make providers` writes it again."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from opentelemetry.trace import NoOpTracer

import providers
from agentops_otel.instruments import registry

from .matrix import OUTCOMES, Matrix, Outcome, Way, version

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs/providers.md"
HEAD = """# What is tested of each client

Written by `WRITE_DOCS=1 make providers` from `tests/providers`. Each cell is a test with the real client and an offline
server that speaks the provider's wire: the call is made without us and with us, and what the caller sees must be equal:
values, types, chunks, exceptions. One event must be left, with the tokens that are known by then, and with the error.

S: the client that blocks. A: the asynchronous one. –: there is no such thing, and below the table stands why; a hundred
calls at once are made in one way of each client.
"""


def matrices() -> list[Matrix]:
    """Those of every file beside this one."""
    names = [found.name for found in pkgutil.iter_modules(providers.__path__) if found.name.startswith("test_")]
    modules = [importlib.import_module(f"providers.{name}") for name in sorted(names)]
    return [module.MATRIX for module in modules if hasattr(module, "MATRIX")]


def page() -> str:
    """The whole document."""
    return "\n".join([HEAD, *(line for matrix in matrices() for line in section(matrix)), *outcomes()])


def outcomes() -> Iterator[str]:
    """What each column means."""
    yield "## What each outcome is\n"
    yield "| outcome | what the program does | what the server does |"
    yield "|---|---|---|"
    for outcome in OUTCOMES:
        does = (outcome.does.__doc__ or "").strip()
        yield f"| {outcome.name}{', streamed' * outcome.streams} | {does} | {outcome.server} |"
    yield ""


def section(matrix: Matrix) -> Iterator[str]:
    """The tables of one client."""
    yield f"## {matrix.client}\n"
    for streams in (False, True):
        ways = [way for way in matrix.ways if way.streams is streams]
        if ways:
            yield from table(matrix, ways, [outcome for outcome in OUTCOMES if outcome.streams is streams])
    for way in matrix.ways:
        for name, why in way.lacks.items():
            yield f"* {way.name}, {name}: {why}"
        for name, first in way.later.items():
            yield f"* {way.name}, {name}: since {first} of the client"
    yield ""


def table(matrix: Matrix, ways: Sequence[Way], columns: Sequence[Outcome]) -> Iterator[str]:
    """One row a way."""
    kind = "streamed" if ways[0].streams else "whole"
    yield f"| {kind} | {' | '.join(column.name for column in columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for way in ways:
        since = f", since {way.since}" if way.since != "0" else ""
        cells = [_cell(matrix, way, column) for column in columns]
        yield f"| `{way.name}`{since} | {' | '.join(cells)} |"
    yield ""


def _cell(matrix: Matrix, way: Way, outcome: Outcome) -> str:
    if outcome.name in way.lacks:
        return "–"
    return " ".join(mode[0].upper() for mode in matrix.modes(way) if matrix.has(way, mode, outcome)) or "–"


def test_the_document_is_that_of_the_tests() -> None:
    """docs/providers.md says what is tested."""
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(page())
    assert DOCUMENT.read_text() == page()


def test_the_oldest_tested_version_is_the_oldest_that_is_promised() -> None:
    """`Provider.tested` begins with the version that CI installs."""
    pinned = {**pins("lowest-litellm.txt"), **pins("lowest-providers.txt"), **pins("lowest.txt")}
    installation = registry.install(NoOpTracer())
    installation.uninstall()
    promised = {status.distribution: version(status.tested.removeprefix(">=")) for status in installation.status}
    assert promised == {name: pinned.get(name) for name in promised}


def pins(name: str) -> dict[str, list[int]]:
    """The versions that a file of requirements pins."""
    lines = [line.split("==") for line in (REPOSITORY / "tests" / name).read_text().split() if "==" in line]
    return {distribution: version(number) for distribution, number in lines}
