"""The SQL of the overview. Every statement walks one index over the span of time that is asked for."""

from __future__ import annotations

import sqlite3

from agentops_otel.records import LLMCall
from agentops_otel.store.overview import CALLS_FROM, TOP, Group, OverviewQuery, Share
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, event_of
from agentops_otel.store.sqlite.sessions import Known, marks

_EVENT = ", ".join(f"e.{column}" for column in ALL_COLUMNS)
_SPAN = "s.project_id = ? AND s.start_ns >= ? AND s.start_ns < ?"
_IN_SPAN = f"FROM sessions s INDEXED BY sessions_overview WHERE {_SPAN}"
_DURATION = "CAST(CAST(printf('%.2e', nullif(s.duration_ns, 0)) AS REAL) AS INTEGER)"
_GROUPS = (
    f"SELECT (s.start_ns - ?) / ?, s.end_state, nullif({_DURATION}, 0), count(*), sum(s.prompt_tokens), "
    "sum(s.cache_read_tokens), sum(s.completion_tokens), sum(s.cost_usd), sum(s.unpriced_llms) "
    f"{_IN_SPAN} GROUP BY 1, 2, 3"
)
_BY_MODEL = (
    "SELECT (s.start_ns - ?) / ?, n.model, sum(CAST(n.cost AS REAL)), sum(n.unpriced_llms) "
    "FROM sessions s INDEXED BY sessions_overview CROSS JOIN session_models n ON n.session = s.key "
    f"WHERE {_SPAN} GROUP BY 1, 2"
)
_BY_TAG = (
    "SELECT (t.start_ns - ?) / ?, t.tag, sum(s.cost_usd), sum(s.unpriced_llms) "
    "FROM session_tags t CROSS JOIN sessions s ON s.key = t.session "
    "WHERE t.project_id = ? AND t.start_ns >= ? AND t.start_ns < ? GROUP BY 1, 2"
)
_DEAREST = (
    f"{sessions.SELECT} FROM sessions s WHERE s.key IN "
    f"(SELECT s.key {_IN_SPAN} AND s.cost_usd > 0 ORDER BY s.cost_usd DESC, s.key LIMIT {CALLS_FROM}) "
    "ORDER BY s.cost_usd DESC, s.session_id"
)
_REASONS = (
    "SELECT coalesce(json_extract(s.facts, '$.end[4]'), ''), count(*) FROM sessions s INDEXED BY sessions_by_state "
    f"WHERE {_SPAN} AND s.end_state = 'Failure' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {TOP}"
)


def groups(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Group]:
    """Sessions by step, end state and duration."""
    return [Group(*row) for row in db.execute(_GROUPS, _stepped(project_id, query))]


def by_model(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Share]:
    """Costs of models by step."""
    return [Share(*row) for row in db.execute(_BY_MODEL, _stepped(project_id, query))]


def by_tag(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Share]:
    """Costs of sessions by step and tag."""
    return [Share(*row) for row in db.execute(_BY_TAG, _stepped(project_id, query))]


def reasons(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[tuple[str, int]]:
    """Why sessions failed, the most frequent reasons first."""
    return db.execute(_REASONS, _span(project_id, query)).fetchall()


def dearest(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Known]:
    """The dearest sessions, as many as `dearest_calls` looks at."""
    return [sessions.session_of(row) for row in db.execute(_DEAREST, _span(project_id, query))]


def dearest_calls(db: sqlite3.Connection, among: list[Known]) -> list[LLMCall]:
    """The dearest model calls of these sessions, without their large fields."""
    sql = (
        f"SELECT s.session_id, e.type, {_EVENT} FROM events e CROSS JOIN sessions s ON s.key = e.session "
        f"WHERE e.session IN ({marks(len(among))}) AND e.type = 'llms' AND e.twin_of IS NULL "
        f"AND CAST(e.cost AS REAL) > 0 ORDER BY CAST(e.cost AS REAL) DESC, e.event_id LIMIT {TOP}"
    )
    rows = db.execute(sql, [known.key for known in among])
    found = [event_of(session_id, event_type, tuple(slim), None) for session_id, event_type, *slim in rows]
    return [event for event in found if isinstance(event, LLMCall)]


def _span(project_id: str, query: OverviewQuery) -> tuple[str, int, int]:
    return project_id, query.since_ns, query.until_ns


def _stepped(project_id: str, query: OverviewQuery) -> tuple[int, int, str, int, int]:
    return query.since_ns, query.step_ns, *_span(project_id, query)
