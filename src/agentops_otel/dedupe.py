"""One call, one event: which events of a session describe what another describes better.

A framework's span and the provider's span below it, two instrumentors side by side, a stream and the log record that
follows it: each says of the same model call what it knows. `twins` is a pure function of the events of a session, so
the answer does not depend on their order, and a twin that comes a minute later changes what is counted, not what is
kept. The twin with the best usage is the one that counts; `merged` gives it what only the others know.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentops_otel.records import USAGE_BUCKETS, Event, EventType, Failure, LLMCall, ToolCall

UNIQUE_ID = 16
"""A response id of so many characters is unique; shorter ones (Ollama's `chatcmpl-123`) repeat."""

NEAR_NS = 2_000_000_000
"""A log span that completes a streamed call comes this soon after it, at the latest."""


@dataclass(frozen=True, slots=True)
class View:
    """What is needed of an event to find its twins; a store keeps these columns beside the payload.

    `details` counts the usage buckets that are known and not 0. `said` is the error of a Failure as type and message,
    of a tool call its name.
    """

    event_id: str
    event_type: EventType
    start_ns: int
    end_ns: int
    trace_id: str | None = None
    span_id: str | None = None
    parent_id: str | None = None
    scope: str = ""
    trigger_id: str | None = None
    response_id: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    details: int = 0
    priced: bool = False
    content: bool = False
    failed: bool = False
    said: str | None = None


def view_of(event: Event) -> View:
    """The view of an event."""
    scope, failed = told_by(event)
    common: dict[str, Any] = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "start_ns": event.init_timestamp,
        "end_ns": event.end_timestamp or event.init_timestamp,
        "trace_id": event.trace_id,
        "span_id": event.span_id,
        "parent_id": event.parent_id,
        "scope": scope,
        "failed": failed,
    }
    if isinstance(event, LLMCall):
        usage = event.usage
        return View(
            **common,
            response_id=event.response_id,
            model=event.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            details=sum(bool(getattr(usage, bucket)) for bucket in USAGE_BUCKETS),
            priced=event.cost is not None,
            content=event.completion is not None,
        )
    if isinstance(event, Failure):
        return View(**common, trigger_id=event.trigger_event_id, said=_error_text(event))
    return View(**common, said=event.name if isinstance(event, ToolCall) else None)


def told_by(event: Event) -> tuple[str, bool]:
    """The instrumentor that tells of the event, "" if unknown, and whether it says that it failed."""
    otel = event.extra.get("otel")
    if not isinstance(otel, dict):
        return "", False
    scope = otel.get("scope")
    return _storable(scope) if isinstance(scope, str) else "", otel.get("status") == "error"


@functools.lru_cache(maxsize=256)
def _storable(scope: str) -> str:
    """The name as a database takes it: `extra` may hold lone surrogates."""
    return scope.encode("utf-8", "replace").decode()


def _error_text(event: Failure) -> str | None:
    return event.details if isinstance(event.details, str) else None


Glimpse = tuple[EventType, int, "int | None", "str | None", "str | None", "str | None", "str | None", "str | None"]
"""Of an event: type, start, end, trace id, span id, parent id, scope and response id."""


def may_repeat(glimpses: Iterable[Glimpse]) -> bool:
    """Whether `twins` has to look at these events of a session; False only if it would find none.

    One instrumentor, no more than one error, no call below a call, at an instant or with the id of another: then there
    are none, and that is most sessions.
    """
    errors, instants = 0, 0
    scopes, response_ids = set[str | None](), set[str]()
    calls, parents = set[tuple[str | None, str]](), set[tuple[str | None, str]]()
    for event_type, start_ns, end_ns, trace_id, span_id, parent_id, scope, response_id in glimpses:
        errors += event_type == "errors"
        if parent_id is not None and (event_type != "errors" or span_id is not None):
            parents.add((trace_id, parent_id))
        if event_type in ("llms", "tools"):
            scopes.add(scope or None)
        if event_type == "llms":
            instants += end_ns is None or end_ns == start_ns
            if span_id is not None:
                calls.add((trace_id, span_id))
            if response_id in response_ids:
                return True
            if response_id is not None:
                response_ids.add(response_id)
        if errors > 1 or len(scopes) > 1:
            return True
    return instants > 0 or not calls.isdisjoint(parents)


