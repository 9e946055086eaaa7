"""One session as labelled lines, many as a table, their models as another."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from agentops_otel.records import Session, Statistics
from agentops_otel.text.layout import WIDTH, Column, needed, plain, table
from agentops_otel.text.values import (
    UNKNOWN,
    cost_text,
    duration_text,
    events_text,
    losses_text,
    moment_text,
    short_cost,
    state_text,
    tokens_count,
    tokens_text,
)

SHORT_ID = 8
"""Characters of a shortened id; more where two ids of one table need them."""

_LABEL = 9


def session_table(session: Session, width: int = WIDTH) -> str:
    """A session as lines of `label    value`, labels padded to 9 columns. Long values wrap: nothing is cut off."""
    statistics = session.statistics
    rows = [
        ("session", session.session_id),
        ("state", state_text(session)),
        ("reason", session.end_state_reason),
        ("started", f"{moment_text(session.init_timestamp)} UTC" if session.init_timestamp is not None else UNKNOWN),
        ("duration", duration_text(session.duration_ns)),
        ("cost", cost_text(statistics)),
        ("tokens", tokens_text(statistics)),
        ("events", events_text(statistics)),
        ("lost", losses_text(statistics)),
        ("agents", ", ".join(agent.name or agent.agent_id for agent in session.agents)),
        ("tags", ", ".join(session.tags)),
        ("process", _processes_text(session)),
        ("video", session.video),
    ]
    return "\n".join(_labelled(label, value, width) for label, value in rows if value)


def _labelled(label: str, value: str, width: int) -> str:
    space = " " * _LABEL
    wrapped = textwrap.wrap(plain(value), max(20, width - _LABEL), break_on_hyphens=False)
    return f"{label:<{_LABEL}}" + f"\n{space}".join(wrapped)


def _processes_text(session: Session) -> str:
    """Named only where there are several: of one there is nothing to tell apart."""
    if len(session.processes) < 2:
        return ""
    return ", ".join(f"{process.pid} on {process.host}" for process in session.processes)


def sessions_table(sessions: Sequence[Session], width: int = WIDTH) -> str:
    """A line for each session under a header. Where the width is short, ids are shortened, then columns left out, then
    tags cut."""
    ids = [session.session_id for session in sessions]
    whole = _columns(sessions, [plain(one) for one in ids])
    return table(whole if needed(whole) <= width else _columns(sessions, shortened(ids)), width)


def _columns(sessions: Sequence[Session], ids: Sequence[str]) -> list[Column]:
    statistics = [session.statistics for session in sessions]
    tokens = [tokens_count(one.prompt_tokens + one.completion_tokens) for one in statistics]
    return [
        Column("session", ids),
        Column("started (UTC)", [moment_text(session.init_timestamp)[:16] for session in sessions]),
        Column("state", [state_text(session) for session in sessions]),
        Column("time", [duration_text(session.duration_ns) for session in sessions], right=True),
        Column("cost", [short_cost(one) for one in statistics], right=True),
        Column("tokens", tokens, right=True, drop=2),
        Column("calls", [f"{one.llms:,}" for one in statistics], right=True, drop=1),
        Column("errors", [f"{one.errors:,}" for one in statistics], right=True, drop=3),
        Column("tags", [", ".join(session.tags) for session in sessions], shrinks=True),
    ]


def shortened(ids: Sequence[str]) -> list[str]:
    """The ids cut to 8 characters, all of them to more where two would look alike."""
    longest = max(map(len, ids), default=0)
    enough = (n for n in range(SHORT_ID, longest) if len({one[:n] for one in ids}) == len(set(ids)))
    length = next(enough, longest)
    return [plain(one[:length]) for one in ids]


def models_table(by_model: Mapping[str, Statistics], width: int = WIDTH) -> str:
    """Calls, tokens and cost of each model, the most expensive first; "" if there are none."""
    if not by_model:
        return ""
    names = sorted(by_model, key=lambda name: (-by_model[name].cost, name))
    sums = [by_model[name] for name in names]
    columns = [
        Column("model", names, shrinks=True),
        Column("calls", [f"{one.llms:,}" for one in sums], right=True),
        Column("tokens in", [tokens_count(one.prompt_tokens) for one in sums], right=True),
        Column("cached", [f"{one.cache_read_tokens:,}" for one in sums], right=True, drop=1),
        Column("out", [tokens_count(one.completion_tokens) for one in sums], right=True),
        Column("cost", [short_cost(one) for one in sums], right=True),
    ]
    return table(columns, width)
