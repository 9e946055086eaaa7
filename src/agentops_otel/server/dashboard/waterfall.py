"""The events of a session as rows of a waterfall: a tree, laid against time, what repeats folded into one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import Event, Failure, LLMCall, Statistics, ToolCall
from agentops_otel.server.dashboard.agents import owners_of
from agentops_otel.server.dashboard.critical_path import CriticalPath, Stretch, critical_path
from agentops_otel.server.dashboard.timeline import Axis, Bar, joined
from agentops_otel.server.dashboard.view import View
from agentops_otel.text.tree import DEEPEST, FOLDED_FROM, Plot, error_text, event_name


class Row(NamedTuple):
    """An event, or a run of equal ones; how deep it stands, its errors, its bars, and what of them is on the critical
    path. `is_open` says that the events of a run follow it."""

    events: Sequence[Event]
    depth: int
    name: str
    errors: Sequence[Failure]
    bars: Sequence[Bar]
    path: Sequence[Bar] = ()
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
    """The rows in reading order, the axis they are laid against, and the critical path where it is asked for."""

    rows: Sequence[Row]
    axis: Axis
    path: CriticalPath | None = None

    def place_of(self, event_id: str | None) -> int | None:
        """The number of the row that shows an event."""
        return next((at for at, row in enumerate(self.rows) if event_id in row.ids), None) if event_id else None


def waterfall(events: Sequence[Event], view: View) -> Waterfall:
    """The events under their parents, by start, as the view wants them; the fold of the picked event is open."""
    start_ns = min((event.init_timestamp for event in events), default=0)
    end_ns = max((event.end_timestamp or event.init_timestamp for event in events), default=0)
    path = critical_path(Plot(events, apis=view.apis), start_ns, end_ns) if view.path else None
    axis = Axis(start_ns, end_ns)
    return Waterfall(list(_rows(Plot(_chosen(events, view), apis=view.apis), view, axis, path)), axis, path)


def _chosen(events: Sequence[Event], view: View) -> Sequence[Event]:
    if view.agent is None:
        return events
    owners = owners_of(events)
    return [event for event in events if owners[event.event_id] == view.agent]


def _rows(plot: Plot, view: View, axis: Axis, path: CriticalPath | None) -> Iterator[Row]:
    """Every event that is shown, each before what happened in it."""
    stretches: defaultdict[str, list[Stretch]] = defaultdict(list)
    for one in path.stretches if path is not None else ():
        if one.event is not None:
            stretches[one.event.event_id].append(one)

    def row(events: Sequence[Event], depth: int, *, is_open: bool = False) -> Row:
        errors = plot.errors.get(events[0].event_id, ()) if len(events) == 1 else ()
        bars = joined(axis.bar(event.init_timestamp, event.end_timestamp) for event in events)
        marked = [one for event in events for one in stretches.get(event.event_id, ())] if path else ()
        on_path = joined(axis.bar(one.begin_ns, one.end_ns, narrowest=1) for one in marked)
        return Row(events, depth, event_name(events[0]), errors, bars, on_path, is_open)

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
