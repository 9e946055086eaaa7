"""Tells the pages that something was stored, by server-sent events; what it was, a page asks for itself.

Source: html.spec.whatwg.org, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable

from fastapi import Request
from fastapi.responses import StreamingResponse

LOOKED_EVERY_S = 0.1
SILENT_FOR_S = 15.0
"""After so long without news a comment is sent, for proxies that close what is silent."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Encoding": "identity",  # else it waits in a compressor until there is enough of it
    "X-Accel-Buffering": "no",
}


class Stirring:
    """One stream for each page that is looked at, until the server ends. `stamp` is another value after something was
    stored, and so cheap that each stream may ask for it ten times a second."""

    def __init__(self, stamp: Callable[[], Hashable]) -> None:
        self._stamp = stamp
        self._ended = False

    def end(self) -> None:
        """Let every stream end."""
        self._ended = True

    def answer(self, request: Request) -> StreamingResponse:
        """A stream of events without content: one at once, and one whenever something was stored."""
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_HEADERS)

    async def _events(self) -> AsyncIterator[str]:
        seen: Hashable = None
        told_at = 0.0
        while not self._ended:
            stamp, now = self._stamp(), time.monotonic()
            if stamp != seen:
                yield "data:\n\n"
            elif now - told_at >= SILENT_FOR_S:
                yield ":\n\n"
            if stamp != seen or now - told_at >= SILENT_FOR_S:
                seen, told_at = stamp, now
            await asyncio.sleep(LOOKED_EVERY_S)
