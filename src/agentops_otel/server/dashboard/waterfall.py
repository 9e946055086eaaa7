"""The events of a session as rows of a waterfall: a tree, laid against time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import Event, Failure, LLMCall, ToolCall
from agentops_otel.server.dashboard.agents import owners_of
from agentops_otel.text.tree import Plot, error_text, event_name

WIDTH = 1000
"""The time of a session in units of a bar."""

NARROWEST = 3
"""No bar is narrower: what took no time can be seen as well."""


class Row(NamedTuple):
    """An event, how deep it stands, its errors, and its bar: left edge and width."""

    event: Event
    depth: int
    name: str
    errors: Sequence[Failure]
    left: float
    width: float

    @property
    def ids(self) -> list[str]:
        """The events that this row shows: its own, and the errors that are told with it."""
        return [self.event.event_id, *(error.event_id for error in self.errors)]

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
        """How long it took; errors take no time."""
        event = self.event
        if event.end_timestamp is None or isinstance(event, Failure):
            return None
        return max(0, event.end_timestamp - event.init_timestamp)

    @property
    def cost(self) -> Decimal | None:
        """What it cost, None where nobody knows or nothing can cost."""
        return self.event.cost if isinstance(self.event, (LLMCall, ToolCall)) else None


class Waterfall(NamedTuple):
    """The rows in reading order, and the time between the first start and the last end."""

    rows: Sequence[Row]
    duration_ns: int


def waterfall(events: Sequence[Event], *, apis: bool = False, agent: str | None = None) -> Waterfall:
    """The events under their parents, by start; API calls only where asked for, of one agent where one is named."""
    if not events:
        return Waterfall([], 0)
    start_ns = min(event.init_timestamp for event in events)
    duration_ns = max(event.end_timestamp or event.init_timestamp for event in events) - start_ns
    scale = WIDTH / max(1, duration_ns)
    owners = {} if agent is None else owners_of(events)
    plot = Plot([event for event in events if owners.get(event.event_id) == agent], apis=apis)
    return Waterfall([_row(plot, event, depth, start_ns, scale) for event, depth in _ordered(plot)], duration_ns)


def _ordered(plot: Plot) -> Iterator[tuple[Event, int]]:
    """Every event that is shown, each before what happened in it, with its depth."""
    left = [(event, 0) for event in reversed(plot.inside.get(None, []))]
    while left:
        event, depth = left.pop()
        yield event, depth
        left += [(child, depth + 1) for child in reversed(plot.inside.get(event.event_id, []))]


def _row(plot: Plot, event: Event, depth: int, start_ns: int, scale: float) -> Row:
    begin = (event.init_timestamp - start_ns) * scale
    end = max(begin, ((event.end_timestamp or event.init_timestamp) - start_ns) * scale)
    errors = plot.errors.get(event.event_id, ())
    left = min(begin, WIDTH - NARROWEST)
    return Row(event, depth, event_name(event), errors, round(left, 2), round(max(NARROWEST, end - left), 2))
