"""The SQL of the overview. Every statement walks one index over the span of time that is asked for.

Sums of whole quarters of a day are kept (`roll_up`), and only the sessions of stale quarters are read; see migration
0015. A span that is not made of quarters is summed from its sessions.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from agentops_otel.records import LLMCall
from agentops_otel.store.overview import CALLS_FROM, TOP, Group, OverviewQuery, Share
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, event_of
from agentops_otel.store.sqlite.sessions import Known, marks

QUARTER_NS = 6 * 3_600_000_000_000
"""What sums are kept of, in nanoseconds since the epoch; the steps of the longer spans are multiples of it."""

_EVENT = ", ".join(f"e.{column}" for column in ALL_COLUMNS)
_SPAN = "s.project_id = :project AND s.start_ns >= :since AND s.start_ns < :until"
_DURATION = "coalesce(CAST(CAST(printf('%.2e', nullif(s.duration_ns, 0)) AS REAL) AS INTEGER), 0)"
_STEP = f"({{}} * {QUARTER_NS} - :since) / :step"
_STALE = (
    "overview_stale q CROSS JOIN",
    "q.project_id = :project AND q.quarter >= :first AND q.quarter < :behind AND s.project_id = q.project_id "
    f"AND s.start_ns >= q.quarter * {QUARTER_NS} AND s.start_ns < (q.quarter + 1) * {QUARTER_NS}",
)


class _Sums(NamedTuple):
    """What is added up: the table that keeps it by quarter, what it is by and what is summed there, each by its column,
    and where both are found among the sessions `s` of a span, which are `walked` by this index."""

    table: str
    by: dict[str, str]
    values: dict[str, str]
    walked: str = "sessions_overview"
    more: str = ""
    only: str = ""

    def found(self, step: str, *, span: tuple[str, str] = ("", _SPAN)) -> str:
        """A row for each session (and model, or tag) of the span."""
        columns = ", ".join(f"{said} AS {name}" for name, said in (self.by | self.values).items())
        return (
            f"SELECT {step} AS step, {columns} FROM {span[0]} sessions s INDEXED BY {self.walked} {self.more} "
            f"WHERE {span[1]} {self.only}"
        )

    def kept(self) -> str:
        """The same of quarters: what is kept, and a row for each session of a stale one."""
        columns = ", ".join((*self.by, *self.values))
        return (
            f"SELECT {_STEP.format('quarter')} AS step, {columns} FROM {self.table} "
            "WHERE project_id = :project AND quarter >= :first AND quarter < :behind "
            f"UNION ALL {self.found(_STEP.format('q.quarter'), span=_STALE)}"
        )

    def summed(self, rows: str, by: tuple[str, ...]) -> str:
        """Sums of rows."""
        columns = ", ".join((*by, *(f"sum({name})" for name in self.values)))
        return f"SELECT {columns} FROM ({rows}) GROUP BY {', '.join(by)}"

    def rolled_up(self) -> str:
        """Keeps the sums of a span, which is a quarter."""
        rows = self.summed(self.found("0"), tuple(self.by))
        columns = ", ".join(("project_id", "quarter", *self.by, *self.values))
        return f"INSERT INTO {self.table} ({columns}) SELECT :project, :first, * FROM ({rows})"


_GROUPS = _Sums(
    "overview_groups",
    {"end_state": "s.end_state", "duration_ns": _DURATION},
    {
        "sessions": "1",
        "prompt_tokens": "s.prompt_tokens",
        "cache_read_tokens": "s.cache_read_tokens",
        "completion_tokens": "s.completion_tokens",
        "cost_usd": "s.cost_usd",
        "unpriced_llms": "s.unpriced_llms",
    },
)
_MODELS = _Sums(
    "overview_models",
    {"model": "n.model"},
    {"cost_usd": "CAST(n.cost AS REAL)", "unpriced_llms": "n.unpriced_llms"},
    more="CROSS JOIN session_models n ON n.session = s.key",
)
_TAGS = _Sums(
    "overview_tags",
    {"tag": "t.tag"},
    {"cost_usd": "s.cost_usd", "unpriced_llms": "s.unpriced_llms"},
    more="CROSS JOIN session_tags t INDEXED BY session_tags_by_session ON t.session = s.key",
)
_REASONS = _Sums(
    "overview_reasons",
    {"reason": "coalesce(json_extract(s.facts, '$.end[4]'), '')"},
    {"sessions": "1"},
    walked="sessions_by_state",
    only="AND s.end_state = 'Failure'",
)
_DEAREST = (
    f"{sessions.SELECT} FROM sessions s WHERE s.key IN "
    f"(SELECT s.key FROM sessions s INDEXED BY sessions_overview WHERE {_SPAN} AND s.cost_usd > 0 "
    f"ORDER BY s.cost_usd DESC, s.key LIMIT {CALLS_FROM}) "
    "ORDER BY s.cost_usd DESC, s.session_id"
)


def groups(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Group]:
    """Sessions by step, end state and duration."""
    rows = db.execute(*_asked(_GROUPS, project_id, query, "step", *_GROUPS.by))
    return [Group(step, state, duration_ns or None, *sums) for step, state, duration_ns, *sums in rows]


def by_model(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Share]:
    """Costs of models by step."""
    return [Share(*row) for row in db.execute(*_asked(_MODELS, project_id, query, "step", "model"))]


def by_tag(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Share]:
    """Costs of sessions by step and tag."""
    return [Share(*row) for row in db.execute(*_asked(_TAGS, project_id, query, "step", "tag"))]


def reasons(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[tuple[str, int]]:
    """Why sessions failed, the most frequent reasons first."""
    sql, values = _asked(_REASONS, project_id, query, "reason")
    return db.execute(f"{sql} ORDER BY 2 DESC, 1 LIMIT {TOP}", values).fetchall()


def dearest(db: sqlite3.Connection, project_id: str, query: OverviewQuery) -> list[Known]:
    """The dearest sessions, as many as `dearest_calls` looks at."""
    return [sessions.session_of(row) for row in db.execute(_DEAREST, _values(project_id, query))]


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


def stale_quarter(db: sqlite3.Connection, until_ns: int) -> tuple[str, int] | None:
    """A project and a quarter of it that was over by then and has no sums, if there is one."""
    sql = "SELECT project_id, quarter FROM overview_stale WHERE quarter < ? LIMIT 1"
    row = db.execute(sql, (until_ns // QUARTER_NS,)).fetchone()
    return tuple(row) if row else None


def roll_up(db: sqlite3.Connection, project_id: str, quarter: int) -> None:
    """Keep the sums of a quarter. Call inside a write transaction."""
    forgotten = db.execute("DELETE FROM overview_stale WHERE project_id = ? AND quarter = ?", (project_id, quarter))
    if forgotten.rowcount:
        since = quarter * QUARTER_NS
        for sums in (_GROUPS, _MODELS, _TAGS, _REASONS):
            db.execute(sums.rolled_up(), _values(project_id, OverviewQuery(since, since + QUARTER_NS, QUARTER_NS)))


def _asked(sums: _Sums, project_id: str, query: OverviewQuery, *by: str) -> tuple[str, dict[str, Any]]:
    in_quarters = not any(ns % QUARTER_NS for ns in (query.since_ns, query.until_ns, query.step_ns))
    rows = sums.kept() if in_quarters else sums.found("(s.start_ns - :since) / :step")
    return sums.summed(rows, by), _values(project_id, query)


def _values(project_id: str, query: OverviewQuery) -> dict[str, Any]:
    return {
        "project": project_id,
        "since": query.since_ns,
        "until": query.until_ns,
        "step": query.step_ns,
        "first": query.since_ns // QUARTER_NS,
        "behind": query.until_ns // QUARTER_NS,
    }
