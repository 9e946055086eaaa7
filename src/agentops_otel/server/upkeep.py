"""What a server does for its store while nobody asks: it removes what is kept no longer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from agentops_otel.errors import StoreError
from agentops_otel.guard import logger
from agentops_otel.server.metrics import Counters
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.retention import Retention, prune

EVERY_S = 3600.0


class Upkeep:
    """Work that is done at the start and then every hour, on a thread. A failure is logged; the next time comes."""

    def __init__(
        self,
        forgetting: Forgetting,
        retention: Retention,
        counters: Counters,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._forgetting = forgetting
        self._retention = retention
        self._counters = counters
        self._clock = clock

    def once(self) -> None:
        """Do it now."""
        try:
            pruned = prune(self._forgetting, self._retention, self._clock())
        except StoreError as error:
            logger.warning("sessions that are kept no longer could not be removed: %s", error)
            return
        if pruned:
            self._counters.add("pruned_sessions", amount=pruned)
            logger.info("%d sessions are kept no longer and have been removed", pruned)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Again and again, for the length of a block."""
        task = asyncio.create_task(self._run()) if self._retention else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self.once)
            await asyncio.sleep(EVERY_S)
