"""What deleting a session means: everything that was ever kept of it goes, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentops_otel.store.base import EventQuery, Store
from agentops_otel.store.keys import Keys


class ForgetsTraces(Protocol):
    """What keeps records by trace."""

    def forget(self, project_id: str, trace_ids: Iterable[str]) -> None:
        """Remove everything of these traces."""
        ...


@dataclass(frozen=True)
class Forgetting:
    """Everything that keeps something of a session."""

    store: Store
    keys: Keys
    span_logs: ForgetsTraces

    def forget(self, project_id: str, session_ids: Sequence[str]) -> int:
        """Remove sessions: their records and events, who else may read them, what clients printed in them, the log
        records of their traces. How many of them there were."""
        traces = {trace for session_id in session_ids for trace in self._traces(project_id, session_id)}
        deleted = self.store.delete_sessions(project_id, session_ids)
        self.span_logs.forget(project_id, traces)
        for session_id in session_ids:
            self.keys.forget_session(project_id, session_id)
        return deleted

    def _traces(self, project_id: str, session_id: str) -> set[str]:
        events = self.store.events(project_id, session_id, EventQuery(payloads=False, told=True))
        return {event.trace_id for event in events if event.trace_id}
