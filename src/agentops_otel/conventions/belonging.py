"""Which session the spans of a batch belong to, where only some of them say so.

A framework names the session on its own spans; the HTTP span below, the agent's run above do not. They belong where
their trace belongs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from agentops_otel.conventions.dialects import session_named_by
from agentops_otel.spans import FlatSpan


def belonging(spans: Iterable[FlatSpan]) -> list[FlatSpan]:
    """The spans in their order; one that names no session is stamped with that of its nearest ancestor that does.

    Without such an ancestor it is the session that its trace names, if that is only one. A trace that names none is
    its own session, as `translate` has it.
    """
    known = list(spans)
    said = [span.session_id or session_named_by(span.attributes) for span in known]
    if None not in said or not any(said):
        return known
    named = {_key(span): session_id for span, session_id in zip(known, said, strict=True)}
    by_trace: dict[str, set[str]] = defaultdict(set)
    for span, session_id in zip(known, said, strict=True):
        if session_id is not None:
            by_trace[span.trace_id].add(session_id)
    parents = {_key(span): f"{span.trace_id}:{span.parent_span_id}" for span in known}
    return [
        span if named[_key(span)] is not None else _stamped(span, _of_ancestor(span, named, parents), by_trace)
        for span in known
    ]


def _key(span: FlatSpan) -> str:
    return f"{span.trace_id}:{span.span_id}"


def _of_ancestor(span: FlatSpan, named: Mapping[str, str | None], parents: Mapping[str, str]) -> str | None:
    """The session of the nearest known ancestor that names one."""
    key, seen = _key(span), set[str]()
    while key in parents and key not in seen:
        seen.add(key)
        if named[key] is not None:
            return named[key]
        key = parents[key]
    return None


def _stamped(span: FlatSpan, session_id: str | None, by_trace: Mapping[str, Set[str]]) -> FlatSpan:
    of_trace = by_trace.get(span.trace_id, ())
    if session_id is None and len(of_trace) == 1:
        (session_id,) = of_trace
    return replace(span, session_id=session_id) if session_id is not None else span
