"""The events that decide when a session ends: had one of them been faster, the session would have been.

It is found from the end: what ended last, and within it and before it again what ended last. Events that end after what
followed them were waited for by nobody. Source of the idea: "CRISP: Critical Path Analysis of Large-Scale Microservice
Architectures", USENIX ATC 2022.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentops_otel.records import Event, Failure
from agentops_otel.text.tree import Plot

LONGEST = 3
"""So many events are named that take the most of it."""


class Stretch(NamedTuple):
    """A part of the path: in this event itself, None where nothing is recorded."""

    event: Event | None
    begin_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.begin_ns


class Part(NamedTuple):
    """What one event, or one kind of events, takes of the path: the time, and the share of it, 0 to 1."""

    event: Event | None
    duration_ns: int
    share: float


class CriticalPath(NamedTuple):
    """The path in the order of time. Its parts, those that take the most first: by kind, and single events."""

    stretches: Sequence[Stretch]
    kinds: Sequence[tuple[str | None, float]]
    longest: Sequence[Part]
    events: int


def critical_path(plot: Plot, start_ns: int, end_ns: int) -> CriticalPath:
    """The path from the first start to the last end."""
    stretches = [*_back(plot, None, start_ns, end_ns)][::-1]
    whole = max(1, end_ns - start_ns)
    kinds: Counter[str | None] = Counter()
    events: Counter[str] = Counter()
    by_id = {one.event.event_id: one.event for one in stretches if one.event is not None}
    for one in stretches:
        kinds[None if one.event is None else one.event.event_type] += one.duration_ns
        if one.event is not None:
            events[one.event.event_id] += one.duration_ns
    return CriticalPath(
        stretches,
        [(kind, ns / whole) for kind, ns in kinds.most_common()],
        [Part(by_id[event_id], ns, ns / whole) for event_id, ns in events.most_common(LONGEST)],
        len(events),
    )


def _back(plot: Plot, event: Event | None, begin_ns: int, end_ns: int) -> Iterator[Stretch]:
    """The path within an event, from its end to its begin."""
    at = end_ns
    for inner, begin, end in _by_end(plot.inside.get(None if event is None else event.event_id, ()), begin_ns, end_ns):
        if end > at:
            continue
        if end < at:
            yield Stretch(event, end, at)
        yield from _back(plot, inner, begin, end)
        at = begin
    if begin_ns < at:
        yield Stretch(event, begin_ns, at)


def _by_end(events: Sequence[Event], begin_ns: int, end_ns: int) -> list[tuple[Event, int, int]]:
    """Events that take time, cut to that of what they are in, the last end first."""
    cut = [
        (event, max(begin_ns, event.init_timestamp), min(end_ns, event.end_timestamp or event.init_timestamp))
        for event in events
        if not isinstance(event, Failure)
    ]
    return sorted((one for one in cut if one[1] < one[2]), key=lambda one: (-one[2], one[1]))
