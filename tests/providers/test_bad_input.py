"""A client whose insides have moved: what reads them fails, and nothing else."""

from __future__ import annotations

import gc
import importlib
import logging
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

import providers
from agentops_otel import guard
from agentops_otel.instruments import registry
from agentops_otel.instruments.spec import Provider
from agentops_otel.records import LLMCall

from .compatible import left_responses_are_closed  # noqa: F401  of clients that speak through `requests`
from .matrix import UNKNOWN, Case, Matrix, recording, run

ANSWERED = ("answered", "to the end")


def matrices() -> Iterator[tuple[Matrix, Any]]:
    """Those of every file beside this one whose client is installed, and the marks of its file."""
    for found in sorted(pkgutil.iter_modules(providers.__path__)):
        if found.name.startswith("test_") and found.name != __name__.rpartition(".")[2]:
            with suppress(pytest.skip.Exception):
                module = importlib.import_module(f"providers.{found.name}")
                if hasattr(module, "MATRIX"):
                    yield module.MATRIX, getattr(module, "pytestmark", ())


def cases() -> Iterator[Any]:
    """The first whole and the first streamed way of every client that is installed."""
    for matrix, marks in matrices():
        found = [case for case in matrix.cases() if case.outcome.name in ANSWERED]
        for streams in (False, True):
            first = next((case for case in found if case.way.streams is streams), None)
            if first is not None:
                yield pytest.param(first, id=f"{matrix.client}-{first.id}", marks=marks)


def provider_module(distribution: str) -> Any:
    """The module that describes the client."""
    modules = [importlib.import_module(f"agentops_otel.instruments.{name}") for name in registry.NAMES]
    return next(module for module in modules if module.PROVIDER.distribution == distribution)


def moved(instance: Any) -> Any:
    """What reads the inside of a client that has another one."""
    return instance.what_this_version_no_longer_has


@pytest.mark.parametrize("case_of_any", [*cases()])
def test_client_whose_insides_moved_is_called_as_without_us(
    case_of_any: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Same values, one event with all that is known otherwise, and one line in the log."""
    case = case_of_any
    monkeypatch.delenv("AGENTOPS_STRICT")
    monkeypatch.setattr(guard, "_told", set())
    module = provider_module(case.matrix.client)
    changed: Provider = replace(module.PROVIDER, origin=moved)
    monkeypatch.setattr(module, "PROVIDER", changed)
    with caplog.at_level(logging.WARNING, "agentops_otel"), case.matrix.serve() as server:
        server.script_always(case.outcome.reply)
        bare, _ = run(case, server)
        with recording() as recorded:
            watched = [run(case, server)[0] for _ in range(2)]
    assert watched == [bare, bare]
    calls = [event for event in recorded() if isinstance(event, LLMCall)]
    known = [(call.name, UNKNOWN if call.estimated else call.usage) for call in calls]
    assert [(case.way.span, case.way.usage)] * 2 == known
    told = [record.message for record in caplog.records if record.name == "agentops_otel"]
    caplog.clear()  # its tracebacks hold clients; what those leave open is for the marks of this case
    gc.collect()
    assert told == ["telling where a model call goes failed: AttributeError"]
