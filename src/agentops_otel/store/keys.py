"""The seam between a server and whatever keeps its projects, keys and secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key as people may see it: its first characters, whose it is, when it was made and refused."""

    prefix: str
    project_id: str
    name: str
    created_ns: int
    revoked_ns: int | None = None


class Keys(Protocol):
    """Who may write and read which project; secrets of tokens; what clients leave beside sessions."""

    def create_project(self, project_id: str) -> None:
        """Make a project; one that exists is no error. Raises InvalidValueError on an unusable name."""
        ...

    def projects(self) -> Sequence[str]:
        """Every project, by name."""
        ...

    def create_key(self, project_id: str, name: str = "") -> str:
        """A new key of a project (a UUID), shown here and never again."""
        ...

    def keys(self, project_id: str | None = None) -> Sequence[Key]:
        """Every key, of one project or of all, oldest first; revoked ones too."""
        ...

    def revoke_key(self, prefix: str) -> Key:
        """Refuse a key from now on. Raises InvalidValueError unless `prefix` names one active key."""
        ...

    def find_key(self, key: str) -> Key | None:
        """The active key with this text."""
        ...

    def any_key(self) -> bool:
        """Whether there is an active key."""
        ...

    def secrets(self) -> Sequence[bytes]:
        """The secrets of tokens, newest first: the first signs, all are believed. Never empty."""
        ...

    def append_log(self, project_id: str, session_id: str, text: str) -> None:
        """Keep what a client printed in a session."""
        ...

    def log(self, project_id: str, session_id: str) -> str | None:
        """All that was printed in a session."""
        ...

    def put_object(self, project_id: str, body: bytes) -> str:
        """Keep what a client uploaded; its id."""
        ...

    def object(self, project_id: str, object_id: str) -> bytes | None:
        """An object of this project, None where there is none (any more)."""
        ...

    def forget_session(self, project_id: str, session_id: str) -> None:
        """Remove what is kept here of a session."""
        ...

    def close(self) -> None:
        """Release files and connections. Idempotent."""
        ...
