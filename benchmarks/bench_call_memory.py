"""Memory of a program that makes many model calls, half of them streams, half of those left after the first chunk.

    python benchmarks/bench_call_memory.py [calls]

The real `openai` client over its mock transport, in a session in the embedded store. Streams are left in three ways:
closed, dropped, and dropped in a cycle that only the garbage collector finds. The last line counts the calls that are
in the session, which must be all.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from itertools import count, cycle
from typing import Any

import psutil
from bench_call import MESSAGES, client, httpx

import agentops_otel as agentops

ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": MESSAGES}
PARTS = 10


class Numbered(httpx.BaseTransport):
    """Gives every answer an id of its own: those of one id that overlap would be one call."""

    def __init__(self, answering: Any) -> None:
        self._answering, self._numbers = answering, count()

    def handle_request(self, request: Any) -> Any:
        answer = self._answering.handle_request(request)
        content = answer.read().replace(b"chatcmpl-1", b"chatcmpl-%020d" % next(self._numbers))
        return httpx.Response(200, content=content, headers={"content-type": answer.headers["content-type"]})


def closed(stream: Any) -> None:
    """After its first chunk, by its method."""
    next(stream)
    stream.close()


def dropped(stream: Any) -> None:
    """After its first chunk."""
    next(stream)


def lost(stream: Any) -> None:
    """After its first chunk, in a cycle."""
    next(stream)
    knot = [stream]
    knot.append(knot)


def main() -> None:
    """Make the calls in ten parts, and tell the memory after each."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    leaving: cycle[Callable[[Any], None]] = cycle([closed, dropped, lost])
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as home:
        session = agentops.init(home=home)
        assert session is not None
        with client(chunks=5) as openai:
            openai._client._transport = Numbered(openai._client._transport)
            create = openai.chat.completions.create
            for part in range(PARTS):
                for _ in range(calls // PARTS // 4):
                    create(**ASKED)
                    create(**ASKED)
                    for _chunk in create(**ASKED, stream=True):
                        pass
                    next(leaving)(create(**ASKED, stream=True))
                gc.collect()
                print(
                    f"{(part + 1) * calls // PARTS:>10} calls  {process.memory_info().rss / 2**20:7.1f} MB", flush=True
                )
        session.end_session("Success")
        print(f"{session.event_counts['llms']:>10} arrived")


if __name__ == "__main__":
    main()
