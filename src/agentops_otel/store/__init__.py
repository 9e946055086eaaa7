"""Where records stay. `base` is the seam; each backend is a module beside it and passes tests/store/conformance.py."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from agentops_otel.store import forks as forks  # sets the hooks, before anything else does

if TYPE_CHECKING:
    from agentops_otel.store.base import Store

DATABASE_NAME = "agentops.db"
"""The file of the embedded store, inside `$AGENTOPS_HOME`."""

MEMORY = "memory:"
"""The path of a store that is lost with the process."""


def open_store(path: str | os.PathLike[str], **options: Any) -> Store:
    """The store at this path: `memory:`, or a SQLite file. Options are those of the backend: `liveness`, `clock`.

    Nothing is read or made before the first use; sqlite3 is imported here.
    """
    if os.fspath(path) == MEMORY:
        from agentops_otel.store.memory import MemoryStore

        return MemoryStore(**options)
    from agentops_otel.store.sqlite import SqliteStore

    return SqliteStore(path, **options)
