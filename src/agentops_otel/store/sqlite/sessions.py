"""The row of a session: its joined facts, the sums of its events, and what it is listed by (tags, models and so on)."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from agentops_otel.facts import SessionFacts, facts_from_json, facts_json
from agentops_otel.fold import ended_ns, may_run, tags_of
from agentops_otel.records import STATISTICS_FIELDS, Statistics, decimal_text

Row = tuple[Any, ...]

COUNTS = tuple(name for name in STATISTICS_FIELDS if name not in ("cost", "dropped"))
"""Statistics that are whole numbers and come from events."""

MODEL_COUNTS = tuple(name for name in COUNTS if name not in ("events", "tools", "actions", "apis", "errors"))
"""Those that model calls can have."""

SELECT = f"SELECT s.key, s.session_id, s.facts, s.twins, s.changes, {', '.join(f's.{name}' for name in COUNTS)}, s.cost"
"""What `session_of` reads, from `sessions s`."""

SPENT = "SELECT cost, unpriced_llms FROM sessions WHERE project_id = ? AND session_id = ?"

_COLUMNS = (
    *("start_ns", "end_ns", "duration_ns", "end_state", "may_run", "dropped", "facts", "twins"),
    *(*COUNTS, "tokens", "cost", "cost_usd"),
)


UNSETTLED, UNSETTLED_AGAIN = -1, -2
"""In place of the number of twins of a session in which there may be some that nobody has looked for."""


def marks(count: int) -> str:
    """Placeholders for so many values."""
    return ", ".join("?" * count)


class Known(NamedTuple):
    """A session as its row has it: all but the host environments.

    `twins` counts the events that repeat another. Below 0 somebody has to look (`settling`): UNSETTLED if none was
    known, so that the statistics are right if none is found, else UNSETTLED_AGAIN. `changes` is another number after
    each append.
    """

    key: int
    facts: SessionFacts
    statistics: Statistics
    twins: int = 0
    changes: int = 0

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in listings: by start (0 while unknown), then id."""
        return self.facts.start_ns or 0, self.facts.session_id


@dataclass(frozen=True)
class Sums:
    """What events add up to: all of them, by model, and how many model calls there are by provider."""

    whole: Statistics = field(default_factory=Statistics)
    by_model: Mapping[str, Statistics] = field(default_factory=dict)
    providers: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        by_model, providers = dict(self.by_model), Counter(self.providers)
        for model, sums in other.by_model.items():
            by_model[model] = by_model.get(model, Statistics()) + sums
        providers.update(other.providers)
        return Sums(self.whole + other.whole, by_model, providers)

    def __neg__(self) -> Sums:
        by_model = {model: Statistics() - sums for model, sums in self.by_model.items()}
        return Sums(Statistics() - self.whole, by_model, {name: -calls for name, calls in self.providers.items()})


def session_of(row: Row) -> Known:
    """The session of a row of `SELECT`."""
    key, session_id, facts, twins, changes = row[:5]
    return Known(key, facts_from_json(session_id, json.loads(facts)), statistics_of(COUNTS, row[5:]), twins, changes)


def statistics_of(names: Sequence[str], values: Sequence[Any]) -> Statistics:
    """The statistics with these counts, the cost last."""
    *counts, cost = values
    return Statistics(**dict(zip(names, counts, strict=True)), cost=Decimal(cost))


def known_session(db: sqlite3.Connection, project_id: str, session_id: str) -> Known | None:
    """A session by its id, None if there is none."""
    sql = f"{SELECT} FROM sessions s WHERE project_id = ? AND session_id = ?"
    row = db.execute(sql, (project_id, session_id)).fetchone()
    return session_of(row) if row else None


def insert(db: sqlite3.Connection, project_id: str, session_id: str) -> Known:
    """A row for a session of which nothing is known yet."""
    known = Known(0, SessionFacts(session_id), Statistics())
    sql = f"INSERT INTO sessions (project_id, session_id, {', '.join(_COLUMNS)}) VALUES ({marks(len(_COLUMNS) + 2)})"
    key = db.execute(sql, (project_id, session_id, *_values(known))).lastrowid
    return known._replace(key=key or 0)


