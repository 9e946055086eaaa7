"""Bars over time as SVG: marks that lead somewhere, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

STEP, HEIGHT = 10, 100
"""A step of time and the tallest bar, in units of the picture; it is stretched to the room there is."""

_GAP, _LOWEST = 1.5, 0.6


class Mark(NamedTuple):
    """A bar: where it stands, its colour as a CSS class, the words for it and where it leads."""

    x: float
    y: float
    width: float
    height: float
    css: str
    title: str
    url: str | None


class Series(NamedTuple):
    """One colour: what it is, its sum in words, and where it leads."""

    name: str
    css: str
    total: str
    url: str | None


class Cell(NamedTuple):
    """A value of the table, and where it leads; None where there is nothing."""

    value: str
    url: str | None


class Chart(NamedTuple):
    """A picture and its table. `top` is the value of the highest line, `times` the first, middle and last step."""

    title: str
    marks: Sequence[Mark]
    series: Sequence[Series]
    width: float
    top: str
    times: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self.marks


class Layer(NamedTuple):
    """What is drawn in one colour: a value for each step that has one, and its sum in words ("" for none)."""

    name: str
    css: str
    values: Mapping[int, float]
    total: str = ""


def chart(
    title: str,
    steps: Sequence[str],
    layers: Sequence[Layer],
    text: Callable[[float], str],
    url: Callable[[str, int | None], str | None],
    *,
    stacked: bool = True,
) -> Chart:
    """The layers upon each other, or, unless `stacked`, one before the other. `steps` are the words for each step;
    `url` says where a layer leads, at a step or at all steps."""
    bases = dict.fromkeys(range(len(steps)), 0.0)
    for layer in layers:
        for step, value in layer.values.items():
            bases[step] = bases[step] + value if stacked else max(bases[step], value)
    top = max(bases.values(), default=0.0)
    marks, lower = [], dict.fromkeys(bases, 0.0)
    for layer in layers:
        for step, value in sorted(layer.values.items()):
            if value > 0:
                height = max(_LOWEST, value / top * HEIGHT)
                y = HEIGHT - lower[step] - height
                words = f"{steps[step]}: {layer.name} {text(value)}"
                place = step * STEP + _GAP, round(y, 2), STEP - 2 * _GAP, round(height, 2)
                marks.append(Mark(*place, layer.css, words, url(layer.name, step)))
                lower[step] += height if stacked else 0.0
    series = [Series(layer.name, layer.css, layer.total, url(layer.name, None)) for layer in layers]
    rows = [
        (words, [Cell(text(value), url(layer.name, step) if value else None) for layer, value in _at(step, layers)])
        for step, words in enumerate(steps)
    ]
    times = [steps[0], steps[len(steps) // 2], steps[-1]]
    return Chart(title, marks, series, len(steps) * STEP, text(top), times, rows)


def _at(step: int, layers: Sequence[Layer]) -> Sequence[tuple[Layer, float]]:
    return [(layer, layer.values.get(step, 0.0)) for layer in layers]
