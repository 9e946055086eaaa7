"""Files back to facts: OTLP as JSON or protobuf, lines of either, our JSONL, and AgentOps' `/export`.

What a file is shows in its content, not in its name; gzip is looked through. Importing again changes nothing, because
facts are idempotent.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from agentops_otel import v2
from agentops_otel.conventions.coding_agents import span_of_log
from agentops_otel.errors import DecodeError
from agentops_otel.exports import DEFAULT_AGENT, default_agent_id
from agentops_otel.facts import (
    End,
    EndRank,
    EventFact,
    Fact,
    HostEnv,
    ProcessFacts,
    ProcessKey,
    SessionFacts,
    Stamp,
)
from agentops_otel.otlp import decode_traces, logs_of_json, traces_of_json
from agentops_otel.records import EVENT_TYPES, Json, Process, Session, event_from_json, session_from_json
from agentops_otel.spans import FlatSpan
from agentops_otel.translate import Pricer, translate
from agentops_otel.values import dumps, loads

_ORIGIN = "import"


class Piece(NamedTuple):
    """Some facts of a file, and how much of it has been read, in bytes."""

    facts: list[Fact]
    read_bytes: int


def facts_of_file(path: Path, price: Pricer | None = None) -> Iterator[Piece]:
    """The facts of a file, piece by piece: a line at a time where it has lines.

    Raises DecodeError naming the file, the line and what is wrong; OSError where it cannot be read. `price` is asked
    for model calls of spans that report no cost.
    """
    number = 0
    with path.open("rb") as raw, _unzipped(raw) as file:
        try:
            for body, read_bytes in _bodies(file, raw):
                number += 1
                yield Piece(_facts_of_body(body, price), read_bytes)
        except DecodeError as error:
            raise DecodeError(f"{path}, line {number}: {error}") from None
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise DecodeError(f"{path} is not gzip: {error}") from None


def _unzipped(raw: IO[bytes]) -> IO[bytes]:
    is_gzip = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.open(raw) if is_gzip else raw  # type: ignore[return-value]


def _bodies(file: IO[bytes], raw: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each line that is JSON by itself; the whole file where its first line is not."""
    head = b""
    for line in file:
        head += line
        if line.strip():
            break
    if not _is_json(head):
        yield head + file.read(), raw.tell()
        return
    yield head, raw.tell()
    for line in file:
        if line.strip():
            yield line, raw.tell()


def _is_json(line: bytes) -> bool:
    if line.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _facts_of_body(body: bytes, price: Pricer | None) -> list[Fact]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        if body[:1] == _FIRST_TAG:
            return _of_spans(decode_traces(body, "application/x-protobuf"), price)
        raise DecodeError(f"it is neither JSON ({error}) nor protobuf") from None
    found = data if isinstance(data, list) else [data]
    return [fact for one in found for fact in facts_of_json(one, price)]


_FIRST_TAG = b"\n"
"""Every ExportTraceServiceRequest begins with field 1, a message. The same byte is a line end, hence JSON first."""


def facts_of_json(data: Json, price: Pricer | None = None) -> list[Fact]:
    """The facts of one JSON object: an OTLP request, a session or event record, or an `/export`. Raises DecodeError."""
    if not isinstance(data, dict):
        raise DecodeError(f"it is a JSON {type(data).__name__}, expected an object")
    for key, read in _READERS.items():
        if key in data:
            try:
                return read(data, price)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise DecodeError(f"it looks like {_NAMES[key]}, but: {error}") from None
    raise DecodeError(f"it has none of the keys {', '.join(_READERS)}; its keys are {', '.join(data)[:80]}")


def _of_spans(spans: list[FlatSpan], price: Pricer | None) -> list[Fact]:
    return [fact for span in spans for fact in translate(span, price=price)]


def _of_otlp(data: dict[str, Json], price: Pricer | None) -> list[Fact]:
    return _of_spans(traces_of_json(data), price)


def _of_logs(data: dict[str, Json], price: Pricer | None) -> list[Fact]:
    """What coding agents told. Messages of model calls are joined to their spans by the server only."""
    return _of_spans([span for span in map(span_of_log, logs_of_json(data)) if span is not None], price)


