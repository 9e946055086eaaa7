"""A session at a moment of its time: what has begun, what was said, and how far that can be played.

Moments are nanoseconds after the first that happened in the session.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from agentops_otel.records import Event, EventType, Failure
from agentops_otel.server.dashboard.conversation import Exchange
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Row, Scene, Waterfall

LANES: dict[EventType, int] = {"llms": 2, "tools": 9, "errors": 16}
"""The kinds that are marked, each at a height of its own; steps and API calls lie around them."""

T = TypeVar("T")


@dataclass(frozen=True)
class Beat(Generic[T]):
    """Something that is there from a moment on, and going on until another."""

    what: T
    begin_ns: int
    end_ns: int

    def phase(self, at_ns: int) -> str:
        """How it stands at a moment: `later`, `now` or `done`."""
        return "later" if at_ns < self.begin_ns else "now" if at_ns < self.end_ns else "done"


@dataclass(frozen=True)
class Part(Generic[T]):
    """Beats around a moment, and from and until when they are all that has to be looked at (None: to the end)."""

    beats: Sequence[Beat[T]]
    from_ns: int
    until_ns: int | None


class Mark(NamedTuple):
    """An event on the line of time: its kind and where it lies."""

    kind: EventType
    left: int
    top: int
    width: int


class Score:
    """All events of a session against its time."""

    def __init__(self, scene: Scene) -> None:
        self._events = scene.events
        self.rows = Waterfall(scene, View())
        self.start_ns, self.end_ns = self.rows.axis.start_ns, self.rows.axis.end_ns
        self.duration_ns = self.end_ns - self.start_ns

    def beat(self, what: T, begin_ns: int, end_ns: int | None) -> Beat[T]:
        """Something that happened between two times."""
        begin = begin_ns - self.start_ns
        return Beat(what, begin, max(begin, (end_ns or begin_ns) - self.start_ns))

    def lines(self, at_ns: int, *, before: int, after: int) -> Part[Row]:
        """The rows of the waterfall around a moment."""
        part = around(self._numbers, at_ns, before=before, after=after)
        if not part.beats:
            return Part([], part.from_ns, part.until_ns)
        rows = self.rows.rows_of(part.beats[0].what, part.beats[-1].what + 1)
        told = [Beat(row, beat.begin_ns, beat.end_ns) for row, beat in zip(rows, part.beats, strict=True)]
        return Part(told, part.from_ns, part.until_ns)

    @cached_property
    def _numbers(self) -> list[Beat[int]]:
        """The numbers of all rows: few of them are made."""
        return [
            self.beat(at, min(event.init_timestamp for event in run), max(map(_last, run)))
            for at, run in enumerate(self.rows.runs)
        ]

    def failed_ns(self, row: Row) -> int:
        """The moment of the first error of a row that failed."""
        return (
            min(error.init_timestamp for error in (*row.errors, row.event) if isinstance(error, Failure))
            - self.start_ns
        )

    def gaps(self) -> list[tuple[float, float]]:
        """The times in which nothing happens, in seconds."""
        start_ns = self.start_ns
        return [((gap.begin_ns - start_ns) / 1e9, (gap.end_ns - start_ns) / 1e9) for gap in self.rows.gaps]

    def steps(self, at_ns: int) -> tuple[int | None, int | None]:
        """The moments before and after this one at which something begins or ends."""
        earlier, later = bisect_left(self._moments, at_ns), bisect_right(self._moments, at_ns)
        before = self._moments[earlier - 1] if earlier else None
        return before, self._moments[later] if later < len(self._moments) else None

    @cached_property
    def _moments(self) -> list[int]:
        return sorted({time - self.start_ns for event in self._events for time in _times(event)})

    @cached_property
    def marks(self) -> list[Mark]:
        """Where calls, tools and errors lie, those as one that cannot be told apart."""
        found = dict.fromkeys(self._mark(event) for event in self._events if event.event_type in LANES)
        return list(found)

    def _mark(self, event: Event) -> Mark:
        end_ns = event.init_timestamp if isinstance(event, Failure) else event.end_timestamp
        bar = self.rows.axis.bar(event.init_timestamp, end_ns)
        return Mark(event.event_type, int(bar.left), LANES[event.event_type], math.ceil(bar.width))


def around(beats: Sequence[Beat[T]], at_ns: int, *, before: int, after: int) -> Part[T]:
    """The beats around the last that has begun at a moment."""
    last = max((place for place, beat in enumerate(beats) if beat.begin_ns <= at_ns), default=0)
    first, more = max(0, last - before), last + after
    until = min((beat.begin_ns for beat in beats[more:]), default=None)
    return Part(beats[first:more], min(at_ns, beats[first].begin_ns) if first else 0, until)


def said_around(score: Score, exchanges: Iterable[Exchange], at_ns: int, *, before: int, after: int) -> Part[Exchange]:
    """The exchanges around a moment, of a conversation that need not fit into memory."""
    begun: deque[Beat[Exchange]] = deque(maxlen=before + 1)
    later: list[Beat[Exchange]] = []
    left_out = False
    for one in exchanges:
        beat = score.beat(one, one.call.init_timestamp, one.call.end_timestamp)
        if beat.begin_ns > at_ns:
            later.append(beat)
        else:
            left_out = left_out or len(begun) == begun.maxlen
            begun.append(beat)
        if len(later) > after:
            break
    from_ns = begun[0].begin_ns if left_out else 0
    return Part([*begun, *later[:after]], from_ns, later[after].begin_ns if len(later) > after else None)


def moment(said: str | None) -> int | None:
    """Seconds in a URL as nanoseconds; None for anything else."""
    found = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,9})[0-9]{0,20})?", said or "")
    return int(found[1]) * 1_000_000_000 + int((found[2] or "").ljust(9, "0")) if found else None


def seconds(time_ns: int) -> str:
    """`12.5`: the inverse of `moment`."""
    whole, nanos = divmod(time_ns, 1_000_000_000)
    return f"{whole}.{nanos:09d}".rstrip("0").rstrip(".")


def clock(time_ns: int, duration_ns: int) -> str:
    """A moment as the clock of a replay shows it, as precisely as its length makes sense: `0.250 s`, `12.50 s`,
    `2:03.4`, `1:02:03.4`. The script of the replay has the same rule."""
    digits = 3 if duration_ns < 10**9 else 2 if duration_ns < 60 * 10**9 else 1
    whole = time_ns // 10 ** (9 - digits)
    minutes, rest = divmod(whole, 60 * 10**digits)
    said = f"{rest // 10**digits}.{rest % 10**digits:0{digits}d}"
    if duration_ns < 60 * 10**9:
        return f"{said} s"
    if duration_ns < 3600 * 10**9:
        return f"{minutes}:{said:0>4}"
    return f"{minutes // 60}:{minutes % 60:02d}:{said:0>4}"


def _last(event: Event) -> int:
    return event.end_timestamp or event.init_timestamp


def _times(event: Event) -> Iterator[int]:
    yield event.init_timestamp
    if event.end_timestamp is not None and not isinstance(event, Failure):
        yield event.end_timestamp
