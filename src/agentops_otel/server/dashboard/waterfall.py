"""The events of a session as rows of a waterfall: a tree, laid against time, what repeats folded into one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import ApiCall, Event, Failure, LLMCall, Statistics, ToolCall
from agentops_otel.server.dashboard.agents import owners_of
from agentops_otel.server.dashboard.critical_path import Stretch, critical_path
from agentops_otel.server.dashboard.late import late_ns
from agentops_otel.server.dashboard.timeline import Axis, Bar, Gap, gaps_of, joined, ran_of
from agentops_otel.server.dashboard.view import View
from agentops_otel.store.base import model_of
from agentops_otel.text.tree import DEEPEST, FOLDED_FROM, Plot, error_text, event_name


class Row(NamedTuple):
    """An event, or a run of equal ones; how deep it stands, its errors, its bars, and what of them is on the critical
    path. `is_open` says that the events of a run follow it, `has_inside` that events happened in this one; `within` are
    those that are hidden, their errors among them. `late` counts the events that the session did not wait for, `calls`
    the API calls that the event made, shown or not.
    """

    events: Sequence[Event]
    depth: int
    name: str
    errors: Sequence[Failure]
    bars: Sequence[Bar]
    path: Sequence[Bar] = ()
    is_open: bool = False
    has_inside: bool = False
    within: Sequence[Event] = ()
    late: int = 0
    calls: int = 0

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
        """What it cost, and what it hides; None where nobody knows or nothing can cost."""
        if self.is_sum:
            sums = Statistics.of(*self.events, *self.within)
            return sums.cost if sums.cost or (sums.llms and not sums.unpriced_llms) else None
        return self.event.cost if isinstance(self.event, (LLMCall, ToolCall)) else None

    @property
    def is_lower_bound(self) -> bool:
        """Whether the cost is that of some events only."""
        return any(isinstance(event, LLMCall) and event.is_unpriced for event in (*self.events, *self.within))

    @property
    def is_sum(self) -> bool:
        """Whether its cost is that of several events."""
        return self.repeats > 1 or bool(self.within)

    @property
    def hidden(self) -> int:
        """How many events it hides, errors not counted."""
        return len(self.within) - self.hidden_errors

    @property
    def hidden_errors(self) -> int:
        """How many errors it hides."""
        return sum(isinstance(event, Failure) for event in self.within)


class _Place(NamedTuple):
    """A row that is not made yet."""

    events: Sequence[Event]
    depth: int
    is_open: bool = False
    is_shut: bool = False


class Scene:
    """The events of a session as every view of them needs them: where they lie in time and in the tree.

    `axis` is that of the session, `ran` what ran in it, `plot` the tree with or without API calls (`Plot`).
    """

    def __init__(self, events: Sequence[Event], *, apis: bool | Collection[str]) -> None:
        self.events = events
        self.axis = axis_of(events)
        self.plot = Plot(events, apis=apis)
        self.ran = ran_of(events, self.plot.above)


class Waterfall:
    """The events under their parents, by start, as a view wants them. Rows are made as they are asked for.

    `ended_ns` is when the session ended, None as long as it has not. `whole` is the axis of the session, `axis` that of
    the part that is shown, `gaps` those that could be closed in it, `path` the critical path where it is asked for,
    `count` the number of rows; `has_steps` says that events have others inside.
    """

    @classmethod
    def of(cls, events: Sequence[Event], view: View, ended_ns: int | None = None) -> Waterfall:
        """The waterfall of all events of a session."""
        return cls(Scene(events, apis=view.shown_calls), view, ended_ns)

    def __init__(self, scene: Scene, view: View, ended_ns: int | None = None) -> None:
        self._ended_ns = ended_ns
        events, whole = scene.events, scene.plot
        self.whole = scene.axis
        begin_ns, end_ns = _part(self.whole, view)
        self.gaps: Sequence[Gap] = gaps_of(scene.ran, begin_ns, end_ns)
        self.axis = Axis(begin_ns, end_ns, self.gaps if view.closed else ())
        self._view = view
        self._above = whole.above
        chosen = _chosen(events, view, self.axis, self._above)
        self._plot = whole if chosen is events else Plot(chosen, apis=view.shown_calls)
        self.path = critical_path(whole, self.whole.start_ns, self.whole.end_ns) if view.path else None
        self._stretches: defaultdict[str, list[Stretch]] = defaultdict(list)
        for one in self.path.stretches if self.path is not None else ():
            if one.event is not None:
                self._stretches[one.event.event_id].append(one)
        self._places = list(_places(self._plot, view))
        self.count = len(self._places)
        self.has_steps = any(key is not None for key in self._plot.inside)

    @property
    def rows(self) -> list[Row]:
        """All rows in reading order, each made anew: `count` says how many they are without that."""
        return self.rows_of(0, self.count)

    @property
    def runs(self) -> Iterator[Sequence[Event]]:
        """The events of each row: one, or those of a fold."""
        return (place.events for place in self._places)

    def rows_of(self, first: int, until: int) -> list[Row]:
        """Some rows, by their numbers."""
        return [self._row(place) for place in self._places[first:until]]

    def _row(self, place: _Place) -> Row:
        first, axis = place.events[0], self.axis
        bars = joined(axis.bar(event.init_timestamp, event.end_timestamp) for event in place.events)
        marked = [one for event in place.events for one in self._stretches.get(event.event_id, ())]
        on_path = joined(axis.bar(one.begin_ns, one.end_ns, narrowest=1) for one in marked)
        errors = self._errors(place)
        return Row(
            place.events,
            place.depth,
            event_name(first),
            errors,
            bars,
            on_path,
            place.is_open,
            len(place.events) == 1 and first.event_id in self._plot.inside,
            self._within(first.event_id) if place.is_shut else (),
            sum(late_ns(event, self._ended_ns) is not None for event in place.events),
            len(self._plot.calls.get(first.event_id, ())) if len(place.events) == 1 else 0,
        )

    def _within(self, event_id: str) -> list[Event]:
        """What an event has inside, errors as well."""
        found: list[Event] = []
        left = [*self._plot.inside.get(event_id, ())]
        while left:
            event = left.pop()
            found += [event, *self._plot.errors.get(event.event_id, ())]
            left += self._plot.inside.get(event.event_id, ())
        return found

    def _errors(self, place: _Place) -> Sequence[Failure]:
        return self._plot.errors.get(place.events[0].event_id, ()) if len(place.events) == 1 else ()

    def place_of(self, event_id: str | None) -> int | None:
        """The number of the row that shows an event, or an error with its event."""
        if event_id is None:
            return None
        for at, place in enumerate(self._places):
            if len(place.events) == 1 and event_id in (
                place.events[0].event_id,
                *(error.event_id for error in self._errors(place)),
            ):
                return at
        return None

    def fold_of(self, event_id: str | None) -> str | None:
        """The fold that hides an event; None for one that is shown or not there."""
        if event_id is None:
            return None
        shut = (place.events for place in self._places if len(place.events) > 1 and not place.is_open)
        return next((run[0].event_id for run in shut if any(event.event_id == event_id for event in run)), None)

    def made_by(self, event_id: str | None) -> str | None:
        """The event that made an API call; None for other events, and where nobody knows."""
        makers = (maker for maker, calls in self._plot.calls.items() if any(one.event_id == event_id for one in calls))
        return next(makers, None)

    def around(self, event_id: str | None) -> set[str]:
        """The events in which one happened, and the first of the fold that it is in."""
        found: set[str] = set()
        step = self._above.get(event_id) if event_id is not None else None
        while step is not None and step not in found:
            found.add(step)
            step = self._above.get(step)
        runs = (place.events for place in self._places if len(place.events) > 1)
        return found | {run[0].event_id for run in runs if any(event.event_id == event_id for event in run)}

    def hiding(self, event_id: str | None) -> set[str]:
        """The events that hide one because they are shut."""
        return {one for one in self.around(event_id) if self._view.hides(one)}


def axis_of(events: Sequence[Event]) -> Axis:
    """From the first start to the last end."""
    start_ns = min((event.init_timestamp for event in events), default=0)
    return Axis(start_ns, max((event.end_timestamp or event.init_timestamp for event in events), default=0))


def _part(whole: Axis, view: View) -> tuple[int, int]:
    """The time that the view shows; all of it where what it asks for is none."""
    begin_ns = whole.start_ns + (view.begin_ns or 0)
    end_ns = whole.end_ns if view.end_ns is None else min(whole.end_ns, whole.start_ns + view.end_ns)
    return (begin_ns, end_ns) if begin_ns < end_ns else (whole.start_ns, whole.end_ns)


def _chosen(events: Sequence[Event], view: View, axis: Axis, above: Mapping[str, str | None]) -> Sequence[Event]:
    """The events of the agent, those in the part of the time that is shown, and those that went wrong."""
    if view.agent is not None:
        owners = owners_of(events)
        events = [event for event in events if owners[event.event_id] == view.agent]
    if view.is_part:
        shown = {event.event_id for event in events if _is_in(event, axis)}
        events = [
            event
            for event in events
            if event.event_id in shown or (isinstance(event, Failure) and event.trigger_event_id in shown)
        ]
    if view.failed:
        wanted = _failed(events, above)
        events = [event for event in events if event.event_id in wanted]
    return events


def _failed(events: Sequence[Event], above: Mapping[str, str | None]) -> set[str]:
    """The errors, and all that they happened in."""
    found: set[str] = set()
    for event in events:
        step: str | None = event.event_id if isinstance(event, Failure) else None
        while step is not None and step not in found:
            found.add(step)
            step = above.get(step)
    return found


def _is_in(event: Event, axis: Axis) -> bool:
    return event.init_timestamp <= axis.end_ns and (event.end_timestamp or event.init_timestamp) >= axis.start_ns


def _places(plot: Plot, view: View) -> Iterator[_Place]:
    """Every event that is shown, each before what happened in it."""
    left = [_Place(run, 0) for run in reversed(_runs(plot, None, view))]
    while left:
        place = left.pop()
        if len(place.events) > 1:
            is_open = view.shows(place.events[0].event_id)
            yield place._replace(is_open=is_open)
            if is_open:
                left += [_Place([event], min(place.depth + 1, DEEPEST)) for event in reversed(place.events)]
        else:
            event_id = place.events[0].event_id
            if event_id not in plot.inside:  # few have something inside, and there may be 50,000
                yield place
            elif view.hides(event_id):
                yield place._replace(is_shut=True)
            else:
                yield place
                left += [_Place(run, min(place.depth + 1, DEEPEST)) for run in reversed(_runs(plot, event_id, view))]


def _runs(plot: Plot, event_id: str | None, view: View) -> list[list[Event]]:
    """What happened in an event; neighbours of one kind and name, in which nothing happened and nothing went wrong, are
    together if there are enough of them. The API calls of a few events take none of these out of its fold."""
    runs: list[list[Event]] = []
    last: object = None
    for event in plot.inside.get(event_id, ()):
        inside = plot.inside.get(event.event_id, ())
        is_full = any(view.apis or not isinstance(one, ApiCall) for one in inside)
        same = None if is_full else _sort(plot, event)
        if same is not None and same == last:
            runs[-1].append(event)
        else:
            runs.append([event])
        last = same
    return [part for run in runs for part in ([run] if len(run) >= FOLDED_FROM else [[event] for event in run])]


def _sort(plot: Plot, event: Event) -> tuple[str | None, ...] | None:
    """What events have in common that are folded; None for one that never is."""
    if isinstance(event, Failure) or event.event_id in plot.errors:
        return None
    if isinstance(event, LLMCall):
        return event.event_type, model_of(event) or event.name, event.operation, event.agent_name
    return event.event_type, event.name, event.agent_name


def _duration(event: Event) -> int | None:
    if event.end_timestamp is None or isinstance(event, Failure):
        return None
    return max(0, event.end_timestamp - event.init_timestamp)
