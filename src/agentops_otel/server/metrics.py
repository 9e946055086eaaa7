"""Counters of the server, in the text format of Prometheus.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
"""

from __future__ import annotations

import threading
from collections import defaultdict

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ABOUT = {
    "received_requests": ("counter", "Requests that carried records, by door."),
    "received_records": ("counter", "Records in them (spans, log records, events, data points), by door."),
    "accepted_records": ("counter", "Records that are durable in the store, or counted only (metrics), by door."),
    "rejected_records": ("counter", "Records refused one by one, by door."),
    "rejected_requests": ("counter", "Requests refused as a whole, by reason."),
    "stored_events": ("counter", "Events written, new ones and newer revisions."),
    "pruned_sessions": ("counter", "Sessions removed because they are kept no longer."),
    "open_connections": ("gauge", "HTTP connections that are open."),
    "waiting_requests": ("gauge", "Requests that are being worked on, or wait for it."),
    "workers": ("gauge", "Processes that translate large requests."),
    "held_bytes": ("gauge", "Bytes of request bodies held in memory."),
    "ingest_lag_seconds": ("gauge", "From the arrival of the last batch until it was durable."),
    "store_size_bytes": ("gauge", "Size of the store on disk."),
}


class Counters:
    """Numbers by name and label. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str], float] = defaultdict(float)

    def add(self, name: str, label: str = "", amount: float = 1) -> None:
        """Count up, or a gauge down."""
        with self._lock:
            self._values[name, label] += amount

    def set(self, name: str, value: float, label: str = "") -> None:
        """Say what a gauge shows."""
        with self._lock:
            self._values[name, label] = value

    def get(self, name: str, label: str = "") -> float:
        """The present value, 0 before the first."""
        with self._lock:
            return self._values.get((name, label), 0)

    def text(self) -> str:
        """Everything, as Prometheus reads it."""
        with self._lock:
            values = sorted(self._values.items())
        lines: list[str] = []
        for name, (kind, about) in _ABOUT.items():
            lines += [f"# HELP agentops_{name} {about}", f"# TYPE agentops_{name} {kind}"]
            key = "reason" if name == "rejected_requests" else "door"
            for (known, label), value in values:
                if known == name:
                    lines.append(f"agentops_{name}{_labels(key, label)} {value:g}")
        return "\n".join(lines) + "\n"


def _labels(key: str, label: str) -> str:
    return f'{{{key}="{label}"}}' if label else ""
