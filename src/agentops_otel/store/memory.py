"""A store in memory: the fold behind the seam. For tests, and for programs that want no file. Everything is lost with
the process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agentops_otel.facts import EventFact, Fact
from agentops_otel.fold import Fold, Liveness, unknown_liveness
from agentops_otel.records import Event, LLMCall, Session, Spent, Statistics, iso8601, to_json, total
from agentops_otel.store.base import (
    EVERY_EVENT,
    Appended,
    EventQuery,
    Page,
    SessionQuery,
    TotalsBy,
    TotalsRow,
    chosen,
    cursor_of,
    is_after,
    listed_by,
    model_of,
    place_of,
    selects,
    without_host_env,
)
from agentops_otel.store.words import phrases_of, tells


class MemoryStore:
    """A `Store` in memory. Safe for many threads; a forked child goes on with a copy of its own."""

    def __init__(self, *, liveness: Liveness = unknown_liveness, clock: Callable[[], int] = time.time_ns) -> None:
        self._folds: dict[str, Fold] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._lock = threading.RLock()
        self._liveness = liveness
        self._clock = clock

    def append(self, project_id: str, facts: Sequence[Fact]) -> Appended:
        """Take facts in; see `Store.append`."""
        with self._lock:
            fold = self._folds.setdefault(project_id, Fold())
            ids = {(fact.session_id, fact.event.event_id) for fact in facts if isinstance(fact, EventFact)}
            before = {one: fold.event_fact(*one) for one in ids}
            fold.add(facts)
            changed = [known for one, known in before.items() if fold.event_fact(*one) is not known]
        new = changed.count(None)
        return Appended(new, len(changed) - new)

    def session(self, project_id: str, session_id: str) -> Session | None:
        """One session, None if there is none."""
        with self._lock:
            return self._fold(project_id).session(session_id, self._clock(), project_id, self._liveness)

    def sessions(self, project_id: str, query: SessionQuery) -> Page[Session]:
        """Sessions in the order of the query; `host_env` is left out."""
        found = self._selected(project_id, query)
        if query.cursor:
            place = place_of(query.cursor, query.sort)
            found = [session for session in found if is_after(session, query, place)]
        page = [without_host_env(session) for session in found[: query.limit]]
        return Page(page, cursor_of(page[-1], query.sort) if len(found) > query.limit else None)

    def events(self, project_id: str, session_id: str, query: EventQuery = EVERY_EVENT) -> Iterator[Event]:
        """Events by start, then id."""
        with self._lock:
            fold = self._fold(project_id)
            events = fold.told(session_id) if query.told else fold.events(session_id)
        yield from chosen(events, query)

    def delete_session(self, project_id: str, session_id: str) -> bool:
        """Remove a session; False if there was none."""
        with self._lock:
            there = self._fold(project_id).forget(session_id)
            gone = [one for one, owner in self._owners.items() if (owner, one[1]) == (project_id, session_id)]
            for one in gone if there else ():
                del self._owners[one]
            return there

    def delete_sessions(self, project_id: str, session_ids: Sequence[str]) -> int:
        """Remove sessions; how many of them there were."""
        return sum(self.delete_session(project_id, session_id) for session_id in dict.fromkeys(session_ids))

    def share(self, project_id: str, session_id: str, reader_project_id: str) -> None:
        """Let a second project read a session; see `Store.share`."""
        with self._lock:
            self._owners.setdefault((reader_project_id, session_id), project_id)

    def owner_of_shared(self, reader_project_id: str, session_id: str) -> str | None:
        """The project of a session that this second project may read."""
        return self._owners.get((reader_project_id, session_id))

    def projects(self) -> list[str]:
        """Every project that has a session, by name."""
        with self._lock:
            return sorted(project_id for project_id, fold in self._folds.items() if fold.session_ids())

    def size_bytes(self) -> int:
        """The length of all records as JSON."""
        with self._lock:
            told = [event for fold in self._folds.values() for one in fold.session_ids() for event in fold.told(one)]
        return sum(len(json.dumps(to_json(event), default=repr)) for event in told)

    def index_texts(self) -> bool:
        """There is no index."""
        return False

    def compact(self) -> bool:
        """Nothing is compressed."""
        return False

    def roll_up(self) -> bool:
        """No sums are kept."""
        return False

    def checkpoint(self) -> None:
        """Nothing to move."""

    def close(self) -> None:
        """Nothing to release."""

    def spent(self, project_id: str, session_id: str) -> Spent:
        """What a session has cost; see `TellsSpent`."""
        with self._lock:
            return total(Statistics.of(event) for event in self._fold(project_id).events(session_id)).spent

    def find_session_ids(self, project_id: str, prefix: str, limit: int = 10) -> list[str]:
        """Ids of sessions that start so, ascending."""
        with self._lock:
            return [one for one in self._fold(project_id).session_ids() if one.startswith(prefix)][:limit]

    def find_span(self, project_id: str, span_id: str) -> tuple[str, str] | None:
        """The session and the event of a span; see `FindsSpans`."""
        with self._lock:
            fold = self._fold(project_id)
            events = [event for one in fold.session_ids() for event in fold.events(one)]
        found = [event for event in events if span_id in (event.span_id, event.event_id)]
        newest = max(found, key=lambda event: event.init_timestamp, default=None)
        return None if newest is None else (newest.session_id, newest.event_id)

    def models(self, project_id: str, session_ids: Sequence[str]) -> dict[str, list[str]]:
        """The models that each session called; see `ListsModels`."""
        found = {session_id: sorted(self._by_model(project_id, session_id)) for session_id in session_ids}
        return {session_id: models for session_id, models in found.items() if models}

    def totals(self, project_id: str, query: SessionQuery, by: TotalsBy) -> Sequence[TotalsRow]:
        """Sums over every session the query selects."""
        groups: dict[str, list[Statistics]] = {}
        for session in self._selected(project_id, replace(query, shared=False)):
            if by == "model":
                for model, statistics in self._by_model(project_id, session.session_id).items():
                    groups.setdefault(model, []).append(statistics)
            else:
                key = session.end_state if by == "end_state" else iso8601(session.init_timestamp or 0)[:10]
                groups.setdefault(key, []).append(session.statistics)
        return [
            TotalsRow(key=key, sessions=len(parts), statistics=total(parts)) for key, parts in sorted(groups.items())
        ]

    def _fold(self, project_id: str) -> Fold:
        return self._folds.get(project_id, Fold())

    def _selected(self, project_id: str, query: SessionQuery) -> list[Session]:
        with self._lock:
            found = [self.session(*one) for one in self._readable(project_id, query.shared)]
            chosen = [
                one
                for one in found
                if one and selects(query, one, is_told=self._is_told(one, query.text)) and self._has_called(one, query)
            ]
        chosen.sort(key=lambda one: listed_by(one, query.sort), reverse=query.ascending)
        return chosen

    def _readable(self, project_id: str, shared: bool | None) -> list[tuple[str, str]]:
        """Projects and ids of the sessions that a project may read: its own, those of others, or both."""
        own = self._fold(project_id).session_ids()
        foreign = [
            (owner, one)
            for (reader, one), owner in self._owners.items()
            if reader == project_id and one not in own and one in self._fold(owner).session_ids()
        ]
        return [*((project_id, one) for one in own if not shared), *(foreign if shared is not False else ())]

    def _is_told(self, session: Session, text: str | None) -> bool:
        return text is not None and tells(self._fold(session.project_id).told(session.session_id), phrases_of(text))

    def _has_called(self, session: Session, query: SessionQuery) -> bool:
        """Whether a call of the session has the model, and one the provider, that are asked for."""
        if query.model is None and query.provider is None:
            return True
        events = self._fold(session.project_id).events(session.session_id)
        calls = [event for event in events if isinstance(event, LLMCall)]
        return (query.model is None or query.model in map(model_of, calls)) and (
            query.provider is None or query.provider in (call.provider for call in calls)
        )

    def _by_model(self, project_id: str, session_id: str) -> dict[str, Statistics]:
        sums: dict[str, Statistics] = {}
        with self._lock:
            events = self._fold(project_id).events(session_id)
        for event in events:
            model = model_of(event) if isinstance(event, LLMCall) else None
            if model is not None:
                sums[model] = sums.get(model, Statistics()) + Statistics.of(event)
        return sums