def twins(views: Iterable[View]) -> dict[str, str]:
    """Every event that repeats another, with the id of the one that counts. Any order gives the same answer."""
    known = sorted(views, key=lambda view: (view.start_ns, view.event_id))
    tree = _Tree(known)
    groups = _Groups(known)
    calls = [view for view in known if view.event_type == "llms"]
    _join_nested(calls, tree, groups)
    _join_same_response(calls, groups)
    _join_logs(calls, groups)
    _join_parallel(calls, tree, groups)
    _join_nested_tools(known, tree, groups)
    answer = groups.answer(tree)
    _follow_errors(known, tree, answer)
    return answer


def surviving(events: Iterable[Event]) -> list[Event]:
    """The events that count, in their order, each with what only its twins know, and in the place of those left out."""
    known = list(events)
    return told_once(known, twins(map(view_of, known)))


def told_once(known: Sequence[Event], answer: Mapping[str, str]) -> list[Event]:
    """What `surviving` gives, where the twins are known already."""
    twins_of = [event for event in known if event.event_id in answer]
    by_survivor: dict[str, list[Event]] = defaultdict(list)
    for event in twins_of:
        by_survivor[answer[event.event_id]].append(event)
    out = LeftOut((one.event_id, one.trace_id, one.span_id, one.parent_id, answer[one.event_id]) for one in twins_of)
    return [out.placed(merged(event, by_survivor[event.event_id])) for event in known if event.event_id not in answer]


class LeftOut:
    """The events that do not count, given by event id, trace id, span id, parent id and the id of the one that does."""

    def __init__(self, twins: Iterable[tuple[str, str | None, str | None, str | None, str]]) -> None:
        self._survivors: dict[str, str] = {}
        self._above: dict[tuple[str | None, str], str | None] = {}
        for event_id, trace_id, span_id, parent_id, survivor_id in twins:
            self._survivors[event_id] = survivor_id
            if span_id is not None:
                self._above[trace_id, span_id] = parent_id

    def placed(self, event: Event) -> Event:
        """The event without a reference to one that is left out: it stands below what that one stood below, and the
        error of a twin is the error of the call that counts."""
        parent_id, seen = event.parent_id, set[str]()
        while parent_id is not None and parent_id not in seen and (event.trace_id, parent_id) in self._above:
            seen.add(parent_id)
            parent_id = self._above[event.trace_id, parent_id]
        changes: dict[str, Any] = {} if parent_id == event.parent_id else {"parent_id": parent_id}
        if isinstance(event, Failure) and event.trigger_event_id in self._survivors:
            changes["trigger_event_id"] = self._survivors[event.trigger_event_id]
        return replace(event, **changes) if changes else event


_FILLED = (
    *("prompt", "completion", "params", "response_id", "time_to_first_token_ms", "request_model", "provider", "model"),
    *("operation", "agent_id", "agent_name"),
)
_FILLED_OF_TOOLS = ("params", "returns", "agent_id", "agent_name")


def merged(event: Event, others: Sequence[Event]) -> Event:
    """A call of a model or tool with the fields that only its twins have. What counts (usage, cost, times) stays its
    own."""
    if not isinstance(event, (LLMCall, ToolCall)):
        return event
    fields = _FILLED if isinstance(event, LLMCall) else _FILLED_OF_TOOLS
    missing: dict[str, object] = {}
    for other in sorted(others, key=lambda one: (one.init_timestamp, one.event_id)):
        for name in fields:
            if getattr(event, name) is None and missing.get(name) is None:
                missing[name] = getattr(other, name, None)
        if isinstance(event, LLMCall) and isinstance(other, LLMCall) and not event.finish_reasons:
            missing["finish_reasons"] = missing.get("finish_reasons") or other.finish_reasons
    filled = {name: value for name, value in missing.items() if value}
    return replace(event, **filled) if filled else event  # type: ignore[arg-type]


# --- where an event stands -------------------------------------------------------------------------------------------


class _Tree:
    """Parents of the events of a session, as far as they are known. A span that is its own ancestor has none."""

    def __init__(self, views: Sequence[View]) -> None:
        self._by_span = {(view.trace_id, view.span_id): view for view in views if view.span_id is not None}

    def ancestors(self, view: View) -> list[View]:
        """The known ancestors, the nearest first; an unknown parent ends them."""
        found: list[View] = []
        seen = {(view.trace_id, view.span_id)}
        at = (view.trace_id, view.parent_id)
        while at in self._by_span and at not in seen:
            seen.add(at)
            found.append(self._by_span[at])
            at = (view.trace_id, found[-1].parent_id)
        return found

    def depth(self, view: View) -> int:
        """How many known ancestors the event has."""
        return len(self.ancestors(view))

    def related(self, a: View, b: View) -> bool:
        """Whether one is an ancestor of the other."""
        return b in self.ancestors(a) or a in self.ancestors(b)


