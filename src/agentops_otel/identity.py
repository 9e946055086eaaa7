"""How a process is named, and where a finished span keeps its session: light enough for the start of every program."""

from __future__ import annotations

from typing import NamedTuple

STAMP = "_agentops_session_id"
"""The Python attribute of a finished SDK span that keeps its session beside the span's attributes."""


class ProcessKey(NamedTuple):
    """A process: host name, process id and when the operating system started it (nanoseconds, UTC)."""

    host: str
    pid: int
    started_ns: int
