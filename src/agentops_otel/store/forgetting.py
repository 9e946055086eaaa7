"""What deleting a session means: everything that was ever kept of it goes, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agentops_otel.store.base import EventQuery, Store
from agentops_otel.store.keys import Keys


class ForgetsTraces(Protocol):
    """What keeps records by trace."""

    def forget(self, project_id: str, trace_ids: Iterable[str]) -> None:
        """Remove everything of these traces."""
        ...


def forget_session(store: Store, keys: Keys, span_logs: ForgetsTraces, project_id: str, session_id: str) -> bool:
    """Remove a session: its record and events, what clients printed in it, who else may read it, the log records of its
    traces. False if there was none."""
    events = store.events(project_id, session_id, EventQuery(payloads=False, told=True))
    traces = {event.trace_id for event in events if event.trace_id}
    if not store.delete_session(project_id, session_id):
        return False
    span_logs.forget(project_id, traces)
    keys.forget_session(project_id, session_id)
    return True
