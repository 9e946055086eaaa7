"""Where a moment lies on the axis of a waterfall. Gaps in which nothing happened may be closed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.records import Action, Event, Failure
from agentops_otel.text.values import duration_text

WIDTH = 1000
"""The length of the axis."""

NARROWEST = 3
"""No bar is narrower: what took no time can be seen as well."""

GAP_WIDTH = 16
"""What a closed gap has left. Gaps that are less than twice as wide stay as they are."""


_ROOM = 170
"""What the words at a place take, also on a small screen."""


class Bar(NamedTuple):
    """A stretch of the axis: left edge and width."""

    left: float
    width: float


class Gap(NamedTuple):
    """A time in which nothing happened."""

    begin_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.begin_ns


class Tick(NamedTuple):
    """Words at a place of the axis, which is told in percent."""

    percent: float
    words: str


class _Piece(NamedTuple):
    begin_ns: int
    end_ns: int
    left: float
    right: float


class Axis:
    """The time from `start_ns` to `end_ns`, the gaps (in their order, within it) closed to `GAP_WIDTH` each."""

    def __init__(self, start_ns: int, end_ns: int, gaps: Sequence[Gap] = ()) -> None:
        self.start_ns, self.end_ns, self.gaps = start_ns, end_ns, gaps
        busy_ns = end_ns - start_ns - sum(gap.duration_ns for gap in gaps)
        scale = (WIDTH - GAP_WIDTH * len(gaps)) / max(1, busy_ns)
        self._pieces: list[_Piece] = []
        begin, left = start_ns, 0.0
        for gap in gaps:
            right = left + (gap.begin_ns - begin) * scale
            self._pieces += [_Piece(begin, gap.begin_ns, left, right), _Piece(*gap, right, right + GAP_WIDTH)]
            begin, left = gap.end_ns, right + GAP_WIDTH
        self._pieces.append(_Piece(begin, end_ns, left, left + (end_ns - begin) * scale))
        self._begins = [piece.begin_ns for piece in self._pieces]

    def at(self, time_ns: int) -> float:
        """Where a moment lies; one outside of the axis at its nearest end."""
        piece = self._pieces[max(0, bisect_right(self._begins, time_ns) - 1) if self.gaps else 0]
        begin_ns, end_ns, left, right = piece
        if time_ns <= begin_ns:
            return left
        return right if time_ns >= end_ns else left + (time_ns - begin_ns) / (end_ns - begin_ns) * (right - left)

    def bar(self, begin_ns: int, end_ns: int | None, narrowest: float = NARROWEST) -> Bar:
        """Where a stretch of time lies."""
        begin = self.at(begin_ns)
        end = max(begin, self.at(end_ns or begin_ns))
        left = min(begin, WIDTH - narrowest)
        return Bar(round(left, 2), round(max(narrowest, end - left), 2))

    @property
    def closed(self) -> Sequence[Bar]:
        """Where the gaps lie."""
        return [self.bar(*gap) for gap in self.gaps]

    def ticks(self, since_ns: int) -> Sequence[Tick]:
        """Words along the axis: its ends and its middle, counted from a moment, or how long the gaps are that leave
        each other room for that."""
        ends = [_tick(0, self.start_ns - since_ns), _tick(WIDTH, self.end_ns - since_ns)]
        if not self.gaps:
            return [ends[0], _tick(WIDTH / 2, (self.start_ns + self.end_ns) // 2 - since_ns), ends[1]]
        between: list[Tick] = []
        last = 0.0
        for gap, bar in zip(self.gaps, self.closed, strict=True):
            middle = bar.left + bar.width / 2
            if last + _ROOM <= middle <= WIDTH - _ROOM:
                between.append(_tick(middle, gap.duration_ns))
                last = middle
        return [ends[0], *between, ends[1]]


def _tick(place: float, time_ns: int) -> Tick:
    return Tick(round(place * 100 / WIDTH, 2), duration_text(time_ns) if time_ns else "0")


def ran_of(events: Iterable[Event], above: Mapping[str, str | None]) -> list[Event]:
    """The events in which something ran, and errors, by start: all but steps in which other events happened, as these
    are no more than what is around them. `above` is what `parents_of` says."""
    around = set(above.values())
    ran = [event for event in events if event.event_id not in around or not isinstance(event, Action)]
    return sorted(ran, key=lambda event: event.init_timestamp)


def gaps_of(ran: Iterable[Event], start_ns: int, end_ns: int) -> list[Gap]:
    """Times between start and end in which nothing ran (`ran_of`) that are wide enough to be closed, in their order."""
    shortest_ns = (end_ns - start_ns) * 2 * GAP_WIDTH / WIDTH
    gaps, busy_until = [], start_ns
    for event in ran:
        if isinstance(event, Failure):
            continue
        begin_ns = min(event.init_timestamp, end_ns)
        if begin_ns - busy_until > shortest_ns:
            gaps.append(Gap(busy_until, begin_ns))
        busy_until = max(busy_until, event.end_timestamp or event.init_timestamp)
    if end_ns - busy_until > shortest_ns:
        gaps.append(Gap(busy_until, end_ns))
    return gaps


def joined(bars: Iterable[Bar]) -> Sequence[Bar]:
    """Bars by their left edges, those as one that cannot be told apart."""
    done: list[Bar] = []
    begin = end = -1.0
    for left, width in bars:
        if left > end:
            if end >= 0:
                done.append(Bar(begin, round(end - begin, 2)))
            begin, end = left, left + width
        elif left + width > end:
            end = left + width
    return [*done, Bar(begin, round(end - begin, 2))] if end >= 0 else done
