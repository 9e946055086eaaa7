"""What was exported in any form can be imported again, once or twice, with the same records."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentops_otel.errors import DecodeError
from agentops_otel.exports import agentops_export, jsonl_lines, otlp_json
from agentops_otel.fold import Fold
from agentops_otel.imports import facts_of_file
from agentops_otel.otlp import encode_traces, encode_traces_json
from agentops_otel.records import Event, Price, Session, to_json
from agentops_otel.sessions import root_of
from agentops_otel.spans import FlatSpan
from test_exports import EVENTS, ID, SESSION

SPAN = FlatSpan("1" * 32, "2" * 16, "step", 1_000_000_000, 2_000_000_000)


def imported(*paths: Path) -> Fold:
    fold = Fold()
    for path in paths:
        for piece in facts_of_file(path):
            fold.add(piece.facts)
    return fold


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def records(fold: Fold) -> tuple[Session | None, list[Event]]:
    return fold.session(ID, now_ns=0, project_id="p"), fold.events(ID)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_jsonl_comes_back_exactly(tmp_path: Path, times: int, pack: type) -> None:
    """Session and events are those that were exported, however often they are imported."""
    path = written(tmp_path / "x", pack("\n".join(jsonl_lines(SESSION, EVENTS)).encode()))

    session, events = records(imported(*[path] * times))

    assert (SESSION, sorted(map(repr, EVENTS))) == (session, sorted(map(repr, events)))


@pytest.mark.parametrize("indent", [None, 2])
def test_an_export_comes_back(tmp_path: Path, indent: int | None) -> None:
    """AgentOps' rows: everything they have a column for, and ours beside it."""
    llm, tool, action, *others = EVENTS
    said = replace(llm, request_model="m", price=Price("reported"))  # type: ignore[call-arg]
    recorded = (said, tool, replace(action, action_type="plan"), *others)  # type: ignore[call-arg]
    path = written(tmp_path / "x.json", json.dumps(agentops_export(SESSION, recorded), indent=indent))

    session, events = records(imported(path))

    assert session is not None
    assert (SESSION.tags, SESSION.end_state, SESSION.agents, SESSION.statistics) == (
        session.tags,
        session.end_state,
        session.agents,
        session.statistics,
    )
    told = {one["event_id"]: one for one in map(to_json, events)}
    assert {one["event_id"]: one for one in map(to_json, recorded)} == told


def test_otlp_comes_back(tmp_path: Path) -> None:
    """A session that left as OTLP/JSON has its tags, end and events again."""
    path = written(tmp_path / "x.json", json.dumps(otlp_json(SESSION, root_of(ID), EVENTS)))

    session, events = records(imported(path))

    assert session is not None
    assert (SESSION.tags, "Success", SESSION.statistics) == (session.tags, session.end_state, session.statistics)
    assert {event.event_id for event in EVENTS} == {event.event_id for event in events}


@pytest.mark.parametrize(
    "content",
    [
        encode_traces([SPAN]),
        json.dumps(encode_traces_json([SPAN])),
        json.dumps(encode_traces_json([SPAN])) + "\n" + json.dumps(encode_traces_json([SPAN])) + "\n",
        json.dumps([encode_traces_json([SPAN])]),
    ],
)
def test_otlp_is_recognised_in_every_form(tmp_path: Path, content: str | bytes) -> None:
    """Protobuf, JSON, the lines a collector's file exporter writes, a list."""
    fold = imported(written(tmp_path / "x", content))

    assert [[event.name for event in fold.events(one)] for one in fold.session_ids()] == [["step"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "line 1: it has none of the keys"),
        ("[1]", "line 1: it is a JSON int"),
        ('{"event_type": "other"}', "line 1: it looks like an event record, but: event_type is 'other'"),
        ('{"event_type": "tools"}', "line 1: it looks like an event record"),
        ('{"resourceSpans": [{}]}\n{"resourceSpans": 5}', "line 2: .*expected an array"),
        ('{"session": {}}', "session.id is missing"),
        ('{"broken', "it is neither JSON"),
        (b"\x0a\xff\xff", "the body is not a protobuf"),
        (gzip.compress(b"{}", mtime=0)[:-4], "is not gzip"),
    ],
)
def test_what_is_no_export_is_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    """The file, the line and what is wrong."""
    path = written(tmp_path / "bad", content)

    with pytest.raises(DecodeError, match=says):
        imported(path)
