"""What a server does for its store while nobody asks: it removes what is kept no longer, adds up what is over, prepares
searches, compresses texts, and writes the write-ahead log back, so that no request has to."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator

from agentops_otel.errors import StoreError
from agentops_otel.guard import logger, warn_once
from agentops_otel.server.metrics import Counters
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.retention import Retention, prune

PRUNED_EVERY_S = 3600.0
LIMITS_SEEN_EVERY_S = 1.0
TIDIED_EVERY_S = 10.0
CHECKPOINTED_EVERY_S = 0.25

STOPPED_WITHIN_S = 5.0
"""How long the end of a server waits for the step that is being done."""

REST, REST_WHILE_BUSY = 4.0, 50.0
"""After a step of tidying this many times its length is left to those who write and read."""


class Upkeep:
    """Work on threads of its own, in small steps, and hardly any while `busy`. A failure is logged."""

    def __init__(
        self,
        forgetting: Forgetting,
        retention: Callable[[], Retention],
        counters: Counters,
        *,
        index: bool = True,
        busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._forgetting = forgetting
        self._retention = retention
        self._counters = counters
        self._index = index
        self._busy = busy
        self._clock = clock
        self._stopping = threading.Event()
        self._pruned: tuple[Retention, float] | None = None

    def prune(self) -> None:
        """Remove what is kept no longer."""
        pruned = prune(self._forgetting, self._retention(), self._clock())
        if pruned:
            self._counters.add("pruned_sessions", amount=pruned)
            logger.info("%d sessions are kept no longer and have been removed", pruned)

    def prune_when_due(self) -> None:
        """Prune each hour, and as soon as there are other limits."""
        limits, now = self._retention(), time.monotonic()
        if self._pruned is None or limits != self._pruned[0] or now - self._pruned[1] >= PRUNED_EVERY_S:
            self._pruned = limits, now
            self.prune()

    def tidy(self) -> None:
        """Add up what is over, prepare searches in all that came since and compress it, without haste."""
        self._slowly(self._forgetting.store.roll_up)
        if self._index:
            self._slowly(self._forgetting.store.index_texts)
        self._slowly(self._forgetting.store.compact)

    def _slowly(self, step: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            if not step():
                return
            rest = REST_WHILE_BUSY if self._busy() else REST
            self._stopping.wait((time.monotonic() - started) * rest)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Again and again, for the length of a block."""
        threads = [threading.Thread(target=work, name="agentops-upkeep", daemon=True) for work in self._works()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(STOPPED_WITHIN_S)

    def _works(self) -> Iterator[Callable[[], None]]:
        yield functools.partial(self._repeat, self._forgetting.store.checkpoint, CHECKPOINTED_EVERY_S)
        yield functools.partial(self._repeat, self.tidy, TIDIED_EVERY_S)
        yield functools.partial(self._repeat, self.prune_when_due, LIMITS_SEEN_EVERY_S)

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        while True:
            try:
                work()
            except StoreError as error:
                warn_once(f"the store could not be looked after: {error}")
            if self._stopping.wait(every_s):
                return
