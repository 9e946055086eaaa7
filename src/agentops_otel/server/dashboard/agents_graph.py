"""Who called whom as a picture: agents in columns, by how many calls they are away from the program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.server.dashboard.agents import Agents, Owner, Step, Work
from agentops_otel.text.layout import fitted, plain

WIDTH, HEIGHT = 208, 56
"""The box of an agent in pixels."""

MOST = 40
"""So many boxes can be looked at; further agents are in the table alone."""

_ASIDE, _BELOW, _BEND, _MARGIN = 88, 24, 44, 4
_LETTERS = 25


class Box(NamedTuple):
    """An agent at its place: `x` and `y` are the upper left corner, `name` is cut to what the box has room for."""

    work: Work
    name: str
    x: int
    y: int


class Arrow(NamedTuple):
    """A line from box to box: the path of SVG, and where the words for it stand."""

    step: Step
    path: str
    x: float
    y: float


class Graph(NamedTuple):
    """The picture, in pixels."""

    boxes: Sequence[Box]
    calls: Sequence[Arrow]
    handoffs: Sequence[Arrow]
    width: int
    height: int


def graph_of(agents: Agents) -> Graph:
    """The first agents and what is between them."""
    works = agents.works[:MOST]
    boxes = _boxes(works, _layers(works, agents.calls))
    right = max((box.x for box in boxes.values()), default=0) + WIDTH
    bottom = max((box.y for box in boxes.values()), default=0) + HEIGHT
    calls, handoffs = _arrows(boxes, agents.calls), _arrows(boxes, agents.handoffs)
    return Graph(list(boxes.values()), calls, handoffs, right + _BEND + _MARGIN, bottom + _MARGIN)


def _layers(works: Iterable[Work], calls: Iterable[Step]) -> dict[Owner, int]:
    """How many calls each is away from the program at least; 1 for those it does not lead to."""
    called: defaultdict[Owner, list[Owner]] = defaultdict(list)
    for step in calls:
        called[step.before].append(step.after)
    layers: dict[Owner, int] = {None: 0}
    found: list[Owner] = [None]
    for one in found:
        new = [other for other in called[one] if other not in layers]
        layers.update(dict.fromkeys(new, layers[one] + 1))
        found += dict.fromkeys(new)
    return {work.owner: layers.get(work.owner, 1) for work in works}


def _boxes(works: Sequence[Work], layers: Mapping[Owner, int]) -> dict[Owner, Box]:
    columns: defaultdict[int, list[Work]] = defaultdict(list)
    for work in works:
        columns[layers[work.owner]].append(work)
    tallest = max(map(len, columns.values()), default=0)
    return {
        work.owner: Box(
            work,
            fitted(plain(work.owner or "the program"), _LETTERS),
            _MARGIN + at * (WIDTH + _ASIDE),
            _MARGIN + (2 * row + tallest - len(column)) * (HEIGHT + _BELOW) // 2,
        )
        for at, (_, column) in enumerate(sorted(columns.items()))
        for row, work in enumerate(column)
    }


def _arrows(boxes: Mapping[Owner, Box], steps: Iterable[Step]) -> list[Arrow]:
    return [
        _arrow(step, boxes[step.before], boxes[step.after])
        for step in steps
        if step.before in boxes and step.after in boxes
    ]


def _arrow(step: Step, before: Box, after: Box) -> Arrow:
    """A curve from the right of a box to the left of one further right, or to the right of any other."""
    x, y, end = before.x + WIDTH, before.y + HEIGHT / 2, after.y + HEIGHT / 2
    if after.x > before.x:
        middle = (x + after.x) / 2
        return Arrow(step, f"M{x} {y}C{middle} {y} {middle} {end} {after.x} {end}", middle, (y + end) / 2 - 6)
    to = after.x + WIDTH
    out = max(x, to) + _BEND
    return Arrow(step, f"M{x} {y}C{out} {y} {out} {end} {to} {end}", out - _BEND / 4, (y + end) / 2 + 4)
