"""Outbox: a bounded queue in front of an exporter, drained by one daemon thread.

OpenTelemetry's own BatchSpanProcessor (1.45) drops the oldest span of a full queue without counting it, exports on the
caller's thread when flushed, and ignores the timeouts it is given; hence this one.

* `put` does no I/O and takes no lock, so it may run in a signal handler. Against a full queue the caller waits a moment
  for the writer (nothing is lost in a burst); where the writer is stuck the item is dropped at once and counted.
* A batch that could not be delivered is kept and tried again with growing pauses.
* After a fork the child starts empty and with a thread of its own; what the parent had queued, the parent delivers.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from agentops_otel.guard import quietly, warn_once

T = TypeVar("T")

BATCH = 512
ROOM_WAIT_S = 0.2
FIRST_ROOM_WAIT_S = 1.0
"""Until something has been delivered: the first delivery imports and opens what it needs."""

FORK_WAIT_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

LAST_TRIES_S, LAST_PAUSE_S = 1.0, 0.05
"""At the end a delivery that fails is tried again for so long, at this distance."""

START_S = 0.25
"""The first delivery is put off this long even for urgent items: it imports what delivers while the program starts."""

_SOON, _URGENT, _NOW = "soon", "urgent", "now"


class Refused(Exception):
    """A batch was not delivered, and whoever refused it has said why."""


class _Flush:
    """Asks the thread to deliver all that was put before, and tells when it has tried."""

    def __init__(self) -> None:
        self.done = threading.Event()


class Outbox(Generic[T]):
    """Delivers what is put into it, in order, in batches. `deliver` runs on the thread only and may raise."""

    def __init__(
        self,
        deliver: Callable[[list[T]], None],
        *,
        capacity: int = 512,
        delay_s: float = 0.5,
        dropped: Callable[[T], None] | None = None,
        name: str = "agentops-outbox",
    ) -> None:
        self._deliver = deliver
        self._capacity = max(1, capacity)
        self._delay_s = delay_s
        self._dropped = dropped
        self._name = name
        self._closed = False
        self._reset()
        at_fork(before=self._hold, after_in_parent=self._let_go, after_in_child=self._reset)

    def _reset(self) -> None:
        self._items: deque[T] = deque()
        self._signals: SimpleQueue[Any] = SimpleQueue()
        self._jobs: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._busy = threading.Lock()
        self._held = False
        self._armed = False
        self._stuck = False
        self._cold = True

    def _hold(self) -> None:
        """Before a fork: wait until the thread is between two deliveries, so that it holds no lock the child needs."""
        self._held = self._busy.acquire(timeout=FORK_WAIT_S)

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self._busy.release()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, urgent: bool = False) -> bool:
        """Queue an item; `urgent` ones are delivered at once, at the start soon. False if it had to be dropped."""
        if self._closed or (len(self._items) >= self._capacity and not self._wait_for_room()):
            self._drop(item)
            return False
        self._items.append(item)
        if len(self._items) * 2 > self._capacity:
            self._signal(_NOW)
        elif urgent:
            self._signal(_URGENT)
        elif not self._armed:
            self._armed = True
            self._signal(_SOON)
        return True

    def call(self, job: Callable[[], None]) -> None:
        """Run a job on the thread, after what is queued has been delivered once."""
        self._jobs.append(job)
        self._signal(_NOW)

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is queued; False if that took longer or failed. The caller only waits."""
        if self._thread is threading.current_thread():
            return self._drain()
        if not self._items and self._thread is None:
            return True
        request = _Flush()
        self._signal(request)
        return request.done.wait(timeout_s) and not self._items

    def close(self, timeout_s: float) -> bool:
        """Flush, then refuse everything more; what is left after the time is dropped and counted."""
        began = time.monotonic()
        flushed = self.flush(timeout_s)
        while not flushed and time.monotonic() - began < min(timeout_s, LAST_TRIES_S):
            time.sleep(LAST_PAUSE_S)
            flushed = self.flush(timeout_s - (time.monotonic() - began))
        self._closed = True
        self._signals.put(None)
        while self._items:
            self._drop(self._items.popleft())
        return flushed

    def abandon(self, timeout_s: float) -> None:
        """Refuse everything more and forget what waits; what is being delivered has this long to end."""
        self._closed = True
        self._items.clear()
        self._signals.put(None)
        if self._busy.acquire(timeout=timeout_s):
            self._busy.release()

    def _drop(self, item: T) -> None:
        if self._dropped is not None:
            self._dropped(item)

    def _wait_for_room(self) -> bool:
        deadline = time.monotonic() + (FIRST_ROOM_WAIT_S if self._cold else ROOM_WAIT_S)
        while not self._stuck and threading.current_thread() is not self._thread:
            if len(self._items) < self._capacity:
                return True
            if time.monotonic() > deadline:
                self._stuck = True
            time.sleep(0.001)
        return len(self._items) < self._capacity

    def _signal(self, signal: Any) -> None:
        self._signals.put(signal)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread = thread
                thread.start()
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            self._thread = None
            self._drain()
        finally:
            self._starting.release()

    def _run(self) -> None:
        signals, pause_s = self._signals, 0.0
        while signals is self._signals:
            waiting: list[_Flush] = []
            if not self._await(signals, pause_s, waiting):
                return
            self._armed = False
            with self._busy:
                delivered = self._drain()
            self._cold = False
            pause_s = 0.0 if delivered else min(max(pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            for flush in waiting:
                flush.done.set()
            while self._jobs and delivered:
                with self._busy, quietly("a background job"):
                    self._jobs.popleft()()

    def _await(self, signals: SimpleQueue[Any], pause_s: float, waiting: list[_Flush]) -> bool:
        """Wait for a reason to deliver; False when closed."""
        signal = _next(signals, pause_s or None)
        if signal in (_SOON, _URGENT):
            signal = self._linger(signals, signal)
        while signal is not _NOTHING:
            if signal is None:
                return False
            if isinstance(signal, _Flush):
                waiting.append(signal)
            signal = _next(signals, 0)
        return True

    def _linger(self, signals: SimpleQueue[Any], signal: Any) -> Any:
        """Let more come for as long as the signals allow; the one that allows no more."""
        began, wait_s = time.monotonic(), self._delay_s
        while signal in (_SOON, _URGENT):
            if signal is _URGENT:
                wait_s = min(wait_s, START_S if self._cold else 0.0)
            signal = _next(signals, max(0.0, began + wait_s - time.monotonic()))
        return signal

    def _drain(self) -> bool:
        """Deliver batch by batch; True when nothing is left or comes faster than it goes."""
        for _ in range(1 + len(self._items) // BATCH):
            batch = [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
            if not batch:
                break
            try:
                self._deliver(batch)
            except Exception as error:  # noqa: BLE001 - whatever the sink raises, the batch is kept
                self._items.extendleft(reversed(batch))
                self._stuck = True
                if not isinstance(error, Refused):
                    warn_once(f"could not deliver spans, will try again: {error}", exc_info=error)
                return False
        self._stuck = False
        if self._items:
            self._signals.put(_NOW)
        return True


_NOTHING = object()


def _next(signals: SimpleQueue[Any], timeout_s: float | None) -> Any:
    try:
        return signals.get(timeout=timeout_s) if timeout_s != 0 else signals.get_nowait()
    except Empty:
        return _NOTHING


def at_fork(**hooks: Callable[[], None]) -> None:
    """`os.register_at_fork` for bound methods, without keeping their objects alive."""
    if not hasattr(os, "register_at_fork"):
        return

    def weakly(method: Callable[[], None]) -> Callable[[], None]:
        this = weakref.WeakMethod(method)

        def call() -> None:
            alive = this()
            if alive is not None:
                alive()

        return call

    os.register_at_fork(**{name: weakly(method) for name, method in hooks.items()})
