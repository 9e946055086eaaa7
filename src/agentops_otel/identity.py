"""How a process is named, and where a finished span keeps its session: light enough for the start of every program."""

from __future__ import annotations

from typing import NamedTuple

STAMP = "_agentops_session_id"
"""The Python attribute of a finished SDK span that keeps its session beside the span's attributes."""

DELIVERED = "_agentops_delivered"
"""The Python attribute, true, of a finished SDK span that an outbox of ours took for the exporter that is in the host's
pipeline, too; that exporter leaves it out there."""


class ProcessKey(NamedTuple):
    """A process: host name, process id and when the operating system started it (nanoseconds, UTC)."""

    host: str
    pid: int
    started_ns: int