def update(db: sqlite3.Connection, known: Known) -> None:
    """Write what is known now."""
    columns = ", ".join(f"{column} = ?" for column in _COLUMNS)
    sql = f"UPDATE sessions SET {columns}, changes = changes + 1 WHERE key = ?"
    db.execute(sql, (*_values(known), known.key))


def update_twins(db: sqlite3.Connection, known: Known) -> None:
    """Write how many twins there are, and nothing else."""
    db.execute("UPDATE sessions SET twins = ? WHERE key = ?", (known.twins, known.key))


def put_stopped(db: sqlite3.Connection, stopped: Iterable[Known]) -> None:
    """Take sessions out of those that may be running, unless something has happened in them meanwhile."""
    sql = "UPDATE sessions SET may_run = 0 WHERE key = ? AND changes = ?"
    db.executemany(sql, [(known.key, known.changes) for known in stopped])


def delete(db: sqlite3.Connection, project_id: str, known: Known) -> None:
    """Remove a session and everything recorded in it. Call inside a write transaction."""
    drop_listed(db, project_id, known)
    for table in ("payloads", "segments"):
        sql = f"DELETE FROM {table} WHERE key IN (SELECT DISTINCT payload FROM events WHERE session = ?)"
        db.execute(sql, (known.key,))
    for table in ("events", "session_models", "session_providers", "environments"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (known.key,))
    db.execute("DELETE FROM sessions WHERE key = ?", (known.key,))


def _values(known: Known) -> Row:
    facts, statistics = known.facts, known.statistics
    start_ns, end_ns = known.place[0], ended_ns(facts) or 0
    return (
        start_ns,
        end_ns,
        max(0, (end_ns or facts.activity_ns or 0) - start_ns) if facts.start_ns is not None else 0,
        facts.end.state if facts.end else "Indeterminate",
        may_run(facts),
        sum(process.dropped for process in facts.processes.values()),
        _dumped(facts),
        known.twins,
        *(getattr(statistics, name) for name in COUNTS),
        statistics.prompt_tokens + statistics.completion_tokens,
        decimal_text(statistics.cost),
        float(statistics.cost),
    )


def _dumped(facts: SessionFacts) -> str:
    return json.dumps(facts_json(facts), ensure_ascii=False, separators=(",", ":"))


# --- host environments -----------------------------------------------------------------------------------------------


def environments(db: sqlite3.Connection, key: int, session_id: str) -> SessionFacts:
    """Facts that hold the host environments of a session and nothing else."""
    row = db.execute("SELECT facts FROM environments WHERE session = ?", (key,)).fetchone()
    return facts_from_json(session_id, json.loads(row[0])) if row else SessionFacts(session_id)


def put_environments(db: sqlite3.Connection, key: int, facts: SessionFacts) -> None:
    """Write all host environments of a session."""
    db.execute("INSERT OR REPLACE INTO environments (session, facts) VALUES (?, ?)", (key, _dumped(facts)))


# --- listings --------------------------------------------------------------------------------------------------------


def _hosts_of(facts: SessionFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.host for key in facts.processes))


_LISTED: tuple[tuple[str, Callable[[SessionFacts], Sequence[str]]], ...] = (("tag", tags_of), ("host", _hosts_of))
"""What facts list a session by: the column, and what they say. The table is `session_` and its plural."""


def put_listed(db: sqlite3.Connection, project_id: str, before: Known, after: Known) -> None:
    """Bring the listings by tag, by host and of who else may read it from what the facts said to what they say."""
    for column, said in _LISTED:
        if (said(before.facts), before.place) != (said(after.facts), after.place):
            _drop_from(db, project_id, before, column, said(before.facts))
            db.executemany(
                f"INSERT INTO session_{column}s (project_id, {column}, start_ns, session_id, session) "
                "VALUES (?, ?, ?, ?, ?)",
                [(project_id, one, *after.place, after.key) for one in said(after.facts)],
            )
    if before.place != after.place:
        db.execute(_MOVE_SHARED, (after.place[0], project_id, after.facts.session_id))


