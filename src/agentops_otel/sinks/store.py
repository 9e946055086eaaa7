"""Facts into a store, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from agentops_otel.errors import InvalidValueError
from agentops_otel.facts import Fact
from agentops_otel.guard import warn_once
from agentops_otel.records import Session, Spent
from agentops_otel.store.base import DEFAULT_PROJECT, Store


class StoreSink:
    """A `Sink` into a `Store`. What `append` took is durable when it returns, so there is nothing to flush.

    The store opens its file at the first append, which is on the exporter's thread.
    """

    def __init__(self, store: Store, project_id: str = DEFAULT_PROJECT) -> None:
        self._store = store
        self._project_id = project_id

    def append(self, facts: Sequence[Fact]) -> None:
        """Raises StoreError with the file and the remedy. A fact that no store could take costs its siblings nothing:
        it is left out with a warning."""
        try:
            self._store.append(self._project_id, facts)
        except InvalidValueError:
            for fact in facts:
                self._append_one(fact)

    def _append_one(self, fact: Fact) -> None:
        try:
            self._store.append(self._project_id, [fact])
        except InvalidValueError as error:
            warn_once(f"A fact of session {fact.session_id!r} was left out: {error}")

    def flush(self, timeout_s: float) -> bool:
        """Always done."""
        return True

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def spent(self, session_id: str) -> Spent | None:
        """What the session has cost, as appended; None where the store cannot tell."""
        read = getattr(self._store, "spent", None)
        return read(self._project_id, session_id) if read is not None else None

    def session(self, session_id: str) -> Session | None:
        """The session as all processes recorded it."""
        return self._store.session(self._project_id, session_id)
