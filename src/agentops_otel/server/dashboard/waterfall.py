"""The events of a session as rows of a waterfall: a tree, laid against time, what repeats folded into one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import Event, Failure, LLMCall, Statistics, ToolCall
from agentops_otel.server.dashboard.agents import owners_of
from agentops_otel.server.dashboard.view import View
from agentops_otel.text.tree import DEEPEST, FOLDED_FROM, Plot, error_text, event_name

WIDTH = 1000
"""The time of a session in units of a bar."""

NARROWEST = 3
"""No bar is narrower: what took no time can be seen as well."""


class Bar(NamedTuple):
    """A stretch of time: left edge and width."""

    left: float
    width: float


class Row(NamedTuple):
    """An event, or a run of equal ones; how deep it stands, its errors, and its bars. `is_open` says that the
    events of a run follow it."""

    events: Sequence[Event]
    depth: int
    name: str
    errors: Sequence[Failure]
    bars: Sequence[Bar]
    is_open: bool = False

    @property
    def event(self) -> Event:
        """The event, the first of several."""
        return self.events[0]

    @property
    def repeats(self) -> int:
        """How many events this row stands for."""
        return len(self.events)

    @property
    def ids(self) -> list[str]:
        """The events that this row shows: its own, and the errors that are told with it. A fold shows none."""
        return [] if self.repeats > 1 else [self.event.event_id, *(error.event_id for error in self.errors)]

    @property
    def words(self) -> list[str]:
        """What went wrong, each thing once."""
        return list(dict.fromkeys(error_text(error) for error in self.errors))

    @property
    def failed(self) -> bool:
        """Whether something went wrong in it."""
        return bool(self.errors) or isinstance(self.event, Failure)

    @property
    def duration_ns(self) -> int | None:
        """How long it took, of several all together; errors take no time."""
        known = [one for one in map(_duration, self.events) if one is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> Decimal | None:
        """What it cost, None where nobody knows or nothing can cost."""
        if self.repeats > 1:
            sums = Statistics.of(*self.events)
            return sums.cost if sums.cost or (sums.llms and not sums.unpriced_llms) else None
        return self.event.cost if isinstance(self.event, (LLMCall, ToolCall)) else None

    @property
    def is_lower_bound(self) -> bool:
        """Whether the cost is that of some events only."""
        return any(isinstance(event, LLMCall) and event.is_unpriced for event in self.events)


class Waterfall(NamedTuple):
    """The rows in reading order, and the time between the first start and the last end."""

    rows: Sequence[Row]
    duration_ns: int

    def place_of(self, event_id: str | None) -> int | None:
        """The number of the row that shows an event."""
        return next((at for at, row in enumerate(self.rows) if event_id in row.ids), None) if event_id else None


def waterfall(events: Sequence[Event], view: View) -> Waterfall:
    """The events under their parents, by start, as the view wants them; the fold of the picked event is open."""
    if not events:
        return Waterfall([], 0)
    start_ns = min(event.init_timestamp for event in events)
    duration_ns = max(event.end_timestamp or event.init_timestamp for event in events) - start_ns
    return Waterfall(list(_rows(Plot(_chosen(events, view), apis=view.apis), view, start_ns, duration_ns)), duration_ns)


def _chosen(events: Sequence[Event], view: View) -> Sequence[Event]:
    if view.agent is None:
        return events
    owners = owners_of(events)
    return [event for event in events if owners[event.event_id] == view.agent]


def _rows(plot: Plot, view: View, start_ns: int, duration_ns: int) -> Iterator[Row]:
    """Every event that is shown, each before what happened in it."""
    scale = WIDTH / max(1, duration_ns)

    def row(events: Sequence[Event], depth: int, *, is_open: bool = False) -> Row:
        errors = plot.errors.get(events[0].event_id, ()) if len(events) == 1 else ()
        bars = [_bar(event, start_ns, scale) for event in events]
        return Row(events, depth, event_name(events[0]), errors, _joined(bars), is_open)

    left = [(run, 0) for run in reversed(_runs(plot, None))]
    while left:
        run, depth = left.pop()
        if len(run) > 1:
            is_open = view.shows(run[0].event_id) or any(event.event_id == view.event for event in run)
            yield row(run, depth, is_open=is_open)
            if is_open:
                yield from (row([event], min(depth + 1, DEEPEST)) for event in run)
        else:
            yield row(run, depth)
            left += [(inner, depth + 1) for inner in reversed(_runs(plot, run[0].event_id))]


def _runs(plot: Plot, event_id: str | None) -> list[list[Event]]:
    """What happened in an event; neighbours of one kind and name, in which nothing happened and nothing went wrong, are
    together if there are enough of them."""
    runs: list[list[Event]] = []
    last: object = None
    for event in plot.inside.get(event_id, ()):
        same = _sort(plot, event)
        if same is not None and same == last:
            runs[-1].append(event)
        else:
            runs.append([event])
        last = same
    return [part for run in runs for part in ([run] if len(run) >= FOLDED_FROM else [[event] for event in run])]


def _sort(plot: Plot, event: Event) -> tuple[str, str] | None:
    """What events have in common that are folded; None for one that never is."""
    if isinstance(event, Failure) or event.event_id in plot.errors or event.event_id in plot.inside:
        return None
    return event.event_type, event_name(event)


def _duration(event: Event) -> int | None:
    if event.end_timestamp is None or isinstance(event, Failure):
        return None
    return max(0, event.end_timestamp - event.init_timestamp)


def _bar(event: Event, start_ns: int, scale: float) -> Bar:
    begin = (event.init_timestamp - start_ns) * scale
    end = max(begin, ((event.end_timestamp or event.init_timestamp) - start_ns) * scale)
    left = min(begin, WIDTH - NARROWEST)
    return Bar(round(left, 2), round(max(NARROWEST, end - left), 2))


def _joined(bars: Sequence[Bar]) -> Sequence[Bar]:
    """Bars by their left edges, those as one that cannot be told apart."""
    joined: list[Bar] = []
    for bar in bars:
        before = joined[-1] if joined else None
        if before is not None and bar.left <= before.left + before.width:
            end = max(before.left + before.width, bar.left + bar.width)
            joined[-1] = Bar(before.left, round(end - before.left, 2))
        else:
            joined.append(bar)
    return joined
