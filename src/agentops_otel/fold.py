"""The fold: facts to records. Pure; its laws are in docs/architecture.md and proven by property tests.

`join` is commutative, associative and idempotent, so any permutation, duplication and partition of the same facts over
any number of processes gives the same records. A store keeps the joined `SessionFacts` of a session, one surviving
`EventFact` per event id, and the sum of the statistics of those that are not twins of another (`dedupe`); `Fold` does
the same in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from agentops_otel.dedupe import surviving
from agentops_otel.facts import EndRank, EventFact, Fact, ProcessFacts, ProcessKey, SessionFacts
from agentops_otel.records import Agent, Event, Process, Session, Statistics, to_json, total

_K = TypeVar("_K")
_V = TypeVar("_V")

FRESH_NS = 180 * 1_000_000_000
"""A session whose processes cannot be looked at from here counts as running for this long after its last activity."""

SILENT_NS = 86_400 * 1_000_000_000

Liveness = Callable[[ProcessKey, ProcessFacts], "bool | None"]
"""Tells whether a process is alive; None where that cannot be known, as on another host."""


def unknown_liveness(key: ProcessKey, process: ProcessFacts) -> bool | None:
    """The liveness of a reader that cannot look at any process."""
    return None


# --- session facts ---------------------------------------------------------------------------------------------------


def join(a: SessionFacts, b: SessionFacts) -> SessionFacts:
    """What `a` and `b` say together of the same session."""
    tags_set = _latest(a.tags_set, b.tags_set)
    added = a.tags_added | b.tags_added
    if tags_set is not None:
        added = frozenset(one for one in added if one[0] > tags_set[0])
    return SessionFacts(
        session_id=a.session_id,
        start_ns=_least(a.start_ns, b.start_ns),
        activity_ns=_latest(a.activity_ns, b.activity_ns),
        end=_latest(a.end, b.end),
        tags_set=tags_set,
        tags_added=added,
        video=_latest(a.video, b.video),
        processes=_join_maps(a.processes, b.processes, _join_process),
        agents=_join_maps(a.agents, b.agents, max),
        of_traces=a.of_traces | b.of_traces,
    )


def join_all(session_id: str, facts: Iterable[SessionFacts]) -> SessionFacts:
    """What many say together. Most, of a batch of spans, tell no more than times and traces: these take no `join`."""
    whole = SessionFacts(session_id)
    starts: list[int] = []
    activities: list[int] = []
    of_traces: set[str] = set()
    for one in facts:
        if one.end or one.tags_set or one.tags_added or one.video or one.processes or one.agents:
            whole = join(whole, one)
            continue
        if one.start_ns is not None:
            starts.append(one.start_ns)
        if one.activity_ns is not None:
            activities.append(one.activity_ns)
        of_traces |= one.of_traces
    times = min(starts, default=None), max(activities, default=None)
    return join(whole, SessionFacts(session_id, *times, of_traces=frozenset(of_traces)))


def moved(facts: SessionFacts, session_id: str) -> SessionFacts:
    """What was said of a trace as a session of its own, as a part of the session that it named: its root is not that
    session's, and ends nothing."""
    end = None if facts.end is not None and facts.end.rank == EndRank.ROOT_STATUS else facts.end
    return replace(facts, session_id=session_id, end=end, of_traces=frozenset())


def in_session(event: Event, session_id: str) -> Event:
    """The event as one of another session."""
    return replace(event, session_id=session_id)


