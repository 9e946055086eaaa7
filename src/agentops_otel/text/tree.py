"""The events of a session as a tree: who called what, how long it took, what it cost, what failed."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from agentops_otel.records import ApiCall, Event, Failure, LLMCall, Statistics, total
from agentops_otel.text.layout import WIDTH, columns_of, fitted, padded, plain
from agentops_otel.text.values import UNKNOWN, duration_text, short_cost, tokens_count
from agentops_otel.values import dumps

DEEPEST = 10
"""Deeper events are shown at this level: a terminal has no room for more."""

FOLDED_FROM = 3
"""So many equal siblings in a row become one line."""

LONGEST_PATTERN = 4
"""A loop of up to this many different steps (model, tool, model, tool, ...) is recognised."""

_KINDS = {"llms": "llm", "tools": "tool", "actions": "action", "apis": "api", "errors": "error"}
_NAME_AT_LEAST = 24
_ERROR_LINES = 3


def event_tree(events: Iterable[Event], width: int = WIDTH, *, apis: bool = False) -> str:
    """The events under their parents, by start, with a header; "" if there are none.

    Siblings that repeat are folded into one line, "×37", with their sums. An error is told below the event in which it
    happened, and once: the events it passed through are only marked. API calls are left out unless asked for; what
    happened inside them is not.
    """
    roots = Plot(list(events), apis=apis).roots()
    header = _Line("event", time="time", tokens="tokens", cost="cost")
    return _laid_out([header, *_lines(roots, width)], width) if roots else ""


# --- growing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    """An event, or several equal ones, with what happened inside. `told` are the errors that can be read from here on
    down, `shape` is what nodes have in common that are folded together: all but numbers and the words of errors."""

    kind: str
    name: str
    duration_ns: int | None
    statistics: Statistics
    failed: bool
    errors: tuple[str, ...]
    told: frozenset[str]
    shape: int
    children: Sequence[_Node]
    repeats: int = 1


class Plot:
    """Where the tree grows: which event is shown under which, by start, and which errors belong to it.

    `inside` are the events by the id of the one they are shown under, None at the top; `errors` those that are told
    with an event, by its id; `above` is what `parents_of` says, `calls` the API calls by the event that made them.
    `apis` says whether API calls are shown, or names the events of which they are.
    """

    def __init__(self, events: Sequence[Event], *, apis: bool | Collection[str]) -> None:
        ordered = sorted(events, key=lambda event: (event.init_timestamp, event.event_id))
        steps = [event for event in ordered if not isinstance(event, Failure)]
        self.above = parents_of(ordered)
        parents = {event.event_id: self.above[event.event_id] for event in steps}
        self.calls = _calls_of(steps, self.above)
        hidden = _hidden(self.calls, apis)
        places = _places(parents, hidden)
        self.inside: defaultdict[str | None, list[Event]] = defaultdict(list)
        self.errors: defaultdict[str, list[Failure]] = defaultdict(list)
        for event in ordered:
            if isinstance(event, Failure):
                trigger = self.above[event.event_id]
                if trigger in places and trigger not in hidden:
                    self.errors[trigger].append(event)
                else:
                    self.inside[places.get(trigger or "")].append(event)
            elif event.event_id not in hidden:
                self.inside[places[event.event_id]].append(event)

    def roots(self) -> list[_Node]:
        """The trees, folded."""
        return self._children(None, None)

    def _children(self, event_id: str | None, agent: str | None) -> list[_Node]:
        return _folded([self._node(event, agent) for event in self.inside.get(event_id, ())])

    def _node(self, event: Event, agent: str | None) -> _Node:
        children = self._children(event.event_id, event.agent_name)
        told = frozenset[str]().union(*(child.told for child in children))
        errors = [error_text(error) for error in self.errors.get(event.event_id, ())]
        new = tuple(dict.fromkeys(error for error in errors if error not in told))
        kind, name = _KINDS[event.event_type], event_name(event, agent)
        types = [error.partition(":")[0] for error in new]
        return _Node(
            kind=kind,
            name=name,
            duration_ns=None if event.end_timestamp is None else max(0, event.end_timestamp - event.init_timestamp),
            statistics=Statistics.of(event),
            failed=bool(errors) or isinstance(event, Failure),
            errors=new,
            told=told.union(new),
            shape=hash((kind, name, bool(errors), *types, *(child.shape for child in children))),
            children=children,
        )


def parents_of(events: Sequence[Event]) -> dict[str, str | None]:
    """The id of the event in whose span each began, or an error happened; None where no such event is known."""
    spans: dict[tuple[str | None, str | None], str] = {
        (event.trace_id, event.span_id): event.event_id
        for event in events
        if event.span_id and not isinstance(event, Failure)
    }
    return {
        event.event_id: (event.trigger_event_id if isinstance(event, Failure) else None)
        or spans.get((event.trace_id, event.parent_id))
        for event in events
    }


def _calls_of(steps: Sequence[Event], above: Mapping[str, str | None]) -> Mapping[str | None, list[ApiCall]]:
    """The API calls by the nearest event around them that is none, None for those without."""
    calls = {event.event_id: event for event in steps if isinstance(event, ApiCall)}
    found: defaultdict[str | None, list[ApiCall]] = defaultdict(list)
    for event_id, call in calls.items():
        seen, step = {event_id}, above[event_id]
        while step in calls and step not in seen:
            seen.add(step)
            step = above[step]
        found[None if step in calls else step].append(call)
    return found


def _hidden(calls: Mapping[str | None, Iterable[ApiCall]], apis: bool | Collection[str]) -> set[str]:
    """The API calls that are not shown."""
    if apis is True:
        return set()
    shown = apis or ()
    return {call.event_id for maker, some in calls.items() if maker not in shown for call in some}


def _places(parents: Mapping[str, str | None], hidden: Collection[str]) -> dict[str, str | None]:
    """The event under which each is shown, None at the top: the nearest ancestor that is not hidden and not too deep.

    Ids that are their own ancestors stand at the top, so that nothing is lost.
    """
    places: dict[str, str | None] = {}
    levels: dict[str | None, int] = {None: 0}
    for event_id in parents:
        path: dict[str, None] = {}
        step: str | None = event_id
        while step is not None and step not in places and step not in path:
            path[step] = None
            step = parents[step]
        for one in reversed(path):
            above = parents[one] if parents[one] in places else None
            if above in hidden or levels[above] >= DEEPEST:
                above = places[above or ""]
            places[one], levels[one] = above, levels[above] + 1
    return places


def event_name(event: Event, agent: str | None = None) -> str:
    """What an event is called in one line: a model call by its model, and whose it is unless that is `agent`."""
    name = event.name
    if isinstance(event, Failure):
        name = error_text(event)
    if isinstance(event, LLMCall):
        name = event.model or event.request_model or name
        if event.operation not in (None, "chat"):
            name = f"{name} ({event.operation})"
    if event.agent_name and event.agent_name not in (agent, name):
        name = f"{name} [{event.agent_name}]"
    return plain(name)


def error_text(error: Failure) -> str:
    """`ValueError: what it said`, in one line."""
    details = error.details if isinstance(error.details, str) else dumps(error.details) if error.details else ""
    return plain(": ".join(part for part in (error.error_type or error.name, details) if part))


# --- folding ---------------------------------------------------------------------------------------------------------


def _folded(nodes: Sequence[_Node]) -> list[_Node]:
    """Siblings with every run of a repeated pattern as one pattern; the shortest pattern wins."""
    shapes, folded, at = [node.shape for node in nodes], [], 0
    while at < len(nodes):
        length, times = _pattern(shapes, at)
        run = nodes[at : at + length * times]
        folded += [_merged(run[step::length]) for step in range(length)]
        at += len(run)
    return folded


def _pattern(shapes: Sequence[int], at: int) -> tuple[int, int]:
    """The length of the pattern that starts here, and how often it repeats."""
    for length in range(1, LONGEST_PATTERN + 1):
        pattern, times = shapes[at : at + length], 1
        while shapes[at + times * length : at + (times + 1) * length] == pattern:
            times += 1
        if times >= FOLDED_FROM:
            return length, times
    return 1, 1


def _merged(nodes: Sequence[_Node]) -> _Node:
    """Nodes of one shape as one node with their sums."""
    if len(nodes) == 1:
        return nodes[0]
    durations = [node.duration_ns for node in nodes if node.duration_ns is not None]
    return replace(
        nodes[0],
        duration_ns=sum(durations) if durations else None,
        statistics=total(node.statistics for node in nodes),
        repeats=sum(node.repeats for node in nodes),
        children=[_merged(group) for group in zip(*(node.children for node in nodes), strict=True)],
    )


# --- drawing ---------------------------------------------------------------------------------------------------------


class _Line(NamedTuple):
    """A line of the tree. `marks` are never cut off; a line without the other parts may use the whole width."""

    left: str
    marks: str = ""
    time: str = ""
    tokens: str = ""
    cost: str = ""


def _lines(nodes: Sequence[_Node], width: int, prefix: str = "", *, top: bool = True) -> Iterator[_Line]:
    for node in nodes:
        last = node is nodes[-1]
        branch, below = ("", "") if top else ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield _line(node, prefix + branch)
        margin = f"{prefix}{below}{'│' if node.children else ' '}      "
        for error in node.errors:
            yield from (_Line(margin + line) for line in _wrapped(error, width - len(margin)))
        yield from _lines(node.children, width, prefix + below, top=False)


def _wrapped(error: str, width: int) -> list[str]:
    """The words of an error in a few lines, the last of them cut."""
    lines = textwrap.wrap(error, max(_NAME_AT_LEAST, width), break_on_hyphens=False)
    rest = " ".join(lines[_ERROR_LINES - 1 :])
    return [*lines[: _ERROR_LINES - 1], rest] if rest else lines


def _line(node: _Node, prefix: str) -> _Line:
    marks = f" ×{node.repeats:,}" * (node.repeats > 1) + " ✗" * node.failed
    sums = node.statistics
    priced = bool(sums.llms or sums.cost)
    return _Line(
        left=f"{prefix}{node.kind:<6} {node.name}",
        marks=marks,
        time="" if node.kind == "error" else duration_text(node.duration_ns),
        tokens=_tokens(sums) if sums.llms else "",
        cost=short_cost(sums) if priced else "",
    )


def _tokens(sums: Statistics) -> str:
    if not sums.prompt_tokens and not sums.completion_tokens:
        return UNKNOWN
    return f"{tokens_count(sums.prompt_tokens)} → {tokens_count(sums.completion_tokens)}"


def _laid_out(lines: Sequence[_Line], width: int) -> str:
    rest = [max(columns_of(part) for part in parts) for parts in zip(*(line[2:] for line in lines), strict=True)]
    longest = max(columns_of(line.left + line.marks) for line in lines if any(line[2:]))
    left = min(longest, max(_NAME_AT_LEAST, width - sum(rest) - 2 * len(rest)))
    return "\n".join(_drawn(line, left, rest, width) for line in lines)


def _drawn(line: _Line, left: int, rest: Sequence[int], width: int) -> str:
    if not any(line[2:]):
        return fitted(line.left, width - columns_of(line.marks)) + line.marks
    named = padded(fitted(line.left, left - columns_of(line.marks)) + line.marks, left)
    parts = [padded(part, size, right=True) for part, size in zip(line[2:], rest, strict=True)]
    return "  ".join([named, *parts]).rstrip()