def _of_event(data: dict[str, Json], price: Pricer | None) -> list[Fact]:
    return [EventFact(event_from_json(data))]


def _of_session(data: dict[str, Json], price: Pricer | None) -> list[Fact]:
    return [facts_of_session(session_from_json(data))]


def facts_of_session(session: Session) -> SessionFacts:
    """What a session record says, but its statistics: those are derived from its events."""
    stamp = Stamp(session.last_activity_at or session.init_timestamp or 0, _ORIGIN)
    end_ns, reason = session.end_timestamp, session.end_state_reason or ""
    ended = end_ns is not None and not session.is_running
    return SessionFacts(
        session_id=session.session_id,
        start_ns=session.init_timestamp,
        activity_ns=session.last_activity_at,
        end=End(EndRank.EXPLICIT, end_ns or 0, _ORIGIN, session.end_state, reason) if ended else None,
        tags_set=(stamp, session.tags) if session.tags else None,
        video=(stamp, session.video) if session.video else None,
        processes=dict(map(_process, session.processes)),
        agents={agent.agent_id: (stamp, agent.name or "") for agent in session.agents},
    )


def _process(process: Process) -> tuple[ProcessKey, ProcessFacts]:
    seen_ns = process.seen_at or 0
    env = HostEnv(Stamp(seen_ns, _ORIGIN), dumps(process.host_env)) if process.host_env else None
    facts = ProcessFacts(process.boot_id or "", seen_ns, process.ended_at or 0, process.dropped, env)
    return ProcessKey(process.host, process.pid, process.started_at), facts


# --- AgentOps' export ------------------------------------------------------------------------------------------------


def _of_export(data: dict[str, Json], price: Pricer | None) -> list[Fact]:
    row = data.get("session") or {}
    session_id = row.get("id") or row.get("session_id")
    if not isinstance(session_id, str):
        raise DecodeError("session.id is missing")
    session = {**row, "session_id": session_id, "tags": loads(row.get("tags"))}
    started = v2.facts_of_start(session, session_id, 0)
    agents: list[Fact] = [
        v2.fact_of_agent(agent, session_id, started.start_ns or 0)
        for agent in data.get("agents") or ()
        if agent.get("name") != DEFAULT_AGENT
    ]
    events: list[Fact] = [
        v2.fact_of_event(_event_of_row(one, table, session_id), session_id, 0)
        for table in EVENT_TYPES
        for one in data.get(table) or ()
    ]
    return [started, *agents, *events]


def _event_of_row(row: dict[str, Json], table: str, session_id: str) -> dict[str, Json]:
    """A row as the event object that was sent: text of text columns parsed, messages unwrapped, ours put back."""
    event = {**row, **(row.get("extra") or {}), "event_type": table}
    event.pop("extra", None)
    event |= {name: loads(row.get(name)) for name in ("params", "returns", "details") if name in row}
    event |= {name: _unwrapped(row[name]) for name in ("prompt", "completion") if name in row}
    if row.get("cost_usd") is not None:
        event["cost"] = row["cost_usd"]
    if row.get("agent_id") == default_agent_id(session_id):
        event["agent_id"] = None
    return {key: value for key, value in event.items() if key not in ("cost_usd", "promptarmor_flag")}


def _unwrapped(said: Json) -> Json:
    if isinstance(said, dict) and said.get("type") in ("chatml", "string"):
        return said.get("messages", said.get("string"))
    return said


_READERS: Mapping[str, Callable[[dict[str, Json], Pricer | None], list[Fact]]] = {
    "resourceSpans": _of_otlp,
    "resourceLogs": _of_logs,
    "event_type": _of_event,
    "statistics": lambda data, price: (_of_export if "session" in data else _of_session)(data, price),
    "session": _of_export,
    "session_id": _of_session,
}
"""By the first of these keys that an object has."""

_NAMES = {
    "resourceSpans": "OTLP",
    "resourceLogs": "OTLP log records",
    "event_type": "an event record",
    "statistics": "a session",
    "session": "an AgentOps export",
    "session_id": "a session record",
}
