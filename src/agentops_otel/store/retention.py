"""How long sessions are kept, and removing those that are kept no longer."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from agentops_otel.records import Session
from agentops_otel.store.base import SessionQuery, Store
from agentops_otel.store.forgetting import Forgetting


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long sessions are kept. `max_age_ns` counts from the last that happened in a session; `max_bytes` is for the
    whole store, and the sessions that started first go first. One with a tag of `keep_tags` stays, and so does one that
    is running."""

    max_age_ns: int | None = None
    max_bytes: int | None = None
    keep_tags: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.max_age_ns is not None or self.max_bytes is not None

    def keeps(self, session: Session) -> bool:
        """Whether the session stays whatever its age."""
        return session.is_running or not self.keep_tags.isdisjoint(session.tags)


KEEP_ALL = Retention()

AT_ONCE = 20
"""So many sessions are removed before the size is looked at again."""


def prune(forgetting: Forgetting, retention: Retention, now_ns: int) -> int:
    """Remove the sessions that are too old, then the oldest until the store is small enough; how many."""
    store, pruned = forgetting.store, 0
    for project_id, doomed in _chunks(too_old(store, retention, now_ns)):
        pruned += forgetting.forget(project_id, doomed)
    if retention.max_bytes is None or store.size_bytes() <= retention.max_bytes:
        return pruned
    every = heapq.merge(*(_oldest_first(store, project_id) for project_id in store.projects()), key=_start)
    for project_id, doomed in _chunks(pair for pair in every if not retention.keeps(pair[1])):
        pruned += forgetting.forget(project_id, doomed)
        if store.size_bytes() <= retention.max_bytes:
            break
    return pruned


def too_old(store: Store, retention: Retention, now_ns: int) -> Iterator[tuple[str, Session]]:
    """The sessions that the age limit removes, each after its project."""
    if retention.max_age_ns is None:
        return
    before_ns = now_ns - retention.max_age_ns
    for project_id in store.projects():
        for pair in _oldest_first(store, project_id, until_ns=before_ns):
            session = pair[1]
            last_ns = max(session.last_activity_at or 0, session.end_timestamp or 0)
            if last_ns < before_ns and not retention.keeps(session):
                yield pair


def _oldest_first(store: Store, project_id: str, **filters: Any) -> Iterator[tuple[str, Session]]:
    query = SessionQuery(ascending=True, limit=500, **filters)
    while True:
        page = store.sessions(project_id, query)
        yield from ((project_id, session) for session in page.items)
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


def _start(pair: tuple[str, Session]) -> int:
    return pair[1].init_timestamp or 0


def _chunks(pairs: Iterable[tuple[str, Session]]) -> Iterator[tuple[str, list[str]]]:
    """Ids of sessions, some at once, each lot of one project."""
    for project_id, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
        ids = (session.session_id for _, session in group)
        while chunk := list(itertools.islice(ids, AT_ONCE)):
            yield project_id, chunk
