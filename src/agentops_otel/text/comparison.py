"""Two sessions side by side, as plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from agentops_otel.comparison import Comparison, Difference, Pair, Step
from agentops_otel.records import Session
from agentops_otel.text.layout import WIDTH, Column, table
from agentops_otel.text.values import UNKNOWN, counted, dollars, duration_text, short_cost, state_text

KINDS = {"llms": "llm", "tools": "tool", "actions": "action", "errors": "error"}

LABELS = {
    "cost_usd": "cost",
    "duration_ns": "duration",
    "prompt_tokens": "tokens in",
    "cache_read_tokens": "cached",
    "completion_tokens": "tokens out",
    "llms": "model calls",
    "tools": "tools",
    "actions": "actions",
    "errors": "errors",
}
"""The sums of a comparison, as a person calls them."""


def comparison_text(comparison: Comparison, width: int = WIDTH) -> str:
    """The sums of both, tools that were called another number of times, and the steps that differ."""
    parts = [_sums(comparison, width)]
    if comparison.tools:
        parts.append(_tools(comparison.tools, width))
    parts.append(_steps(comparison.pairs, width))
    return "\n\n".join(parts)


def _sums(comparison: Comparison, width: int) -> str:
    a, b = comparison.a, comparison.b
    names = ["session", "state", *(LABELS[one.name] for one in comparison.sums)]
    columns = [
        Column("", names),
        Column(
            "a", [a.session_id, state_text(a), *(sum_text(one.name, one.a, a) for one in comparison.sums)], shrinks=True
        ),
        Column(
            "b", [b.session_id, state_text(b), *(sum_text(one.name, one.b, b) for one in comparison.sums)], shrinks=True
        ),
        Column("change", ["", "", *(change_text(one) for one in comparison.sums)], right=True),
    ]
    return table(columns, width)


def sum_text(name: str, value: Decimal | int | None, session: Session | None = None) -> str:
    """A sum of a comparison; the cost as a lower bound where it is one in the session."""
    if value is None:
        return UNKNOWN
    if name == "cost_usd":
        return short_cost(session.statistics) if session else dollars(Decimal(value))
    return duration_text(int(value)) if name == "duration_ns" else f"{value:,}"


def change_text(one: Difference) -> str:
    """`+$0.002`, `-1.2 s`, `+3`; "" where there is none, "–" where it is not known."""
    if one.change is None:
        return UNKNOWN
    return signed(one.change, lambda value: sum_text(one.name, value))


def signed(change: Decimal | int, text: Callable[[Any], str]) -> str:
    """A change with its sign; "" for none."""
    return f"{'+' if change > 0 else '-'}{text(abs(change))}" if change else ""


def _tools(tools: Iterable[Difference], width: int) -> str:
    found = list(tools)
    columns = [
        Column("tool", [one.name for one in found], shrinks=True),
        Column("a", [f"{one.a:,}" for one in found], right=True),
        Column("b", [f"{one.b:,}" for one in found], right=True),
    ]
    return table(columns, width)


def _steps(pairs: Iterable[Pair], width: int) -> str:
    rows = list(_rows(pairs))
    if not rows:
        return "no steps"
    titles = ("", "step", "time a", "time b", "cost", "changed")
    right = ("time a", "time b", "cost")
    cells = zip(*rows, strict=True)
    columns = [
        Column(title, list(column), right=title in right, shrinks=title == "step")
        for title, column in zip(titles, cells, strict=True)
    ]
    return table(columns, width)


def _rows(pairs: Iterable[Pair]) -> Iterator[tuple[str, str, str, str, str, str]]:
    alike = 0
    for pair in pairs:
        if pair.is_same:
            alike += 1
            continue
        if alike:
            yield "", f"{counted(alike, 'step')} alike", "", "", "", ""
        alike = 0
        yield _row(pair)
    if alike:
        yield "", f"{counted(alike, 'step')} alike", "", "", "", ""


def changed_steps(pairs: Iterable[Pair]) -> Iterator[str]:
    """A line for each: `- tool search`, `+ llm chat`."""
    for sign, name, *_ in map(_row, pairs):
        yield f"{sign} {name}"


def _row(pair: Pair) -> tuple[str, str, str, str, str, str]:
    step = pair.a or pair.b
    assert step is not None
    sign = "-" if pair.b is None else "+" if pair.a is None else "~"
    times = [_time(one) for one in pair]
    return sign, f"{KINDS[step.kind]} {step.name}", *times, cost_change(pair), ", ".join(pair.changes)  # type: ignore[return-value]


def _time(step: Step | None) -> str:
    return "" if step is None or step.duration_ns is None else duration_text(step.duration_ns)


def cost_change(pair: Pair) -> str:
    """How much more the second step cost; "" where that is nothing or not known of either."""
    costs = [Decimal(0) if step is None else step.cost for step in pair]
    if costs[0] is None or costs[1] is None:
        return UNKNOWN if pair.a and pair.b and (costs[0] is not None or costs[1] is not None) else ""
    return signed(costs[1] - costs[0], dollars)
