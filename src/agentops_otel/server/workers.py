"""Processes that translate for the server, so that large requests use every core and small ones need not wait.

They are started when the first large request comes, and end with the server, however it ends. Nothing is lost with one
that dies: a request is acknowledged when the server has written it, and the server translates what nobody answers.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from agentops_otel import otlp
from agentops_otel.errors import DecodeError
from agentops_otel.guard import logger, warn_once
from agentops_otel.server.translating import PROGRAM, READY, Recipe, Translated, whole

MOST = 4
"""Processes at most, unless more are asked for: from there on the one that writes is the limit."""

FAILURES_AT_MOST = 3
"""After so many that could not be started, or died, in a row no more are tried."""

DIVIDED_FROM = 256 * 1024
"""A body of so many bytes is worth two workers, of twice as many three, and so on."""

UNDIVIDED = 100
"""So many bodies are left whole after one that had to be: those of a sender are alike."""

STOPPED_WITHIN_S = 5.0


def usual_count() -> int:
    """One for each core that this process may use; none where there is only one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if cores < 2 else min(cores, MOST)


class Worker:
    """One process. Its owner asks one question at a time."""

    def __init__(self, recipe: Recipe) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True
        )
        self._questions, self._answers = self.process.stdin, self.process.stdout
        with suppress(OSError):
            self.ask(recipe)

    def ask(self, question: object) -> None:
        """Send a question. Raises OSError where the process is gone."""
        assert self._questions is not None
        pickle.dump(question, self._questions, pickle.HIGHEST_PROTOCOL)
        self._questions.flush()

    def answer(self) -> Any:
        """Wait for the answer. Raises EOFError or UnpicklingError where the process died."""
        assert self._answers is not None
        return pickle.load(self._answers)

    def end(self) -> None:
        """Let the process end; one that does not is killed."""
        for pipe in (self._questions, self._answers):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _started(recipe: Recipe) -> Worker | None:
    """A process that is ready, None where there can be none."""
    try:
        worker = Worker(recipe)
    except OSError:
        return None
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        if worker.answer() == READY:
            return worker
    worker.end()
    return None


class Workers:
    """So many processes at most, of which `alive` are ready or busy. Threads may share one."""

    def __init__(self, recipe: Recipe, count: int) -> None:
        self.count = count
        self._recipe = recipe
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self.alive = 0
        self._starting: list[threading.Thread] = []
        self._wanting = 0
        self._failures = 0
        self._undivided = 0
        self._closed = False

    @property
    def gave_up(self) -> bool:
        """Whether no more are started, because they die."""
        return self._failures >= FAILURES_AT_MOST

    def translated(self, body: bytes, content_type: str) -> Translated | None:
        """What a body says, by as many idle processes as are useful; None where nobody answers: none has started yet,
        one died, or the body is bad. Waits for a process that is busy."""
        taken = self._take(self._useful(body, content_type))
        if not taken:
            return None
        try:
            bodies = [body] if len(taken) == 1 else otlp.divided_traces(body, len(taken))
            for worker, part in zip(taken, bodies, strict=True):
                worker.ask((part, content_type))
            answers: list[Translated | None] = [worker.answer() for worker in taken]
        except DecodeError:
            self._give_back(taken)
            return None
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            logger.warning("a worker died (%s: %s); its request is translated here", type(error).__name__, error)
            self._lose(taken)
            return None
        self._give_back(taken)
        found = [answer for answer in answers if answer is not None]
        said = whole(found) if len(found) == len(answers) else None
        if said is not None or len(taken) == 1:
            return said
        self._undivided = UNDIVIDED
        return self.translated(body, content_type)

    def _useful(self, body: bytes, content_type: str) -> int:
        """How many processes a body is worth. With patterns it is one: what is left out may depend on other spans."""
        if self._undivided or self._recipe.ignore_spans or otlp.wire_of(content_type) != "protobuf":
            self._undivided = max(0, self._undivided - 1)
            return 1
        return 1 + len(body) // DIVIDED_FROM

    def _take(self, useful: int) -> list[Worker]:
        """Some idle workers; one at least where there are any, and all that are useful where nobody else waits."""
        with self._changed:
            self._start_more()
            self._wanting += 1
            self._changed.wait_for(lambda: self._idle or not self.alive)
            self._wanting -= 1
            size = 1 if self._wanting else useful
            taken, self._idle = self._idle[:size], self._idle[size:]
            return taken

    def _give_back(self, workers: list[Worker]) -> None:
        with self._changed:
            self._failures = 0
            self._idle += workers
            self._changed.notify_all()

    def _lose(self, workers: list[Worker]) -> None:
        """All that had part in a request: what is left in their pipes answers nothing."""
        with self._changed:
            self.alive -= len(workers)
            self._count_failure()
            self._changed.notify_all()
        for worker in workers:
            worker.process.kill()
            worker.end()

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures == FAILURES_AT_MOST:
            warn_once("workers cannot be started, or die: large requests are translated in the server itself")

    def _start_more(self) -> None:
        self._starting = [thread for thread in self._starting if thread.is_alive()]
        missing = self.count - self.alive - len(self._starting)
        if self._closed or self.gave_up:
            return
        for _ in range(missing):
            thread = threading.Thread(target=self._start_one, name="agentops-worker", daemon=True)
            self._starting.append(thread)
            thread.start()

    def _start_one(self) -> None:
        worker = _started(self._recipe)
        with self._changed:
            if worker is None:
                self._count_failure()
            elif not self._closed:
                self.alive += 1
                self._idle.append(worker)
                self._changed.notify_all()
                return
        if worker is not None:
            worker.end()

    def close(self) -> None:
        """End them all. Nobody may be asking."""
        with self._changed:
            self._closed = True
            starting, idle, self._idle = self._starting, self._idle, []
        for worker in idle:
            worker.end()
        for thread in starting:
            thread.join(STOPPED_WITHIN_S)
