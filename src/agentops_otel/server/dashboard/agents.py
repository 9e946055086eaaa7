"""The agents of a session: what each did and cost, who called whom, and who took over from whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.records import Event, Failure, Statistics
from agentops_otel.text.tree import parents_of

Owner = str | None
"""The name of an agent, or its id where it has none; None is the program itself."""


class Work(NamedTuple):
    """What one agent did. `runs` is how often another called it, `busy_ns` how long at least one of its events lasted,
    `part` its part of the whole cost, 0 to 1."""

    owner: Owner
    sums: Statistics
    runs: int
    busy_ns: int
    part: float


class Step(NamedTuple):
    """From one agent to another, so many times."""

    before: Owner
    after: Owner
    times: int


class Agents(NamedTuple):
    """The program, then the agents in the order in which they began; `calls` are those within each other's events,
    `handoffs` those in which an agent began after another had ended, called by the same event."""

    works: Sequence[Work]
    calls: Sequence[Step]
    handoffs: Sequence[Step]


def owners_of(events: Sequence[Event]) -> dict[str, Owner]:
    """Whose each event is, by its id: the agent it names, else that of the nearest event around it."""
    named: dict[str, Owner] = {event.event_id: event.agent_name or event.agent_id for event in events}
    parents = parents_of(events)
    owners: dict[str, Owner] = {}
    for event_id in named:
        path: dict[str, None] = {}
        step: str | None = event_id
        while step in named and step not in owners and step not in path and named[step] is None:
            path[step] = None
            step = parents[step]
        owner = owners.get(step, named.get(step)) if step is not None else None
        owners.update(dict.fromkeys(path, owner), **{event_id: owner})
    return owners


def agents_of(events: Sequence[Event]) -> Agents:
    """The agents of all events of a session."""
    owners, parents = owners_of(events), parents_of(events)
    ordered = sorted(events, key=lambda event: (event.init_timestamp, event.event_id))
    entries = [event for event in ordered if _is_entry(event, owners, parents)]
    calls = Counter((owners.get(parents[event.event_id] or ""), owners[event.event_id]) for event in entries)
    return Agents(_works(ordered, owners, entries), _steps(calls), _steps(_handoffs(entries, owners, parents)))


def _is_entry(event: Event, owners: Mapping[str, Owner], parents: Mapping[str, str | None]) -> bool:
    """Whether the work of an agent begins with this event."""
    owner = owners[event.event_id]
    return owner is not None and not isinstance(event, Failure) and owners.get(parents[event.event_id] or "") != owner


def _works(events: Sequence[Event], owners: Mapping[str, Owner], entries: Sequence[Event]) -> list[Work]:
    groups: defaultdict[Owner, list[Event]] = defaultdict(list)
    if entries:
        groups[None] = []
    for event in events:
        groups[owners[event.event_id]].append(event)
    runs = Counter(owners[event.event_id] for event in entries)
    sums = {owner: Statistics.of(*group) for owner, group in groups.items()}
    whole = sum(one.cost for one in sums.values())
    return [
        Work(owner, sums[owner], runs[owner], _busy(group), float(sums[owner].cost / whole) if whole else 0.0)
        for owner, group in groups.items()
    ]


def _busy(events: Iterable[Event]) -> int:
    """How long at least one of these lasted; they come by start."""
    busy, until = 0, 0
    for event in events:
        end = event.end_timestamp or event.init_timestamp
        busy += max(0, end - max(until, event.init_timestamp))
        until = max(until, end)
    return busy


def _handoffs(
    entries: Sequence[Event], owners: Mapping[str, Owner], parents: Mapping[str, str | None]
) -> Counter[tuple[Owner, Owner]]:
    found: Counter[tuple[Owner, Owner]] = Counter()
    last: dict[str | None, Event] = {}
    for event in entries:
        caller = parents[event.event_id]
        before = last.get(caller)
        last[caller] = event
        if before is None or owners[before.event_id] == owners[event.event_id]:
            continue
        if before.end_timestamp is not None and before.end_timestamp <= event.init_timestamp:
            found[owners[before.event_id], owners[event.event_id]] += 1
    return found


def _steps(found: Counter[tuple[Owner, Owner]]) -> list[Step]:
    return [Step(before, after, times) for (before, after), times in found.items()]