def drop_listed(db: sqlite3.Connection, project_id: str, known: Known) -> None:
    """Take a session out of the listings by tag and by host, and of who else may read it."""
    for column, said in _LISTED:
        _drop_from(db, project_id, known, column, said(known.facts))
    db.execute(_DROP_SHARED, (project_id, known.facts.session_id))


def _drop_from(db: sqlite3.Connection, project_id: str, known: Known, column: str, values: Sequence[str]) -> None:
    db.executemany(
        f"DELETE FROM session_{column}s WHERE project_id = ? AND {column} = ? AND start_ns = ? AND session_id = ?",
        [(project_id, one, *known.place) for one in values],
    )


def put_models(db: sqlite3.Connection, project_id: str, known: Known, changes: Mapping[str, Statistics]) -> None:
    """Add changes to the sums by model; a model without a call left goes away."""
    for model, change in changes.items():
        where = (known.key, model)
        row = db.execute(_SELECT_MODEL, where).fetchone()
        now = change + statistics_of(MODEL_COUNTS, row) if row else change
        if now.llms:
            values: Iterable[Any] = (getattr(now, name) for name in MODEL_COUNTS)
            db.execute(_INSERT_MODEL, (*where, project_id, *known.place, *values, decimal_text(now.cost)))
        else:
            db.execute("DELETE FROM session_models WHERE session = ? AND model = ?", where)


def put_providers(db: sqlite3.Connection, project_id: str, known: Known, changes: Mapping[str, int]) -> None:
    """Add changes to the calls by provider; a provider without a call left goes away."""
    for provider, change in changes.items():
        db.execute(_ADD_PROVIDER, (known.key, provider, project_id, *known.place, change))
        if change <= 0:
            db.execute(_DROP_PROVIDER, (known.key, provider))


def replace_sums(db: sqlite3.Connection, project_id: str, known: Known, sums: Sums) -> None:
    """Write all sums by model and the calls by provider anew."""
    for table in ("session_models", "session_providers"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (known.key,))
    put_models(db, project_id, known, sums.by_model)
    put_providers(db, project_id, known, sums.providers)


def move_sums(db: sqlite3.Connection, known: Known) -> None:
    """Follow a changed start in the listings by model and by provider."""
    for table in ("session_models", "session_providers"):
        db.execute(f"UPDATE {table} SET start_ns = ? WHERE session = ?", (known.place[0], known.key))


SHARE = (
    "INSERT OR IGNORE INTO shared_sessions (project_id, session_id, reader_project_id, start_ns) SELECT ?, ?, ?, "
    "coalesce((SELECT start_ns FROM sessions WHERE project_id = ? AND session_id = ?), 0)"
)
OWNER_OF_SHARED = "SELECT project_id FROM shared_sessions WHERE reader_project_id = ? AND session_id = ?"
_OF_SHARED = "shared_sessions INDEXED BY shared_by_session"
_MOVE_SHARED = f"UPDATE {_OF_SHARED} SET start_ns = ? WHERE project_id = ? AND session_id = ?"
_DROP_SHARED = f"DELETE FROM {_OF_SHARED} WHERE project_id = ? AND session_id = ?"
_INSERT_MODEL = (
    f"INSERT OR REPLACE INTO session_models (session, model, project_id, start_ns, session_id, "
    f"{', '.join(MODEL_COUNTS)}, cost) VALUES ({marks(len(MODEL_COUNTS) + 6)})"
)
_SELECT_MODEL = f"SELECT {', '.join(MODEL_COUNTS)}, cost FROM session_models WHERE session = ? AND model = ?"
_ADD_PROVIDER = (
    "INSERT INTO session_providers (session, provider, project_id, start_ns, session_id, llms) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session, provider) DO UPDATE SET llms = llms + excluded.llms"
)
_DROP_PROVIDER = "DELETE FROM session_providers WHERE session = ? AND provider = ? AND llms <= 0"
