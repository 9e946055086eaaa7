"""What a server does for its store while nobody asks: it removes what is kept no longer, and prepares searches."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from agentops_otel.errors import StoreError
from agentops_otel.guard import logger
from agentops_otel.server.metrics import Counters
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.retention import Retention, prune

PRUNED_EVERY_S = 3600.0
INDEXED_EVERY_S = 10.0

STOPPED_WITHIN_S = 5.0
"""How long the end of a server waits for the step that is being done."""

REST = 4.0
"""After a step of indexing this many times its length is left to those who write and read."""


class Upkeep:
    """Work on a thread of its own, in small steps. A failure is logged; the next time comes."""

    def __init__(
        self,
        forgetting: Forgetting,
        retention: Retention,
        counters: Counters,
        *,
        index: bool = True,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._forgetting = forgetting
        self._retention = retention
        self._counters = counters
        self._index = index
        self._clock = clock
        self._stopping = threading.Event()

    def prune(self) -> None:
        """Remove what is kept no longer."""
        pruned = prune(self._forgetting, self._retention, self._clock())
        if pruned:
            self._counters.add("pruned_sessions", amount=pruned)
            logger.info("%d sessions are kept no longer and have been removed", pruned)

    def index(self) -> None:
        """Prepare searches in all that came since, without haste."""
        while not self._stopping.is_set():
            started = time.monotonic()
            if not self._forgetting.store.index_texts():
                return
            self._stopping.wait((time.monotonic() - started) * REST)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Again and again, for the length of a block."""
        thread = threading.Thread(target=self._run, name="agentops-upkeep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(STOPPED_WITHIN_S)

    def _run(self) -> None:
        pruned_at = float("-inf")
        while True:
            try:
                if self._retention and time.monotonic() - pruned_at >= PRUNED_EVERY_S:
                    pruned_at = time.monotonic()
                    self.prune()
                if self._index:
                    self.index()
            except StoreError as error:
                logger.warning("the store could not be looked after: %s", error)
            if self._stopping.wait(INDEXED_EVERY_S):
                return
