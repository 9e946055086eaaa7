"""The seam between the exporter and where records go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentops_otel.facts import Fact


class Sink(Protocol):
    """Takes facts on the exporter's thread; never called on the thread of a user's call."""

    def append(self, facts: Sequence[Fact]) -> None:
        """Take a batch. Raises an `AgentOpsError` if it could not: the batch is then the caller's to keep, and may be
        given again, because facts are idempotent."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything that was taken is where it stays; False if that took longer than allowed."""
        ...

    def close(self) -> None:
        """Flush what can be flushed and release everything. Idempotent."""
        ...
