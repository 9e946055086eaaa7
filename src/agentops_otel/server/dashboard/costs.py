"""What a session cost, by model, agent, tool and step, and what its caches saved."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.pricing import Pricer
from agentops_otel.records import EXACT, Action, Event, LLMCall, Price, Statistics, ToolCall
from agentops_otel.store.base import model_of
from agentops_otel.text.tree import parents_of

_CACHED = ("cache_read", "cache_write", "cache_write_1h")


class Share(NamedTuple):
    """One line: a name, its sums, the time it took, and its part of the whole cost, 0 to 1."""

    name: str
    sums: Statistics
    duration_ns: int
    part: float


class Savings(NamedTuple):
    """What so many calls cost less, or more where it is negative, than if no token had been read from a cache or
    written to one. Of some calls that is not `known`: their price is another one by now."""

    saved: Decimal
    calls: int
    unknown: int


class Costs(NamedTuple):
    """The sums in four ways, the dearest first, and the prices that were used, by name.

    `by_step` has what happened in steps of a name, however deep: steps are in each other, so that it adds up to more
    than the whole.
    """

    by_model: Sequence[Share]
    by_agent: Sequence[Share]
    by_tool: Sequence[Share]
    by_step: Sequence[Share]
    prices: Sequence[Price]
    savings: Savings


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
        _steps(events),
        sorted(prices, key=lambda price: (price.source, price.table or "", price.version or "")),
        _savings(calls),
    )


def _steps(events: Sequence[Event]) -> list[Share]:
    """What happened in the steps of each name; one that is in another of its name is part of that."""
    by_id, above = {event.event_id: event for event in events}, parents_of(events)
    around: dict[str | None, frozenset[str]] = {None: frozenset()}
    groups: defaultdict[str, list[Event]] = defaultdict(list)
    took: Counter[str] = Counter()
    for event in events:
        names = _steps_around(above.get(event.event_id), by_id, above, around)
        if isinstance(event, Action) and event.name not in names:
            took[event.name] += _duration(event)
        elif isinstance(event, (LLMCall, ToolCall)):
            for name in names:
                groups[name].append(event)
    whole = sum((event.cost or Decimal(0) for event in events if isinstance(event, (LLMCall, ToolCall))), Decimal(0))
    sums = {name: Statistics.of(*group) for name, group in groups.items()}
    return _dearest(
        Share(name, one, took[name], float(one.cost / whole) if whole else 0.0) for name, one in sums.items()
    )


def _steps_around(
    event_id: str | None,
    by_id: Mapping[str, Event],
    above: Mapping[str, str | None],
    around: dict[str | None, frozenset[str]],
) -> frozenset[str]:
    """The names of the steps from an event up; `around` remembers them."""
    path: dict[str, None] = {}
    step = event_id
    while step is not None and step in by_id and step not in around and step not in path:
        path[step] = None
        step = above.get(step)
    names = around.get(step, frozenset())
    for one in reversed(path):
        names = names | {by_id[one].name} if isinstance(by_id[one], Action) else names
        around[one] = names
    return names


def _savings(calls: Sequence[LLMCall]) -> Savings:
    cached = [call for call in calls if any(getattr(call.usage, bucket) for bucket in _CACHED)]
    saved = [one for one in map(_saved, cached) if one is not None]
    return Savings(functools.reduce(EXACT.add, saved, Decimal(0)), len(saved), len(cached) - len(saved))


def _saved(call: LLMCall) -> Decimal | None:
    """What a call cost less than without any cache. Known where its price is still the one it was made with."""
    tokens = sum(getattr(call.usage, bucket) or 0 for bucket in ("input", *_CACHED))
    without = replace(call.usage, input=tokens, **dict.fromkeys(_CACHED))
    for model in dict.fromkeys((call.model, call.request_model)):
        actual, otherwise = (
            _pricer().price(call.provider, model, usage, call.init_timestamp, operation=call.operation).cost
            for usage in (call.usage, without)
        )
        if actual is not None and actual == call.cost and otherwise is not None:
            return EXACT.subtract(otherwise, actual)
    return None


@functools.lru_cache(maxsize=1)
def _pricer() -> Pricer:
    return Pricer()


def _shares(events: Sequence[Event], name_of: Callable[[Event], str]) -> list[Share]:
    groups: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        groups[name_of(event)].append(event)
    sums = {name: Statistics.of(*group) for name, group in groups.items()}
    whole = sum(one.cost for one in sums.values())
    return _dearest(
        Share(name, sums[name], sum(map(_duration, group)), float(sums[name].cost / whole) if whole else 0.0)
        for name, group in groups.items()
    )


def _dearest(shares: Iterable[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: (-share.sums.cost, -share.duration_ns, share.name))


def _duration(event: Event) -> int:
    return max(0, (event.end_timestamp or event.init_timestamp) - event.init_timestamp)
