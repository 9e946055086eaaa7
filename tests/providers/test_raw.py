"""Raw and streaming responses, and several answers at once, of the clients that have them: one call all the same.

The ways are those of each client's own file, gone through another door of the same resource or with one argument more.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest

from .compatible import left_responses_are_closed  # noqa: F401  of the client of Together 1.x
from .matrix import OUTCOMES, AsyncReader, Begin, Case, Matrix, Outcome, Reader, Way, check, version

CLIENTS = ("openai", "anthropic", "groq", "together", "cerebras", "fireworks", "writer")
DOORS: dict[str | None, dict[str, str]] = {
    None: {},
    "with_raw_response": {"together": "2.0"},
    "with_streaming_response": {"together": "2.0"},
}
"""The doors, and since which version a client has each."""

TRIED = {"answered", "500", "to the end", "break", "cancel"}


class Through:
    """A client of which every method is the one behind a door of its resource, with more arguments."""

    def __init__(self, inner: Any, door: str | None, more: dict[str, Any]) -> None:
        self._inner, self._door, self._more = inner, door, more

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.isroutine(found) and not isinstance(found, functools.partial):
            return Through(found, self._door, self._more)
        resource = self._inner if self._door is None else getattr(self._inner, self._door)
        return functools.partial(getattr(resource, name), **self._more)


def through(way: Way, door: str | None, after: Callable[[Any], Any] = lambda value: value, **more: Any) -> Way:
    """The way, through a door; `after` is done with what it returns."""
    return replace(
        way, name=f"{way.name}, {door or 'twice'}", call=lambda client: after(way.call(Through(client, door, more)))
    )


def parsed(raw: Any) -> Any:
    """What a raw response holds."""
    return _awaited(raw) if inspect.isawaitable(raw) else raw.parse()


async def _awaited(raw: Any) -> Any:
    made = (await raw).parse()
    return await made if inspect.isawaitable(made) else made


async def parsed_within(begin: Begin) -> Any:
    """What a streaming response holds: the value, or every chunk."""
    manager = await begin()
    manager = manager.stream if isinstance(manager, Reader) else manager
    async with AsyncExitStack() as stack:
        is_async = hasattr(manager, "__aenter__")
        response = await stack.enter_async_context(manager) if is_async else stack.enter_context(manager)
        made = response.parse()
        made = await made if inspect.isawaitable(made) else made
        if hasattr(made, "__aiter__"):
            return await AsyncReader(made).take()
        return await Reader(made).take() if hasattr(made, "__next__") else made


WITHIN = Outcome("parsed within", parsed_within, "whole")


def _ways(matrix: Matrix, door: str | None) -> Iterator[tuple[Way, Outcome]]:
    for way in matrix.ways:
        if door is None:
            if way.name.startswith("chat."):
                twice = through(way, None, n=2)
                yield from ((twice, outcome) for outcome in OUTCOMES if outcome.name in ("answered", "to the end"))
        elif door == "with_raw_response":
            raw = through(way, door, parsed)
            yield from ((raw, outcome) for outcome in OUTCOMES if outcome.name in TRIED)
        else:
            yield replace(through(way, door), streams=False), replace(WITHIN, streams=False)


def _is_since(client: str, first: str) -> bool:
    return version(metadata.version(client)) >= version(first)


def _cases() -> Iterator[Any]:
    for name in CLIENTS:
        try:
            matrix: Matrix = importlib.import_module(f"providers.test_{name}").MATRIX
        except pytest.skip.Exception:
            continue
        installed = replace(matrix, ways=list({case.way.name: case.way for case in matrix.cases()}.values()))
        for door in (door for door, since in DOORS.items() if _is_since(matrix.client, since.get(name, "0"))):
            for way, outcome in _ways(installed, door):
                for mode in installed.modes(way):
                    case = Case(installed, way, mode, outcome)
                    if outcome.fits(way, mode) and outcome.name not in way.lacks:
                        yield pytest.param(case, id=f"{name}-{case.id}")


@pytest.mark.parametrize("held", list(_cases()))
def test_it_is_one_call(held: Case) -> None:
    """With the usage of the call; and the caller sees what it sees without us."""
    check(held)
