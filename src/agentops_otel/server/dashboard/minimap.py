"""A session at a glance: when calls of models, tools and steps ran and when errors happened, however many they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentops_otel.records import Event, Failure
from agentops_otel.server.dashboard.timeline import NARROWEST, WIDTH, Axis, Bar, joined

LANES = ("actions", "llms", "tools", "apis", "errors")
"""The kinds that have a lane, from top to bottom; those without an event have none."""

LANE, GAP = 7, 3
"""The height of a lane and what is between two."""


class Lane(NamedTuple):
    """When something of a kind ran, as the path of an SVG."""

    kind: str
    path: str


class Minimap(NamedTuple):
    """The whole session. `chosen` is the part of it that the rows show, None for all."""

    lanes: Sequence[Lane]
    height: int
    axis: Axis
    chosen: Bar | None

    @property
    def after(self) -> float:
        """Where the chosen part ends."""
        return WIDTH if self.chosen is None else round(self.chosen.left + self.chosen.width, 2)


def lanes_of(ran: Iterable[Event], axis: Axis) -> Sequence[Lane]:
    """The events that ran (`timeline.ran_of`) on the axis of the session."""
    bars: defaultdict[str, list[Bar]] = defaultdict(list)
    scale = WIDTH / max(1, axis.end_ns - axis.start_ns)
    for event in ran:
        narrowest = NARROWEST if isinstance(event, Failure) else 1
        left = min((event.init_timestamp - axis.start_ns) * scale, WIDTH - narrowest)
        until = (event.end_timestamp or event.init_timestamp) - axis.start_ns
        bars[event.event_type].append(Bar(left, max(narrowest, until * scale - left)))
    lanes = [kind for kind in LANES if kind in bars]
    return [Lane(kind, _path(joined(bars[kind]), at * (LANE + GAP) + GAP)) for at, kind in enumerate(lanes)]


def minimap(lanes: Sequence[Lane], axis: Axis, shown: Axis) -> Minimap:
    """The lanes of a session, of whose axis `shown` is looked at."""
    whole = (shown.start_ns, shown.end_ns) == (axis.start_ns, axis.end_ns)
    chosen = None if whole else axis.bar(shown.start_ns, shown.end_ns)
    return Minimap(lanes, len(lanes) * (LANE + GAP) + GAP, axis, chosen)


def _path(bars: Iterable[Bar], top: int) -> str:
    return "".join(f"M{bar.left:.5g} {top}h{bar.width:.5g}v{LANE}h-{bar.width:.5g}z" for bar in bars)
