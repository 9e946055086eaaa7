"""TallySink: what each session came to, in memory, for a process that keeps no store."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from agentops_otel.facts import EventFact, Fact, SessionFacts
from agentops_otel.fold import join, session_record
from agentops_otel.records import Session, Spent, Statistics

MOST_SESSIONS = 10_000


class TallySink:
    """Adds up statistics by session; events themselves are not kept. The oldest of more than 10,000 are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[str, tuple[SessionFacts, Statistics]] = {}

    def append(self, facts: Sequence[Fact]) -> None:
        """Take a batch; an event counts as often as it is given."""
        with self._lock:
            for fact in facts:
                known, statistics = self._tallies.get(fact.session_id, (SessionFacts(fact.session_id), Statistics()))
                if isinstance(fact, EventFact):
                    statistics += Statistics.of(fact.event)
                else:
                    known = join(known, fact)
                self._tallies[fact.session_id] = known, statistics
            while len(self._tallies) > MOST_SESSIONS:
                del self._tallies[next(iter(self._tallies))]

    def session(self, session_id: str) -> Session | None:
        """What is known of a session."""
        with self._lock:
            found = self._tallies.get(session_id)
        return session_record("default", *found, time.time_ns()) if found else None

    def spent(self, session_id: str) -> Spent:
        """What a session has cost."""
        with self._lock:
            _, statistics = self._tallies.get(session_id, (None, Statistics()))
        return statistics.spent

    def flush(self, timeout_s: float) -> bool:
        """Nothing is kept back."""
        return True

    def close(self) -> None:
        """Nothing to release; the last figures may still be asked for."""
