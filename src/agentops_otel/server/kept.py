"""What is kept: as the settings of the dashboard say, else as the server was told when it started."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from agentops_otel.guard import logger
from agentops_otel.store.retention import KEEP_ALL, Retention


class Kept:
    """The limits that hold. What was decided stands in a file beside the store, and so outlives the server; one that
    cannot be read removes nothing."""

    def __init__(self, db: Path, told: Retention) -> None:
        self._path = db.with_name(f"{db.name}.retention.json")
        self._told = told
        self._decided = self._read()

    @property
    def retention(self) -> Retention:
        """The limits as they are now."""
        return self._told if self._decided is None else self._decided

    @property
    def is_decided(self) -> bool:
        """Whether they were decided here and do not come from the start of the server."""
        return self._decided is not None

    def decide(self, retention: Retention | None) -> None:
        """Let these limits hold from now on; None those that the server was told. Raises OSError."""
        if retention is None:
            self._path.unlink(missing_ok=True)
        else:
            _write(self._path, retention)
        self._decided = retention

    def _read(self) -> Retention | None:
        try:
            said = json.loads(self._path.read_text("utf-8"))
            limits = [None if said[name] is None else int(said[name]) for name in ("max_age_ns", "max_bytes")]
            return Retention(
                max_age_ns=limits[0], max_bytes=limits[1], keep_tags=frozenset(map(str, said["keep_tags"]))
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            logger.warning("%s cannot be read, so everything is kept: %s", self._path, error)
            return KEEP_ALL


def _write(path: Path, retention: Retention) -> None:
    said = {
        "max_age_ns": retention.max_age_ns,
        "max_bytes": retention.max_bytes,
        "keep_tags": sorted(retention.keep_tags),
    }
    replace_file(path, json.dumps(said))


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OSError."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)
