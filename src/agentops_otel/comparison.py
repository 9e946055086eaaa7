"""Two sessions side by side: which steps answer which, and what changed. Pure.

A step is an event without its texts: of what was said and returned only digests are kept, so that two long sessions can
be compared at little memory. Steps are aligned by what they are (kind and name), not by when they happened.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import (
    Action,
    ApiCall,
    Event,
    EventType,
    Failure,
    Json,
    LLMCall,
    Session,
    ToolCall,
    decimal_text,
)
from agentops_otel.values import dumps

MOST_CELLS = 4_000_000
"""Steps of one session times steps of the other. Beyond it both are cut into as many pieces as that takes, and each
piece is aligned for itself: a step that moved far is then shown as gone and as new."""


_SUMS = {"cost_usd": "cost"} | {
    name: name
    for name in ("prompt_tokens", "cache_read_tokens", "completion_tokens", "llms", "tools", "actions", "errors")
}


class Step(NamedTuple):
    """An event, as far as two of them can be compared. `digests` stand for its texts, by what they are."""

    kind: EventType
    name: str
    event_id: str
    duration_ns: int | None
    cost: Decimal | None
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str | None
    digests: Mapping[str, bytes]

    @property
    def key(self) -> tuple[str, str]:
        """What it is: steps with the same key can answer each other."""
        return self.kind, self.name


class Pair(NamedTuple):
    """A step of one session and the one of the other that answers it; None where there is none."""

    a: Step | None
    b: Step | None

    @property
    def changes(self) -> list[str]:
        """What differs between the two: model, prompt, answer, arguments, result, words; none where one is missing."""
        if self.a is None or self.b is None:
            return []
        model = ["model"] if self.a.model != self.b.model else []
        names = dict.fromkeys([*self.a.digests, *self.b.digests])
        return model + [name for name in names if self.a.digests.get(name) != self.b.digests.get(name)]

    @property
    def is_same(self) -> bool:
        """Whether both are there and nothing that was said differs."""
        return self.a is not None and self.b is not None and not self.changes


class Difference(NamedTuple):
    """A sum in both sessions. `change` is None where one of them is not known."""

    name: str
    a: Decimal | int | None
    b: Decimal | int | None

    @property
    def change(self) -> Decimal | int | None:
        """How much more the second one has."""
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Comparison:
    """Two sessions and their steps, aligned in the order of both."""

    a: Session
    b: Session
    pairs: Sequence[Pair]

    @property
    def sums(self) -> list[Difference]:
        """Cost, duration, tokens and counts of both."""
        ours, theirs = self.a.statistics, self.b.statistics
        found = [Difference(name, getattr(ours, field), getattr(theirs, field)) for name, field in _SUMS.items()]
        return [found[0], Difference("duration_ns", self.a.duration_ns, self.b.duration_ns), *found[1:]]

    @property
    def tools(self) -> list[Difference]:
        """How often each tool was called, where that differs, by name."""
        counts = [Counter(step.name for step in side if step.kind == "tools") for side in self._sides()]
        names = sorted(counts[0].keys() | counts[1].keys())
        return [
            Difference(name, counts[0][name], counts[1][name]) for name in names if counts[0][name] != counts[1][name]
        ]

    @property
    def differing(self) -> list[Pair]:
        """The pairs that are not the same."""
        return [pair for pair in self.pairs if not pair.is_same]

    def _sides(self) -> tuple[list[Step], list[Step]]:
        return [pair.a for pair in self.pairs if pair.a], [pair.b for pair in self.pairs if pair.b]

    def to_json(self) -> dict[str, Json]:
        """The sums, the tools and all steps; costs as decimal texts, times in nanoseconds."""
        return {
            "a": self.a.session_id,
            "b": self.b.session_id,
            "sums": {one.name: _difference_json(one) for one in self.sums},
            "tools": {one.name: _difference_json(one) for one in self.tools},
            "steps": [
                {"a": _step_json(pair.a), "b": _step_json(pair.b), "changes": pair.changes} for pair in self.pairs
            ],
        }


def compare(a: Session, events_a: Iterable[Event], b: Session, events_b: Iterable[Event]) -> Comparison:
    """Two sessions with their events, each by start and with their large fields. API calls are left out."""
    return Comparison(a, b, list(aligned(list(steps_of(events_a)), list(steps_of(events_b)))))


def steps_of(events: Iterable[Event]) -> Iterator[Step]:
    """Events as steps. A model call is called by its operation and agent, so that another model can answer it."""
    for event in events:
        if not isinstance(event, ApiCall):
            yield _step(event)


def _step(event: Event) -> Step:
    call = event if isinstance(event, LLMCall) else None
    takes_time = event.end_timestamp is not None and not isinstance(event, Failure)
    return Step(
        kind=event.event_type,
        name=_name(event),
        event_id=event.event_id,
        duration_ns=max(0, (event.end_timestamp or 0) - event.init_timestamp) if takes_time else None,
        cost=event.cost if isinstance(event, (LLMCall, ToolCall)) else None,
        prompt_tokens=call.usage.prompt_tokens if call else None,
        completion_tokens=call.usage.completion_tokens if call else None,
        model=(call.model or call.request_model) if call else None,
        digests={name: _digest(value) for name, value in _said(event).items() if value not in (None, {}, [])},
    )


def _name(event: Event) -> str:
    if isinstance(event, LLMCall):
        return f"{event.operation or 'chat'}{f' [{event.agent_name}]' if event.agent_name else ''}"
    return (event.error_type or event.name) if isinstance(event, Failure) else event.name


def _said(event: Event) -> dict[str, Json]:
    if isinstance(event, LLMCall):
        return {"prompt": event.prompt, "answer": event.completion}
    if isinstance(event, (ToolCall, Action)):
        return {"arguments": event.params, "result": event.returns}
    return {"words": event.details} if isinstance(event, Failure) else {}


def _digest(value: Json) -> bytes:
    return hashlib.blake2b(dumps(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()


# --- aligning --------------------------------------------------------------------------------------------------------


def aligned(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    """Both in their order, as many as possible answered by a step with the same key."""
    pieces = max(1, -(-len(a) * len(b) // MOST_CELLS))
    for piece in range(pieces):
        yield from _aligned(_piece(a, piece, pieces), _piece(b, piece, pieces))


def _piece(steps: Sequence[Step], piece: int, pieces: int) -> Sequence[Step]:
    return steps[len(steps) * piece // pieces : len(steps) * (piece + 1) // pieces]


def _aligned(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    yield from map(Pair, a[:head], b[:head])
    yield from _by_longest(a[head : len(a) - tail], b[head : len(b) - tail])
    yield from map(Pair, a[len(a) - tail :], b[len(b) - tail :])


def _common(a: Sequence[Step], b: Sequence[Step]) -> int:
    """How many steps at the beginning answer each other."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x.key != y.key), min(len(a), len(b)))


