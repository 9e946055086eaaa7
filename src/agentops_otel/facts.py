"""Facts: what a span, a REST call or an imported line says about a session. Records are a fold over them.

There are two kinds. An `EventFact` carries an event; of several with the same id the one with the highest revision
survives. A `SessionFacts` carries part of what is known of a session; each of its fields is a lattice, so any number of
them join to the same whole in any order (`fold.join`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from agentops_otel.identity import ProcessKey as ProcessKey
from agentops_otel.records import EndState, Event, Json


class Stamp(NamedTuple):
    """When and by whom something was said; total order, so that the last writer is the same for every reader."""

    at_ns: int
    origin: str


class EndRank(IntEnum):
    """Who says that a session has ended; the higher rank wins, then the later time."""

    SIGNAL = 1
    """An uncaught exception or a signal."""
    ROOT_STATUS = 2
    """The status of the root span of the trace that is the session."""
    EXPLICIT = 3
    """`end_session`, or its REST call."""


class End(NamedTuple):
    """An end of a session. Ordered: rank, time, origin, then the values, so that `max` is total."""

    rank: int
    at_ns: int
    origin: str
    state: EndState
    reason: str


class HostEnv(NamedTuple):
    """A host environment as canonical JSON text, with the stamp that decides between two."""

    stamp: Stamp
    text: str


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What is known of one process in one session. `dropped` counts spans it had to give up, so far."""

    boot_id: str = ""
    seen_ns: int = 0
    ended_ns: int = 0
    dropped: int = 0
    host_env: HostEnv | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Part of what is known of one session. The empty value says only that the session exists.

    `tags_set` is the last replacement of all tags, `tags_added` the additions after it. `of_traces` are the sessions
    that traces would be of their own, by id, in which a span names this session.
    """

    session_id: str
    start_ns: int | None = None
    activity_ns: int | None = None
    end: End | None = None
    tags_set: tuple[Stamp, tuple[str, ...]] | None = None
    tags_added: frozenset[tuple[Stamp, tuple[str, ...]]] = frozenset()
    video: tuple[Stamp, str] | None = None
    processes: Mapping[ProcessKey, ProcessFacts] = field(default_factory=dict)
    agents: Mapping[str, tuple[Stamp, str]] = field(default_factory=dict)
    of_traces: frozenset[str] = frozenset()


def tags_said(
    session_id: str, at_ns: int, origin: str, *, instead: Sequence[str] | None = None, more: Sequence[str] = ()
) -> SessionFacts:
    """Tags in the place of all before, tags that are added, or both; each once, in their order."""
    return SessionFacts(
        session_id,
        tags_set=None if instead is None else (Stamp(at_ns, origin), tuple(dict.fromkeys(instead))),
        tags_added=frozenset([(Stamp(at_ns + 1, origin), tuple(dict.fromkeys(more)))] if more else ()),
    )


@dataclass(frozen=True, slots=True)
class EventFact:
    """An event, and which of its revisions this is (0 unless the user recorded it again)."""

    event: Event
    revision: int = 0

    @property
    def session_id(self) -> str:
        """The session the event belongs to."""
        return self.event.session_id


Fact = EventFact | SessionFacts


def facts_json(facts: SessionFacts) -> dict[str, Json]:
    """Session facts as JSON for a store; compact and exact, not a public shape. Equal facts give equal JSON."""
    out: dict[str, Json] = {}
    if facts.start_ns is not None:
        out["start"] = facts.start_ns
    if facts.activity_ns is not None:
        out["activity"] = facts.activity_ns
    if facts.end is not None:
        out["end"] = list(facts.end)
    if facts.tags_set is not None:
        out["tags_set"] = [*facts.tags_set[0], list(facts.tags_set[1])]
    if facts.tags_added:
        out["tags_added"] = [[*stamp, list(tags)] for stamp, tags in sorted(facts.tags_added)]
    if facts.video is not None:
        out["video"] = [*facts.video[0], facts.video[1]]
    if facts.processes:
        out["processes"] = [[*key, *_process_row(facts.processes[key])] for key in sorted(facts.processes)]
    if facts.agents:
        out["agents"] = [[agent, *facts.agents[agent][0], facts.agents[agent][1]] for agent in sorted(facts.agents)]
    if facts.of_traces:
        out["of_traces"] = sorted(facts.of_traces)
    return out


def facts_from_json(session_id: str, data: Mapping[str, Json]) -> SessionFacts:
    """The inverse of `facts_json`."""
    tags_set, video = data.get("tags_set"), data.get("video")
    return SessionFacts(
        session_id=session_id,
        start_ns=data.get("start"),
        activity_ns=data.get("activity"),
        end=End(*data["end"]) if "end" in data else None,
        tags_set=(Stamp(*tags_set[:2]), tuple(tags_set[2])) if tags_set else None,
        tags_added=frozenset((Stamp(at, origin), tuple(tags)) for at, origin, tags in data.get("tags_added", ())),
        video=(Stamp(*video[:2]), video[2]) if video else None,
        processes={ProcessKey(*row[:3]): _process_of(row[3:]) for row in data.get("processes", ())},
        agents={agent: (Stamp(at, origin), name) for agent, at, origin, name in data.get("agents", ())},
        of_traces=frozenset(data.get("of_traces", ())),
    )


def _process_row(process: ProcessFacts) -> list[Json]:
    env = process.host_env
    stamped = [*env.stamp, env.text] if env else []
    return [process.boot_id, process.seen_ns, process.ended_ns, process.dropped, *stamped]


def _process_of(row: list[Json]) -> ProcessFacts:
    boot_id, seen_ns, ended_ns, dropped, *env = row
    return ProcessFacts(boot_id, seen_ns, ended_ns, dropped, HostEnv(Stamp(env[0], env[1]), env[2]) if env else None)