def _least(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _latest(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _join_maps(a: Mapping[_K, _V], b: Mapping[_K, _V], merge: Callable[[_V, _V], _V]) -> Mapping[_K, _V]:
    if not a or not b:
        return a or b
    return {**a, **b, **{key: merge(a[key], b[key]) for key in a.keys() & b.keys()}}


def _join_process(a: ProcessFacts, b: ProcessFacts) -> ProcessFacts:
    return ProcessFacts(
        boot_id=max(a.boot_id, b.boot_id),
        seen_ns=max(a.seen_ns, b.seen_ns),
        ended_ns=max(a.ended_ns, b.ended_ns),
        dropped=max(a.dropped, b.dropped),
        host_env=_latest(a.host_env, b.host_env),
    )


# --- events ----------------------------------------------------------------------------------------------------------


def survivor(a: EventFact, b: EventFact) -> EventFact:
    """Which of two facts about the same event stays: the higher revision; of equal ones the same for every reader."""
    if a.revision != b.revision:
        return a if a.revision > b.revision else b
    return max(a, b, key=canonical)


def canonical(fact: EventFact) -> tuple[int, int, str]:
    """The event as something ordered that is equal for equal events only.

    The JSON has sorted keys, and tells 1 from 1.0 and True, which compare equal; its times are cut to microseconds, so
    the exact ones stand before it.
    """
    event = fact.event
    text = json.dumps(to_json(event), sort_keys=True, default=repr)
    return event.init_timestamp, event.end_timestamp or 0, text


def traces(session_id: str, events: Iterable[Event]) -> SessionFacts:
    """What events say of their session: it had started by the first, and was active until the last."""
    starts, ends = [], []
    for event in events:
        starts.append(event.init_timestamp)
        ends.append(event.end_timestamp or event.init_timestamp)
    return SessionFacts(session_id, min(starts, default=None), max(*starts, *ends) if starts else None)


# --- records ---------------------------------------------------------------------------------------------------------


def session_record(
    project_id: str,
    facts: SessionFacts,
    statistics: Statistics,
    now_ns: int,
    liveness: Liveness = unknown_liveness,
) -> Session:
    """The session these facts describe, as seen at `now_ns`.

    Without an end of its own a session is running while one of its processes is, and Indeterminate with a reason
    afterwards.
    """
    end, running, reason = facts.end, False, None
    dropped = sum(process.dropped for process in facts.processes.values())
    if end is not None:
        reason = end.reason or None
    else:
        running = _is_running(facts, now_ns, liveness)
        reason = None if running else _why_it_stopped(facts)
    return Session(
        project_id=project_id,
        session_id=facts.session_id,
        init_timestamp=facts.start_ns,
        end_timestamp=ended_ns(facts),
        last_activity_at=facts.activity_ns,
        end_state=end.state if end is not None else "Indeterminate",
        end_state_reason=reason,
        is_running=running,
        tags=tags_of(facts),
        video=facts.video[1] if facts.video else None,
        host_env=_host_env(facts),
        processes=tuple(_process_record(key, facts.processes[key]) for key in sorted(facts.processes)),
        agents=tuple(Agent(agent_id=agent, name=facts.agents[agent][1] or None) for agent in sorted(facts.agents)),
        statistics=statistics + Statistics(dropped=dropped) if dropped else statistics,
    )


def tags_of(facts: SessionFacts) -> tuple[str, ...]:
    """The last replacement, followed by what was added after it, without duplicates."""
    tags = list(facts.tags_set[1]) if facts.tags_set else []
    for _, added in sorted(facts.tags_added):
        tags.extend(added)
    return tuple(dict.fromkeys(tags))


def ended_ns(facts: SessionFacts) -> int | None:
    """When the session ended: as somebody said, or when the last of its processes said goodbye. None before."""
    if facts.end is not None:
        return facts.end.at_ns
    ends = [process.ended_ns for process in facts.processes.values()]
    return max(ends) if ends and all(ends) else None


def may_run(facts: SessionFacts) -> bool:
    """Whether the session can still be running by what is known here: neither it nor all its processes have ended."""
    return facts.end is None and (not facts.processes or not all(one.ended_ns for one in facts.processes.values()))


def has_stopped(facts: SessionFacts, now_ns: int, liveness: Liveness) -> bool:
    """Whether nothing but a new fact can make the session run: its processes are gone, or nobody here can look at them
    and nothing happened in it for a day."""
    alive = [liveness(key, process) for key, process in facts.processes.items() if not process.ended_ns]
    if facts.end is None and any(alive):
        return False
    unseen = not facts.processes or None in alive
    return facts.end is not None or not unseen or now_ns - (facts.activity_ns or 0) >= SILENT_NS


def _is_running(facts: SessionFacts, now_ns: int, liveness: Liveness) -> bool:
    unseen = not facts.processes
    for key, process in facts.processes.items():
        if process.ended_ns:
            continue
        alive = liveness(key, process)
        if alive:
            return True
        unseen = unseen or alive is None
    return unseen and now_ns - (facts.activity_ns or 0) < FRESH_NS


def _why_it_stopped(facts: SessionFacts) -> str | None:
    """The reason of a session that nobody ended."""
    if not facts.processes:
        return None
    died = sorted(key for key, process in facts.processes.items() if not process.ended_ns)
    if died:
        return f"process {died[0].pid} on host {died[0].host} ended without closing the session"
    _, last = max((process.ended_ns, key) for key, process in facts.processes.items())
    return f"process {last.pid} on host {last.host} exited without ending the session"


def _host_env(facts: SessionFacts) -> Mapping[str, Any] | None:
    """The host environment of the process that joined first."""
    known = [process.host_env for process in facts.processes.values() if process.host_env]
    return json.loads(min(known).text) if known else None


def _process_record(key: ProcessKey, process: ProcessFacts) -> Process:
    return Process(
        host=key.host,
        pid=key.pid,
        started_at=key.started_ns,
        boot_id=process.boot_id or None,
        seen_at=process.seen_ns or None,
        ended_at=process.ended_ns or None,
        dropped=process.dropped,
        host_env=json.loads(process.host_env.text) if process.host_env else None,
    )


def event_order(event: Event) -> tuple[int, str]:
    """Events are read by start, then id."""
    return event.init_timestamp, event.event_id


def _moved_fact(fact: Fact, session_id: str) -> Fact:
    if fact.session_id == session_id:
        return fact
    if isinstance(fact, SessionFacts):
        return moved(fact, session_id)
    return replace(fact, event=in_session(fact.event, session_id))


class Fold:
    """The records of any number of sessions, kept in memory. Not thread-safe."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionFacts] = {}
        self._events: dict[str, dict[str, EventFact]] = {}
        self._named: dict[str, str] = {}
        """The session that the spans of a trace name, by the id of the trace as a session of its own; that id itself
        where they name it, or several."""

    def add(self, facts: Iterable[Fact]) -> None:
        """Take facts in; any order, any number of times.

        What a trace without a name said is a part of the session that it names, sooner or later.
        """
        told = list(facts)
        naming = {(one.session_id, trace) for one in told if isinstance(one, SessionFacts) for trace in one.of_traces}
        for session_id, trace in sorted(naming):
            self._name(trace, session_id)
        for fact in told:
            self._take(_moved_fact(fact, self._named.get(fact.session_id, fact.session_id)))

    def _name(self, trace: str, session_id: str) -> None:
        if self._named.setdefault(trace, session_id) != session_id:
            self._named[trace] = trace
        elif trace != session_id and trace in self._sessions:
            self._take(moved(self._sessions.pop(trace), session_id))
            for fact in self._events.pop(trace, {}).values():
                self._take(_moved_fact(fact, session_id))

    def _take(self, fact: Fact) -> None:
        session_id = fact.session_id
        told = fact if isinstance(fact, SessionFacts) else traces(session_id, [fact.event])
        self._sessions[session_id] = join(self._sessions.get(session_id, SessionFacts(session_id)), told)
        if isinstance(fact, SessionFacts):
            return
        events = self._events.setdefault(session_id, {})
        seen = events.get(fact.event.event_id)
        events[fact.event.event_id] = survivor(seen, fact) if seen else fact

    def session_ids(self) -> list[str]:
        """Every session there is a fact about."""
        return sorted(self._sessions)

    def event_fact(self, session_id: str, event_id: str) -> EventFact | None:
        """The surviving fact about one event."""
        return self._events.get(session_id, {}).get(event_id)

    def forget(self, session_id: str) -> bool:
        """Drop all that is known of a session; False if nothing was."""
        self._events.pop(session_id, None)
        self._named = {trace: named for trace, named in self._named.items() if named != session_id}
        return self._sessions.pop(session_id, None) is not None

    def session(
        self, session_id: str, now_ns: int, project_id: str = "default", liveness: Liveness = unknown_liveness
    ) -> Session | None:
        """The record of one session, None if nothing is known of it."""
        facts = self._sessions.get(session_id)
        if facts is None:
            return None
        statistics = total(Statistics.of(event) for event in self.events(session_id))
        return session_record(project_id, facts, statistics, now_ns, liveness)

    def events(self, session_id: str) -> list[Event]:
        """The events of one session that count, each with what only its twins know, by start, then id."""
        return surviving(self.told(session_id))

    def told(self, session_id: str) -> list[Event]:
        """Every event of one session as it was told, twins of others included, by start, then id."""
        return sorted((fact.event for fact in self._events.get(session_id, {}).values()), key=event_order)
