"""Spans that no sender should send: each is stored as far as it is known, and read again, whatever came before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from agentops_otel.conventions.belonging import belonging
from agentops_otel.errors import DecodeError
from agentops_otel.facts import EventFact
from agentops_otel.otlp import decode_traces, encode_traces
from agentops_otel.records import Event, to_json
from agentops_otel.spans import FlatSpan, SpanEvent
from agentops_otel.store import open_store
from agentops_otel.store.base import DEFAULT_PROJECT, EventQuery, SessionQuery
from agentops_otel.text import event_tree
from agentops_otel.translate import translate

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOON = 1_795_352_400_000_000_000
YEAR_2500 = 16_725_225_600_000_000_000
HOUR = 3_600_000_000_000


def span(number: int, parent: int | None = None, name: str = "step", **more: Any) -> FlatSpan:
    parent_id = None if parent is None else f"{parent:016x}"
    times = {"start_ns": NOON, "end_ns": NOON + 1} | {
        key: more.pop(key) for key in ("start_ns", "end_ns") if key in more
    }
    return FlatSpan(TRACE, f"{number:016x}", name, parent_span_id=parent_id, **times, **more)


def chat(**attributes: Any) -> dict[str, Any]:
    return {"gen_ai.operation.name": "chat", **attributes}


def stored(spans: Sequence[FlatSpan]) -> tuple[dict[str, Any], list[Event]]:
    """The one session that these spans become, by way of the wire and a store, and its events."""
    store = open_store("memory:", clock=lambda: NOON)
    received = belonging(decode_traces(encode_traces(spans), "application/x-protobuf"))
    for one in received:
        store.append(DEFAULT_PROJECT, translate(one))
    [session] = store.sessions(DEFAULT_PROJECT, SessionQuery()).items
    events = list(store.events(DEFAULT_PROJECT, session.session_id, EventQuery(payloads=True)))
    json.dumps([to_json(session), *map(to_json, events)], allow_nan=False).encode()
    return to_json(session), events


CASES: dict[str, tuple[list[FlatSpan], int]] = {
    "a cycle of parents": ([span(1, 2), span(2, 3), span(3, 1)], 3),
    "a span that is its own parent": ([span(1, 1)], 1),
    "a parent that never came": ([span(1, 9), span(2, 1)], 2),
    "the same ids with different content": ([span(1, name="one"), span(1, name="two"), span(1, name="three")], 1),
    "a child that is an hour before its parent": ([span(1), span(2, 1, start_ns=NOON - HOUR, end_ns=NOON - HOUR)], 2),
    "an end before the start": ([span(1, start_ns=NOON, end_ns=NOON - HOUR)], 1),
    "no times": ([span(1, start_ns=0, end_ns=0)], 1),
    "the year 2500": ([span(1, start_ns=YEAR_2500, end_ns=YEAR_2500 + 1)], 1),
    "a thousand attributes": ([span(1, attributes={f"key.{n}": n for n in range(1_000)})], 1),
    "dropped attributes": ([span(1, dropped_attributes=7)], 1),
    "five megabytes": ([span(1, attributes=chat(**{"gen_ai.input.messages": "x" * 5_000_000}))], 1),
    "bytes that are no text": ([span(1, attributes=chat(**{"gen_ai.input.messages": b"\xff\xfe", "x": b"\xff"}))], 1),
    "half a character": ([span(1, attributes=chat(**{"gen_ai.input.messages": '["\\ud83d"]'}))], 1),
    "numbers that are none": ([span(1, attributes=chat(**{"gen_ai.usage.input_tokens": float("nan")}))], 1),
    "contradictory counts": (
        [span(1, attributes=chat(**{"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read.input_tokens": -3}))],
        1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_span_is_stored_as_far_as_it_is_known(name: str) -> None:
    """One session, one event a span, each readable as JSON and as a tree; in any order the same."""
    spans, count = CASES[name]
    told = {json.dumps([stored(order)[0], *map(to_json, stored(order)[1])]) for order in permutations(spans)}
    assert len(told) == 1
    session, events = stored(spans)
    assert (len(events), session["statistics"]["events"]) == (count, count)
    assert event_tree(events, width=100)


def test_what_is_wrong_is_marked() -> None:
    """Dropped attributes make an event truncated; times that cannot be kept are told as they came."""
    [dropped] = stored([span(1, dropped_attributes=7)])[1]
    [late] = stored([span(1, start_ns=YEAR_2500, end_ns=YEAR_2500)])[1]
    [backwards] = stored([span(1, end_ns=NOON - HOUR)])[1]
    assert (dropped.truncated, dropped.extra["otel"]["dropped_attributes"]) == (True, 7)
    assert late.extra["otel"]["times"] == [str(YEAR_2500), str(YEAR_2500)]
    assert backwards.extra["otel"]["times"] == [str(NOON), str(NOON - HOUR)]


CUT = f"{'p' * 40}… [90000 characters]"
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": CUT}]}]


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ({"gen_ai.input.messages": json.dumps(MESSAGES)}, True),
        ({"gen_ai.input.messages": json.dumps(MESSAGES, ensure_ascii=False)}, True),
        ({"gen_ai.input.messages": MESSAGES}, True),
        ({"gen_ai.input.messages": CUT}, True),
        ({"gen_ai.input.messages": "p" * 2_000_000}, True),
        ({"gen_ai.output.messages": json.dumps([{"role": "assistant", "content": "it has [12 characters]"}])}, False),
        ({"gen_ai.output.messages": json.dumps([{"role": "assistant", "content": f"{CUT}, he said…"}])}, False),
    ],
    ids=["escaped", "plain", "nested", "text", "too long", "only alike", "quoted"],
)
def test_text_that_was_cut_short_is_told(said, is_told):
    """By whoever sent it, or here because nothing so long is kept; a call beside it is not meant."""
    facts = [*translate(span(1, attributes=chat(**said))), *translate(span(2, attributes=chat()))]
    assert [fact.event.truncated for fact in facts if isinstance(fact, EventFact)] == [is_told, False]


def test_message_of_an_exception_that_was_cut_short_is_told():
    """The error is marked; the step that failed has lost nothing."""
    caught = SpanEvent("exception", NOON, {"exception.type": "ValueError", "exception.message": CUT})
    facts = translate(span(1, events=[caught], status_code=2))
    assert [(fact.event.event_type, fact.event.truncated) for fact in facts if isinstance(fact, EventFact)] == [
        ("actions", False),
        ("errors", True),
    ]


def test_a_body_that_is_no_utf8_is_refused_and_not_more() -> None:
    """Protobuf itself demands it; the answer is an error of the sender, and the decoder goes on."""
    body = encode_traces([span(1, name="name-of-span")])
    with pytest.raises(DecodeError):
        decode_traces(body.replace(b"name-of-span", b"name-of-\xff\xfean"), "application/x-protobuf")
    assert [one.name for one in decode_traces(body, "application/x-protobuf")] == ["name-of-span"]
