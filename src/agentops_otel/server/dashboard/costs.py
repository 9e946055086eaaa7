"""What a session cost, by model, agent and tool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.records import Event, LLMCall, Price, Statistics, ToolCall
from agentops_otel.store.base import model_of


class Share(NamedTuple):
    """One line: a name, its sums, the time it took, and its part of the whole cost, 0 to 1."""

    name: str
    sums: Statistics
    duration_ns: int
    part: float


class Costs(NamedTuple):
    """The sums in three ways, the dearest first, and the prices that were used, by name."""

    by_model: Sequence[Share]
    by_agent: Sequence[Share]
    by_tool: Sequence[Share]
    prices: Sequence[Price]


def costs_of(events: Sequence[Event], owners: Mapping[str, str | None]) -> Costs:
    """Every model call stands under its model and its agent, every tool under its name; `owners` are the agents by the
    ids of events."""
    calls = [event for event in events if isinstance(event, LLMCall)]
    tools = [event for event in events if isinstance(event, ToolCall)]
    prices = {call.price for call in calls if call.price is not None}
    return Costs(
        _shares(calls, lambda event: (model_of(event) if isinstance(event, LLMCall) else None) or "unknown model"),
        _shares(calls, lambda event: owners[event.event_id] or "no agent"),
        _shares(tools, lambda event: event.name),
        sorted(prices, key=lambda price: (price.source, price.table or "", price.version or "")),
    )


def _shares(events: Sequence[Event], name_of: Callable[[Event], str]) -> list[Share]:
    groups: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        groups[name_of(event)].append(event)
    sums = {name: Statistics.of(*group) for name, group in groups.items()}
    whole = sum(one.cost for one in sums.values())
    shares = [
        Share(name, sums[name], sum(map(_duration, group)), float(sums[name].cost / whole) if whole else 0.0)
        for name, group in groups.items()
    ]
    return sorted(shares, key=lambda share: (-share.sums.cost, -share.duration_ns, share.name))


def _duration(event: Event) -> int:
    return max(0, (event.end_timestamp or event.init_timestamp) - event.init_timestamp)
