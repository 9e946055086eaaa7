"""What a session was first asked and what it last answered, each in one line."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.records import LLMCall, Session
from agentops_otel.server.dashboard.conversation import Turn, turns_of
from agentops_otel.store.base import EventQuery, Store

LENGTH = 200
"""Characters of a line; the list shows what there is room for, and all of it where the pointer rests."""

_LOOKS = (1, 8)
"""So many calls are read for a text, then so many: an answer may be nothing but the use of a tool."""


def by_project(sessions: Iterable[Session]) -> Mapping[str, list[str]]:
    """The ids of sessions by their project."""
    found: dict[str, list[str]] = {}
    for session in sessions:
        found.setdefault(session.project_id, []).append(session.session_id)
    return found


class Said(NamedTuple):
    """The first prompt of a session and its last answer; "" where none was recorded."""

    asked: str = ""
    answered: str = ""


class Sayings:
    """What sessions say, read from their events and remembered while nothing is added to them."""

    def __init__(self, store: Store, *, most: int = 2000) -> None:
        self._store = store
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[int, Said]] = {}

    def of(self, sessions: Sequence[Session]) -> Mapping[str, Said]:
        """By session, for those that called a model."""
        found: dict[str, Said] = {}
        for project_id, called in by_project(one for one in sessions if one.statistics.llms).items():
            changes = self._changes(project_id, called)
            found.update((one, self._said(project_id, one, changes.get(one))) for one in called)
        return found

    def _changes(self, project_id: str, session_ids: Sequence[str]) -> Mapping[str, int]:
        """Where the store can tell; what cannot be told apart is read again."""
        changes = getattr(self._store, "changes", None)
        return changes(project_id, session_ids) if changes is not None and session_ids else {}

    def _said(self, project_id: str, session_id: str, changes: int | None) -> Said:
        key = (project_id, session_id)
        kept = self._kept.get(key)
        if kept is not None and changes is not None and kept[0] == changes:
            return kept[1]
        said = Said(self._first_prompt(*key), self._last_answer(*key))
        if changes is not None:
            self._keep(key, (changes, said))
        return said

    def _keep(self, key: tuple[str, str], told: tuple[int, Said]) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = told
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def _first_prompt(self, project_id: str, session_id: str) -> str:
        calls = self._calls(project_id, session_id, latest_first=False)
        return next(filter(None, (_line(turns_of(call.prompt, "user"), "user") for call in calls)), "")

    def _last_answer(self, project_id: str, session_id: str) -> str:
        calls = self._calls(project_id, session_id, latest_first=True)
        return next(filter(None, (_line(turns_of(call.completion, "assistant"), "assistant") for call in calls)), "")

    def _calls(self, project_id: str, session_id: str, *, latest_first: bool) -> Iterator[LLMCall]:
        for limit in _LOOKS:
            query = EventQuery(types=("llms",), limit=limit, latest_first=latest_first)
            calls = [event for event in self._store.events(project_id, session_id, query) if isinstance(event, LLMCall)]
            yield from calls
            if len(calls) < limit:
                return


def _line(turns: Sequence[Turn], role: str) -> str:
    """The first text that the role says, shortened, in one line."""
    texts = (block.text for turn in turns if turn.role == role for block in turn.blocks if block.kind == "text")
    words = " ".join(next(filter(str.strip, texts), "")[: 10 * LENGTH].split())
    return words if len(words) <= LENGTH else f"{words[: LENGTH - 1]}…"
