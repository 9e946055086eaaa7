"""What our own spans say of a session, and under which names: light enough for the start of every program.

The dialect in `agentops` reads what is written here, and tells what a marker is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from agentops_otel.identity import ProcessKey

if TYPE_CHECKING:
    from agentops_otel.records import EndState, Json
    from agentops_otel.spans import AnyValue

SESSION_ID = "agentops.session.id"
SPAN_KIND = "agentops.span.kind"
KIND_SESSION = "session"
KIND_MARKER = "marker"

STARTED = "agentops.session.started"
TAGS = "agentops.session.tags"
TAGS_ADDED = "agentops.session.tags_added"
VIDEO = "agentops.session.video"
END_STATE = "agentops.session.end_state"
END_STATE_REASON = "agentops.session.end_state_reason"
END_RANK = "agentops.session.end_rank"

PROCESS_HOST = "agentops.process.host"
PROCESS_PID = "agentops.process.pid"
PROCESS_STARTED = "agentops.process.started_ns"
PROCESS_BOOT = "agentops.process.boot_id"
PROCESS_ENDED = "agentops.process.ended"
PROCESS_DROPPED = "agentops.process.dropped"
HOST_ENV = "agentops.host_env"

AGENT_ID = "agentops.agent.id"
AGENT_NAME = "agentops.agent.name"


class ProcessMark(NamedTuple):
    """What a process says of itself: who it is, that it ended, how many spans it had to drop so far."""

    key: ProcessKey
    boot_id: str = ""
    ended: bool = False
    dropped: int = 0
    host_env: Json = None


class Marker(NamedTuple):
    """What a marker or a root span says of its session. Unset fields say nothing; an end without a rank is explicit."""

    started: bool = False
    tags_set: Sequence[str] | None = None
    tags_added: Sequence[str] | None = None
    video: str | None = None
    end_state: EndState | None = None
    end_state_reason: str | None = None
    end_rank: int | None = None
    process: ProcessMark | None = None
    agent: tuple[str, str] | None = None

    def attributes(self, session_id: str, kind: str = KIND_MARKER) -> dict[str, AnyValue]:
        """The span attributes that say this. The session id stands last: the SDK evicts the oldest first."""
        out: dict[str, AnyValue] = {SPAN_KIND: kind}
        if self.started:
            out[STARTED] = True
        if self.tags_set is not None:
            out[TAGS] = list(self.tags_set)
        if self.tags_added:
            out[TAGS_ADDED] = list(self.tags_added)
        if self.video is not None:
            out[VIDEO] = self.video
        if self.end_state is not None:
            out[END_STATE] = self.end_state
            if self.end_rank is not None:
                out[END_RANK] = int(self.end_rank)
            if self.end_state_reason:
                out[END_STATE_REASON] = self.end_state_reason
        if self.agent is not None:
            out[AGENT_ID], out[AGENT_NAME] = self.agent
        if self.process is not None:
            out |= _process_attributes(self.process)
        out[SESSION_ID] = session_id
        return out


def _process_attributes(process: ProcessMark) -> dict[str, AnyValue]:
    out: dict[str, AnyValue] = {
        PROCESS_HOST: process.key.host,
        PROCESS_PID: process.key.pid,
        PROCESS_STARTED: process.key.started_ns,
    }
    if process.boot_id:
        out[PROCESS_BOOT] = process.boot_id
    if process.ended:
        out[PROCESS_ENDED] = True
    if process.dropped:
        out[PROCESS_DROPPED] = process.dropped
    if process.host_env is not None:
        from agentops_otel.values import dumps

        out[HOST_ENV] = dumps(process.host_env)
    return out
