"""Events that the end of their session did not wait for: neither its verdict nor the cost it told knew of them.

An event is late by its own times, not by when it was delivered: any order of delivery must give the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentops_otel.records import Event, Session


def late_ns(event: Event, ended_ns: int | None) -> int | None:
    """How long after the end of the session an event ended; None for one that was not late, and while the session has
    no end."""
    last_ns = event.end_timestamp or event.init_timestamp
    return last_ns - ended_ns if ended_ns is not None and last_ns > ended_ns else None


def late_count(session: Session, events: Callable[[], Iterable[Event]]) -> int:
    """How many events were late. They are looked at only where something happened after the end at all."""
    ended_ns = session.end_timestamp
    if ended_ns is None or (session.last_activity_at or 0) <= ended_ns:
        return 0
    return sum(late_ns(event, ended_ns) is not None for event in events())
