"""The same fixtures as the sessions' tests."""

from sessions.conftest import _clean_process, recorded, run, store

__all__ = ["_clean_process", "recorded", "run", "store"]
