"""Threads that work for whoever started them: the OpenTelemetry context, and with it the session, follows.

`threading.Thread.start` and `concurrent.futures.ThreadPoolExecutor.submit` take the context of their caller along. A
thread, with `run` overridden or not, runs in the context in which it was started; a task of a pool in the one in which
it was submitted, whoever made the worker. Threads of exporters, which work for the process, are left alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import MethodType
from typing import Any

from opentelemetry import context as otel_context

from agentops_otel import context as sessions
from agentops_otel.guard import quietly

_NEIGHBOUR = "opentelemetry.instrumentation.threading"
_OF_EXPORTERS = ("agentops-", "Otel", "opentelemetry")
"""How the names of threads begin that export spans; a session in their context would record their own HTTP calls."""


class Following:
    """The patches, while they are in place. Made by `follow`."""

    def __init__(self) -> None:
        from concurrent.futures import thread as pools

        self._is_on = True
        self._worker = pools._worker
        self._patched = [
            _replaced(threading.Thread, "start", self._start),
            _replaced(pools.ThreadPoolExecutor, "submit", self._submit),
        ]

    def stop(self) -> None:
        """Restore both. What others have wrapped since stays, and passes everything on. Idempotent."""
        self._is_on = False
        for owner, name, ours, original in self._patched:
            if vars(owner).get(name) is not ours:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._patched = []

    def _start(self, original: Callable[..., Any], thread: Any) -> Any:
        restore = None
        if self._is_on:
            with quietly("taking the context of a thread along"):
                restore = self._take_along(thread)
        try:
            return original(thread)
        except BaseException:
            if restore is not None:
                restore()
            raise

    def _take_along(self, thread: Any) -> Callable[[], None] | None:
        """Let the thread run in the current context; returns what undoes that. `run` is back when the thread runs."""
        here = otel_context.get_current()
        if not here or thread.name.startswith(_OF_EXPORTERS) or getattr(thread, "_target", None) is self._worker:
            return None
        of_instance, run = vars(thread).get("run"), thread.run

        def restore() -> None:
            if of_instance is None:
                vars(thread).pop("run", None)
            else:
                thread.run = of_instance

        def run_there(_: Any) -> None:
            restore()
            with sessions.attached(here):
                run()

        thread.run = MethodType(run_there, thread)  # others (Sentry) take the function of `run` and give it the thread
        return restore

    def _submit(self, original: Callable[..., Any], pool: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        here = otel_context.get_current() if self._is_on else None
        return original(pool, _within(here, fn) if here else fn, *args, **kwargs)


def _within(here: Any, fn: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with sessions.attached(here):
            return fn(*args, **kwargs)

    return run


def _replaced(owner: Any, name: str, instead: Callable[..., Any]) -> tuple[Any, str, Any, Any]:
    """Put a function in the place of a method; it is given the original first. Returns what is needed to restore it:
    in the end the original, None if the class only inherits it, as gevent's Thread does."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return instead(original, *args, **kwargs)

    own = vars(owner).get(name)
    setattr(owner, name, ours)
    return owner, name, ours, own


def follow() -> Following | None:
    """Let the context follow; None where OpenTelemetry's own instrumentation of threads does it already."""
    start: Any = threading.Thread.start
    while start is not None:
        if getattr(getattr(start, "_self_wrapper", None), "__module__", "").startswith(_NEIGHBOUR):
            return None
        start = getattr(start, "__wrapped__", None)
    return Following()
