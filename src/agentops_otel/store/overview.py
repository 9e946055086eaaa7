"""What many sessions are together, over time: the question, the answer, and the store that can answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agentops_otel.records import EndState, LLMCall, Session

TOP = 10
"""How many of the dearest, and of the most frequent, are named."""

CALLS_FROM = 50
"""Of how many sessions, the dearest ones, the dearest calls are looked for."""


@dataclass(frozen=True)
class OverviewQuery:
    """Sessions that started in a span of time (from inclusive, until exclusive), in steps of so many nanoseconds."""

    since_ns: int
    until_ns: int
    step_ns: int

    @property
    def steps(self) -> int:
        """How many steps there are; the last one may be shorter."""
        return max(1, -(-(self.until_ns - self.since_ns) // self.step_ns))


class Group(NamedTuple):
    """Sessions of one step, one end state and about one duration: how many, and their sums.

    `duration_ns` has three significant digits, None where it is not known; `cost_usd` is near the exact cost;
    `unpriced` counts model calls without a known price.
    """

    step: int
    end_state: EndState
    duration_ns: int | None
    sessions: int
    prompt_tokens: int
    cache_read_tokens: int
    completion_tokens: int
    cost_usd: float
    unpriced: int


class Share(NamedTuple):
    """What one model, or the sessions with one tag, cost in one step; `unpriced` as in `Group`."""

    step: int
    name: str
    cost_usd: float
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The answer. `dearest` and `dearest_calls` (with their session's id) come by cost, the calls without their large
    fields and from the `CALLS_FROM` dearest sessions; `reasons` are those of failures ("" for none), by frequency."""

    groups: Sequence[Group]
    by_model: Sequence[Share]
    by_tag: Sequence[Share]
    dearest: Sequence[Session]
    dearest_calls: Sequence[LLMCall]
    reasons: Sequence[tuple[str, int]]


class GivesOverview(Protocol):
    """A store that can answer for many sessions at once."""

    def overview(self, project_id: str, query: OverviewQuery) -> Overview:
        """What the sessions of a span of time are together. Reads rows of sessions, not of events."""
        ...


def percentiles(groups: Iterable[Group], parts: Sequence[float]) -> list[int] | None:
    """The durations (nanoseconds) that these parts of the sessions, 0 to 1, do not exceed; None without any."""
    counts: Counter[int] = Counter()
    for group in groups:
        if group.duration_ns is not None:
            counts[group.duration_ns] += group.sessions
    if not counts:
        return None
    found, total = [], counts.total()
    for part in parts:
        left = part * total
        for duration_ns in sorted(counts):
            left -= counts[duration_ns]
            if left <= 0:
                break
        found.append(duration_ns)
    return found


def costs_by_name(shares: Iterable[Share]) -> dict[str, dict[int, float]]:
    """Cost by step, under each name; the dearest name first."""
    costs: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for share in shares:
        costs[share.name][share.step] = costs[share.name].get(share.step, 0.0) + share.cost_usd
    return dict(sorted(costs.items(), key=lambda one: (-sum(one[1].values()), one[0])))


def unpriced_by_name(shares: Iterable[Share]) -> Mapping[str, int]:
    """Calls without a known price, under each name that has any; the most first."""
    counts: Counter[str] = Counter()
    for share in shares:
        counts[share.name] += share.unpriced
    return {name: count for name, count in counts.most_common() if count}