class _Groups:
    """Sets of events that describe the same thing, growing by pairs."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = {view.event_id: view for view in views}
        self._leader: dict[str, str] = {}

    def of(self, event_id: str) -> str:
        """The name of the set an event is in."""
        path = []
        while event_id in self._leader:
            path.append(event_id)
            event_id = self._leader[event_id]
        self._leader.update(dict.fromkeys(path, event_id))
        return event_id

    def join(self, a: View, b: View) -> None:
        """Both describe the same thing."""
        one, other = sorted((self.of(a.event_id), self.of(b.event_id)))
        if one != other:
            self._leader[other] = one

    def answer(self, tree: _Tree) -> dict[str, str]:
        """Each event that repeats another, with the one that counts."""
        members: dict[str, list[View]] = defaultdict(list)
        for event_id in self._leader:
            members[self.of(event_id)].append(self._views[event_id])
        out: dict[str, str] = {}
        for leader, others in members.items():
            group = [self._views[leader], *others]
            best = max(group, key=lambda view: _worth(view, tree))
            out |= {view.event_id: best.event_id for view in group if view is not best}
        return out


def _worth(view: View, tree: _Tree) -> tuple[bool, int, bool, int, int, str]:
    """Which of several counts: one with a price, with the most detailed usage, the innermost, by place or by time."""
    length_ns = view.end_ns - view.start_ns
    return view.priced, view.details, length_ns > 0, tree.depth(view), -length_ns, view.event_id


# --- model calls -----------------------------------------------------------------------------------------------------


def _join_nested(calls: Sequence[View], tree: _Tree, groups: _Groups) -> None:
    """A model call inside a model call is the same one, told twice; not beyond a tool, which makes calls of its own.

    Where several calls stand in one, they are what happened, and the outer one repeats the best of them.
    """
    inside: dict[str, list[View]] = defaultdict(list)
    outer: dict[str, View] = {}
    for view in calls:
        for above in tree.ancestors(view):
            if above.event_type == "tools":
                break
            if above.event_type == "llms":
                if not _differ(view, above):
                    inside[above.event_id].append(view)
                    outer[above.event_id] = above
                break
    for event_id, children in inside.items():
        groups.join(outer[event_id], max(children, key=lambda view: _worth(view, tree)))


def _differ(a: View, b: View) -> bool:
    """Two response ids are two calls."""
    return a.response_id is not None and b.response_id is not None and a.response_id != b.response_id


def _join_same_response(calls: Sequence[View], groups: _Groups) -> None:
    by_id: dict[str, list[View]] = defaultdict(list)
    for view in calls:
        if view.response_id is not None:
            by_id[view.response_id].append(view)
    for response_id, same in by_id.items():
        for one, other in itertools.pairwise(same):
            if len(response_id) >= UNIQUE_ID or _overlap(one, other):
                groups.join(one, other)


def _overlap(a: View, b: View) -> bool:
    return a.start_ns <= b.end_ns and b.start_ns <= a.end_ns


def _join_logs(calls: Sequence[View], groups: _Groups) -> None:
    """A streamed call that is told by a span without its outcome and by a log span of no length that has it."""
    unfinished: dict[tuple[str, str | None], list[View]] = defaultdict(list)
    for view in calls:
        if _is_unfinished(view):
            unfinished[view.scope, view.model].append(view)
            continue
        waiting = unfinished.get((view.scope, view.model), [])
        started = next((one for one in reversed(waiting) if _is_completed_by(one, view)), None)
        if started is not None:
            waiting.remove(started)
            groups.join(started, view)


def _is_unfinished(view: View) -> bool:
    return view.end_ns > view.start_ns and view.prompt_tokens is None and not view.content


def _is_completed_by(view: View, log: View) -> bool:
    """Of the same instrumentor, and right after it; a log outside of any span starts a trace of its own."""
    together = view.trace_id == log.trace_id or log.parent_id is None
    soon = log.start_ns == log.end_ns and log.start_ns - view.end_ns <= NEAR_NS
    return bool(log.scope) and together and soon and not _differ(view, log)


def _join_parallel(calls: Sequence[View], tree: _Tree, groups: _Groups) -> None:
    """Two instrumentors side by side, with no id in common: same model and tokens, one's time inside the other's.

    One event of an instrumentor pairs with at most one of another, the nearest in time, so that calls that run at the
    same time stay apart.
    """
    pairs = sorted(
        (abs(a.start_ns - b.start_ns) + abs(a.end_ns - b.end_ns), a.event_id, b.event_id, a, b)
        for at, a in enumerate(calls)
        for b in _overlapping(a, calls, at)
        if _tell_the_same(a, b) and not tree.related(a, b)
    )
    paired: set[tuple[str, str]] = set()
    for _, _, _, a, b in pairs:
        if (a.event_id, b.scope) in paired or (b.event_id, a.scope) in paired:
            continue
        if groups.of(a.event_id) == groups.of(b.event_id):
            continue
        paired |= {(a.event_id, b.scope), (b.event_id, a.scope)}
        groups.join(a, b)


def _overlapping(view: View, calls: Sequence[View], at: int) -> Iterable[View]:
    """The calls that start later, while this one is going on."""
    for other in calls[at + 1 :]:
        if other.start_ns > view.end_ns:
            return
        yield other


def _tell_the_same(a: View, b: View) -> bool:
    if not a.scope or not b.scope or a.scope == b.scope or _differ(a, b) or not _inside(a, b):
        return False
    if a.response_id is not None and a.response_id == b.response_id:
        return True
    return _same_model(a.model, b.model) and _same_tokens(a, b)


def _inside(a: View, b: View) -> bool:
    return (a.start_ns <= b.start_ns and b.end_ns <= a.end_ns) or (b.start_ns <= a.start_ns and a.end_ns <= b.end_ns)


def _same_model(a: str | None, b: str | None) -> bool:
    """The same name, or an alias and its dated version."""
    return a is not None and b is not None and (a.startswith(b) or b.startswith(a))


def _same_tokens(a: View, b: View) -> bool:
    """Equal where both know; a failed call has none to compare, so both must have failed."""
    known = [
        (one, other)
        for one, other in ((a.prompt_tokens, b.prompt_tokens), (a.completion_tokens, b.completion_tokens))
        if one is not None and other is not None
    ]
    if known:
        return all(one == other for one, other in known)
    return (a.failed and b.failed) or a.prompt_tokens is not None or b.prompt_tokens is not None


# --- tools and errors ------------------------------------------------------------------------------------------------


def _join_nested_tools(known: Sequence[View], tree: _Tree, groups: _Groups) -> None:
    """A tool call and the MCP request that carries it out, at the client and at the server."""
    for view in known:
        if view.event_type != "tools":
            continue
        above = next((one for one in tree.ancestors(view) if one.event_type in ("tools", "llms", "actions")), None)
        if above is not None and above.event_type == "tools" and above.said == view.said and above.scope != view.scope:
            groups.join(view, above)


def _follow_errors(known: Sequence[View], tree: _Tree, answer: dict[str, str]) -> None:
    """An exception that passes through several spans, or through the twins of one call, is one error.

    The innermost counts: an error whose message an error further in has too, and any error of a call that is told
    better by one that failed as well.
    """
    by_id = {view.event_id: view for view in known}
    errors: dict[str, list[View]] = defaultdict(list)
    for view in known:
        if view.event_type == "errors" and view.trigger_id in by_id:
            errors[view.trigger_id].append(view)
    for trigger_id, met in sorted(errors.items()):
        better = errors.get(answer.get(trigger_id, ""))
        if better:
            answer |= {view.event_id: better[0].event_id for view in met}
            continue
        for above in tree.ancestors(by_id[trigger_id]):
            for view in errors.get(above.event_id, ()):
                inner = next((one for one in met if one.said is not None and one.said == view.said), None)
                if inner is not None:
                    answer.setdefault(view.event_id, inner.event_id)
    _flatten(answer)


def _flatten(answer: dict[str, str]) -> None:
    """Name the one that counts, not one that repeats it. Of errors that each name the other as their cause one does."""
    for event_id in sorted(answer):
        path = [event_id]
        while path[-1] in answer and answer[path[-1]] not in path:
            path.append(answer[path[-1]])
        if path[-1] in answer:
            circle = path[path.index(answer[path[-1]]) :]
            del answer[min(circle)]
    for event_id in answer:
        while answer[event_id] in answer:
            answer[event_id] = answer[answer[event_id]]
