"""Calls that go on after the function that began them has returned, until somebody asks and is told their end.

The object that stands for a job keeps its flight alive, and the tower finds the flight by the id of the job. Where the
program drops the object before it was told the end, the flight lands with what was known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import wrapt

from agentops_otel.guard import quietly
from agentops_otel.instruments.spec import Job, JobTold

if TYPE_CHECKING:
    from agentops_otel.instruments.driver import Flight, Tower


def followed(flight: Flight, job: Job, told: Any, tower: Tower) -> None:
    """Land the flight if the job has ended, else let it fly on as long as the job is held."""
    flight.response = job.said(told)
    if job.has_ended(told):
        tower.jobs.pop(told.id, None)
        flight.land(error=job.failure(told))
    else:
        tower.jobs[told.id] = flight
        job.keep(told, flight)


def telling(original: Any, job: Job, point: JobTold, tower: Tower) -> Any:
    """`original`, whose result tells what has become of a job, or is the stream of the job it is called on."""

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        if not tower.is_open:
            return result
        if point.streams:
            flight = tower.jobs.get(instance.id)
            return result if flight is None else flight.hand_over(result)
        if inspect.iscoroutine(result):
            return _awaited(result, job, tower)
        _hear(result, job, tower)
        return result

    call.tower = tower  # type: ignore[attr-defined]
    return wrapt.FunctionWrapper(original, call)


def _awaited(source: Coroutine[Any, Any, Any], job: Job, tower: Tower) -> Coroutine[Any, Any, Any]:
    async def run() -> Any:
        result = await source
        _hear(result, job, tower)
        return result

    watched = run()
    for name in ("__name__", "__qualname__"):  # what a warning or a traceback shows is the client's
        setattr(watched, name, getattr(source, name))
    return watched


def _hear(told: Any, job: Job, tower: Tower) -> None:
    with quietly("hearing of a model call that was made before"):
        flight = tower.jobs.get(told.id)
        if flight is not None:
            followed(flight, job, told, tower)
