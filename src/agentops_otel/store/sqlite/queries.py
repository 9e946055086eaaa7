"""The SQL of listings and totals. Which index is walked is said here (INDEXED BY), and not left to the planner: with or
without ANALYZE it may take one that reads or sorts everything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from agentops_otel.records import EXACT, plain_decimal
from agentops_otel.store.base import EventQuery, Place, SessionQuery, SessionSort, TotalsBy, TotalsRow
from agentops_otel.store.sqlite import sessions
from agentops_otel.store.sqlite.appending import SELECT_EVENT
from agentops_otel.store.sqlite.sessions import COUNTS, MODEL_COUNTS, marks, statistics_of

Statement = tuple[str, list[Any]]
"""SQL and its values."""

DECIDED_BY_RECORD = ("running", "min_cost", "max_cost", "min_duration_ns", "max_duration_ns", "reason", "text")
"""Filters that SQL decides not at all, or not exactly."""

_AFTER_ANY_TEXT = "\U0010ffff"


SORTED_BY: dict[SessionSort, str] = {
    "start": "start_ns",
    "end": "end_ns",
    "duration": "duration_ns",
    "cost": "cost_usd",
    "tokens": "tokens",
    "errors": "errors",
}
"""The column of `sessions` for each order; each has an index with the project before it and the id after it."""


class _Group(NamedTuple):
    """A table that lists sessions by one value of theirs: the filter, which is its column, and the name of its rows in
    a listing. `by_session`: its key begins with the session, and an index has the order of listings."""

    filter: str
    name: str
    by_session: bool

    def source(self, name: str) -> str:
        """The table, to be walked in the order of listings."""
        index = f" INDEXED BY sessions_by_{self.filter}" if self.by_session else ""
        return f"session_{self.filter}s {name}{index}"

    @property
    def has(self) -> str:
        """Whether a session `s` has a value."""
        same = (
            "x.session = s.key"
            if self.by_session
            else "x.project_id = s.project_id AND x.start_ns = s.start_ns AND x.session_id = s.session_id"
        )
        return f"EXISTS (SELECT 1 FROM session_{self.filter}s x WHERE {same} AND x.{self.filter} = ?)"


_GROUPS = (
    *(_Group("tag", "t", False), _Group("model", "m", True)),
    *(_Group("provider", "p", True), _Group("host", "h", False)),
)

_NOT_OWN = (
    "NOT EXISTS (SELECT 1 FROM sessions o WHERE o.project_id = r.reader_project_id AND o.session_id = r.session_id)"
)
"""Whether the reader of a shared session has none with its id."""

FEW = 2000
"""So many sessions are sorted rather than that all are walked in the order asked for."""


def listing(
    project_id: str,
    query: SessionQuery,
    place: Place | None,
    limit: int,
    *,
    few: bool = False,
    telling: str | None = None,
) -> Statement:
    """Sessions of the project that the query may select, in its order, or, for `query.shared`, those of other projects
    that it may read; `base.selects` decides exactly. Their project comes last. `few`: there are not many with its tag,
    model, provider or host. `telling` is a JSON list of the keys of those whose events say its text."""
    source, at = _source(query, few)
    where, values = _where(project_id, query, few)
    if query.text is not None and telling is not None and _is_plain(query.text):
        where += f" AND {_MAY_MENTION}"
        part = "%" + re.sub(r"([%_\\])", r"\\\1", query.text) + "%"
        values += [telling, part, part]
    by = f"{at if query.sort == 'start' else 's'}.{SORTED_BY[query.sort]}"
    direction, opposite, past, after = ("ASC", "DESC", ">", "<") if query.ascending else ("DESC", "ASC", "<", ">")
    if place is not None:
        where += f" AND {by} {past}= ? AND ({by} {past} ? OR {at}.session_id {after} ?)"
        values += [place[0], *place]
    return (
        f"{sessions.SELECT}, s.project_id FROM {source} WHERE {where} "
        f"ORDER BY {by} {direction}, {at}.session_id {opposite} LIMIT ?",
        [*values, limit],
    )


_MAY_MENTION = (
    "(s.key IN (SELECT value FROM json_each(?)) OR s.session_id LIKE ? ESCAPE '\\' OR s.facts LIKE ? ESCAPE '\\' "
    "OR s.end_state = 'Indeterminate' OR s.session_id || s.facts GLOB '*[^ -~]*')"
)
"""Whether `facts`, which hold tags, agents and reasons, may mention a plain text. The reason of a session that nobody
ended is not in them, and LIKE knows the case of ASCII alone."""


def _is_plain(text: str) -> bool:
    """Whether JSON writes the text as it is, and LIKE takes it."""
    return text.isascii() and text.isprintable() and not set(text) & {'"', "\\"} and len(text) < 1000


def count_of_group(project_id: str, query: SessionQuery) -> Statement | None:
    """How many sessions are in the first group of the query, counted up to just above FEW; None if it has none."""
    for group in _GROUPS:
        if (value := getattr(query, group.filter)) is not None:
            some = f"SELECT 1 FROM {group.source('g')} WHERE project_id = ? AND {group.filter} = ? LIMIT {FEW + 1}"
            return f"SELECT count(*) FROM ({some})", [project_id, value]
    return None


def _source(query: SessionQuery, few: bool) -> tuple[str, str]:
    """What to walk, and the name of the table in it whose start and id give the order."""
    if query.shared:
        index = "sqlite_autoindex_shared_sessions_1" if query.id_prefix else "shared_by_start"
        same = "s.project_id = r.project_id AND s.session_id = r.session_id"
        return f"shared_sessions r INDEXED BY {index} CROSS JOIN sessions s ON {same}", "r"
    if query.id_prefix:
        return "sessions s INDEXED BY sqlite_autoindex_sessions_1", "s"
    if query.sort != "start" and not few:
        return f"sessions s INDEXED BY sessions_by_{query.sort}", "s"
    for group in _GROUPS:
        if getattr(query, group.filter) is not None:
            return f"{group.source(group.name)} CROSS JOIN sessions s ON s.key = {group.name}.session", group.name
    if query.running:
        return "sessions s INDEXED BY sessions_may_run", "s"
    if query.has_errors:
        return "sessions s INDEXED BY sessions_with_errors", "s"
    if query.end_state is not None:
        return "sessions s INDEXED BY sessions_by_state", "s"
    return "sessions s INDEXED BY sessions_by_start", "s"


def _where(project_id: str, query: SessionQuery, few: bool = True) -> Statement:
    conditions = list(_conditions(project_id, query, few))
    return " AND ".join(text for text, _ in conditions), [value for _, given in conditions for value in given]


def _conditions(project_id: str, query: SessionQuery, few: bool) -> Iterator[tuple[str, tuple[Any, ...]]]:
    _, at = _source(query, few)
    if query.shared:
        yield f"r.reader_project_id = ? AND {_NOT_OWN}", (project_id,)
    else:
        yield f"{at}.project_id = ?", (project_id,)
    if query.since_ns is not None:
        yield f"{at}.start_ns >= ?", (query.since_ns,)
    if query.until_ns is not None:
        yield f"{at}.start_ns < ?", (query.until_ns,)
    if query.id_prefix:
        yield f"{at}.session_id >= ? AND {at}.session_id < ?", (query.id_prefix, query.id_prefix + _AFTER_ANY_TEXT)
    for group in _GROUPS:
        if (value := getattr(query, group.filter)) is not None:
            yield f"{at}.{group.filter} = ?" if at == group.name else group.has, (value,)
    if query.running:
        yield "s.may_run", ()
    if query.has_errors is not None:
        yield "s.errors > 0" if query.has_errors else "s.errors = 0", ()
    if query.end_state is not None:
        yield "s.end_state = ?", (query.end_state,)
    if query.reason is not None:  # of a session that nobody ended it is not in `facts`
        yield "(s.end_state = 'Indeterminate' OR coalesce(json_extract(s.facts, '$.end[4]'), '') = ?)", (query.reason,)
    if query.min_cost is not None:  # a REAL is only near the exact cost
        yield "s.cost_usd >= ?", (float(query.min_cost) - abs(float(query.min_cost)) * 1e-9,)
    if query.max_cost is not None:
        yield "s.cost_usd <= ?", (float(query.max_cost) + abs(float(query.max_cost)) * 1e-9,)
    if query.min_duration_ns is not None:
        yield "s.duration_ns >= ?", (query.min_duration_ns,)
    if query.max_duration_ns is not None:
        yield "s.duration_ns <= ?", (query.max_duration_ns,)


def ids(project_id: str, prefix: str, limit: int) -> Statement:
    """Session ids that start so."""
    return (
        "SELECT session_id FROM sessions INDEXED BY sqlite_autoindex_sessions_1 "
        "WHERE project_id = ? AND session_id >= ? AND session_id < ? ORDER BY session_id LIMIT ?",
        [project_id, prefix, prefix + _AFTER_ANY_TEXT, limit],
    )


def models(project_id: str, session_ids: Sequence[str]) -> Statement:
    """Session ids and their models, by name."""
    return (
        "SELECT s.session_id, m.model FROM sessions s INDEXED BY sqlite_autoindex_sessions_1 "
        "CROSS JOIN session_models m ON m.session = s.key "
        f"WHERE s.project_id = ? AND s.session_id IN ({marks(len(session_ids))}) ORDER BY s.session_id, m.model",
        [project_id, *session_ids],
    )


def changes(project_id: str, session_ids: Sequence[str]) -> Statement:
    """Session ids and the numbers of their appends."""
    return (
        "SELECT session_id, changes FROM sessions INDEXED BY sqlite_autoindex_sessions_1 "
        f"WHERE project_id = ? AND session_id IN ({marks(len(session_ids))})",
        [project_id, *session_ids],
    )


def event_listing(project_id: str, session_id: str, query: EventQuery, place: Place | None, limit: int) -> Statement:
    """Events by start, then id, or the other way round; the table is clustered in this order."""
    past, direction = ("<", "DESC") if query.latest_first else (">", "ASC")
    by_id = "INDEXED BY events_by_id " if query.event_id is not None else ""
    where, values = "s.project_id = ? AND s.session_id = ?", [project_id, session_id]
    if query.event_id is not None:
        where += " AND e.event_id = ?"
        values.append(query.event_id)
    if query.types:
        where += f" AND e.type IN ({marks(len(query.types))})"
        values.extend(query.types)
    if not query.told:
        where += " AND e.twin_of IS NULL"
    if place is not None:
        where += f" AND (e.start_ns, e.event_id) {past} (?, ?)"
    return (
        f"{SELECT_EVENT} FROM sessions s CROSS JOIN events e {by_id}ON e.session = s.key "
        f"WHERE {where} ORDER BY e.start_ns {direction}, e.event_id {direction} LIMIT ?",
        [*values, *(place or ()), limit],
    )


def twins_of(session: int, event_ids: Sequence[str]) -> Statement:
    """The events that repeat one of these, in the columns of `event_listing`, after the id of the one they repeat."""
    return (
        f"{SELECT_EVENT}, e.twin_of FROM events e INDEXED BY events_by_twin "
        f"WHERE e.session = ? AND e.twin_of IN ({marks(len(event_ids))})",
        [session, *event_ids],
    )


LEFT_OUT = (
    "SELECT event_id, trace_id, span_id, parent_id, twin_of FROM events INDEXED BY events_by_twin "
    "WHERE session = ? AND twin_of IS NOT NULL"
)
"""The events of a session that repeat another, as `dedupe.LeftOut` takes them."""

UNSETTLED = "FROM sessions s INDEXED BY sessions_unsettled WHERE s.twins < 0"
"""The sessions that may have twins nobody has looked for."""

OWNERS_UNSETTLED = (
    f"SELECT DISTINCT s.project_id {UNSETTLED} AND EXISTS (SELECT 1 FROM shared_sessions r "
    "WHERE r.reader_project_id = ? AND r.session_id = s.session_id AND r.project_id = s.project_id)"
)
"""The projects of such sessions that another project may read."""

PROJECTS = (
    "WITH RECURSIVE found(id) AS (SELECT min(project_id) FROM sessions UNION ALL "
    "SELECT (SELECT min(project_id) FROM sessions WHERE project_id > id) FROM found WHERE id IS NOT NULL) "
    "SELECT id FROM found WHERE id IS NOT NULL"
)
"""Every project that has a session, by name: a step in the index for each, rather than one for each session."""

USED_BYTES = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)

# --- totals ----------------------------------------------------------------------------------------------------------

UNPRICED = (
    "SELECT model, sum(unpriced_llms) FROM session_models GROUP BY model HAVING sum(unpriced_llms) > 0 ORDER BY model"
)
"""Calls without a known price, by model."""

_KEYS = {"day": "date(s.start_ns / 1000000000, 'unixepoch')", "end_state": "s.end_state", "model": "n.model"}
_SESSION_SUMS = ", ".join(f"sum(s.{name})" for name in COUNTS) + ", sum(s.dropped), exact_sum(s.cost)"
_MODEL_SUMS = ", ".join(f"sum(n.{name})" for name in MODEL_COUNTS) + ", sum(n.llms), exact_sum(n.cost)"


def totals(project_id: str, query: SessionQuery, by: TotalsBy, keys: str | None) -> Statement:
    """Sums over sessions by key. `keys` is a JSON list of row keys that stands for a filter SQL cannot decide."""
    query = replace(query, sort="start", shared=False)
    source, _ = _source(query, few=True)
    where, values = _where(project_id, query)
    if keys is not None:
        where, values = f"{where} AND s.key IN (SELECT value FROM json_each(?))", [*values, keys]
    models = " CROSS JOIN session_models n ON n.session = s.key" if by == "model" else ""
    sums = _MODEL_SUMS if by == "model" else _SESSION_SUMS
    return f"SELECT {_KEYS[by]}, count(*), {sums} FROM {source}{models} WHERE {where} GROUP BY 1 ORDER BY 1", values


def totals_row(by: TotalsBy, row: tuple[Any, ...]) -> TotalsRow:
    """A row of `totals`. Of a model call every one is an event."""
    key, count, *sums = row
    names = (*MODEL_COUNTS, "events") if by == "model" else (*COUNTS, "dropped")
    return TotalsRow(key=key, sessions=count, statistics=statistics_of(names, sums))


class ExactSum:
    """An SQL aggregate over decimal texts that does not round."""

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, cost: str) -> None:
        """Take one cost in."""
        self._sum = EXACT.add(self._sum, Decimal(cost))

    def finalize(self) -> str:
        """The sum as text."""
        return str(plain_decimal(self._sum))


SPAN = (
    "SELECT s.session_id, e.event_id FROM sessions s CROSS JOIN events e ON e.session = s.key "
    "WHERE s.project_id = ? AND ? IN (e.span_id, e.event_id) ORDER BY e.twin_of IS NOT NULL, e.start_ns DESC LIMIT 1"
)
"""The session and the event of a span, of several the newest. No index: it would cost every event, and few ask."""