def _by_longest(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    """Along the longest common subsequence of keys; what has no answer in `a` comes before what has none in `b`."""
    keys_a, keys_b = [step.key for step in a], [step.key for step in b]
    lengths = _lengths(keys_a, keys_b)
    at_a = at_b = 0
    while at_a < len(a) and at_b < len(b):
        if keys_a[at_a] == keys_b[at_b]:
            yield Pair(a[at_a], b[at_b])
            at_a, at_b = at_a + 1, at_b + 1
        elif lengths[at_a + 1][at_b] >= lengths[at_a][at_b + 1]:
            yield Pair(a[at_a], None)
            at_a += 1
        else:
            yield Pair(None, b[at_b])
            at_b += 1
    yield from (Pair(step, None) for step in a[at_a:])
    yield from (Pair(None, step) for step in b[at_b:])


def _lengths(a: Sequence[tuple[str, str]], b: Sequence[tuple[str, str]]) -> list[list[int]]:
    """The length of the longest common subsequence of every two ends: `[i][j]` is that of `a[i:]` and `b[j:]`."""
    below = [0] * (len(b) + 1)
    rows = [below]
    for key in reversed(a):
        row = [0] * (len(b) + 1)
        for at in range(len(b) - 1, -1, -1):
            row[at] = below[at + 1] + 1 if key == b[at] else max(below[at], row[at + 1])
        rows.append(row)
        below = row
    return rows[::-1]


# --- JSON ------------------------------------------------------------------------------------------------------------


def _number(value: Decimal | int | None) -> Json:
    return decimal_text(value) if isinstance(value, Decimal) else value


def _difference_json(one: Difference) -> Json:
    return {"a": _number(one.a), "b": _number(one.b), "change": _number(one.change)}


def _step_json(step: Step | None) -> Json:
    if step is None:
        return None
    named = step._asdict()
    del named["digests"]
    return {**named, "kind": step.kind, "cost": _number(step.cost)}
