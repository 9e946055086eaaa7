"""Connections that ask for nothing: bounded in time, and many of them harmless.

uvicorn (0.54) waits for the head of a request for ever, so that a client who sends it byte by byte, or not at all,
would hold a connection, and enough of them the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from agentops_otel.guard import logger
from agentops_otel.server.metrics import Counters

_Base: Any = AutoHTTPProtocol

MOST_FILES = 65_536


def http_protocol(counters: Counters, head_timeout_s: float) -> type[asyncio.Protocol]:
    """uvicorn's protocol, closing connections on which no whole request head came in time."""

    class Hurrying(_Base):  # type: ignore[misc]
        """One connection. `cycle` is uvicorn's name for the request that is being served."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Expect a head."""
            super().connection_made(transport)
            counters.add("open_connections")
            self._expect()

        def data_received(self, data: bytes) -> None:
            """Read on; a head that is whole now is waited for no longer."""
            super().data_received(data)
            if self._has_request():
                self._stop()
            else:
                self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget it."""
            counters.add("open_connections", amount=-1)
            self._stop()
            super().connection_lost(exc)

        def _has_request(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _expect(self) -> None:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(head_timeout_s, self._give_up)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            if not self._has_request() and not self.transport.is_closing():
                counters.add("rejected_requests", "slow_head")
                self.transport.close()

    return Hurrying


def allow_many_files() -> None:
    """Let this process hold as many connections as the machine allows; the usual limit is 1,024 with files and all."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (ValueError, OSError) as error:
            logger.warning("no more than %d files can be open at once: %s", soft, error)
