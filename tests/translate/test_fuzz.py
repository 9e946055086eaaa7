"""translate never raises, and what it answers can be written: as JSON, as UTF-8, into 64 bits."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.conventions import agentops, genai
from agentops_otel.facts import EventFact, SessionFacts, facts_json
from agentops_otel.records import event_from_json, to_json
from agentops_otel.spans import FlatSpan, SpanEvent, SpanLink
from agentops_otel.translate import translate

NAMES = sorted(
    value
    for module in (agentops, genai)
    for key, value in vars(module).items()
    if key.isupper() and isinstance(value, str) and not key.startswith("KIND_")
)
ANY_TEXT = st.text(st.characters(), max_size=40)
JSON_TEXT = st.sampled_from(
    [
        *('{"a": NaN}', "[1e999]", '["\\ud800"]', "[" * 2000, '{"role": "user"', '[{"parts": 3}, null, "x", 5]'),
        *("9" * 5000, "[" + "9" * 400 + "]", '[{"role":1,"parts":[1,{"type":"tool_call","arguments":"{"}]}]', "{}"),
        *("[]", "null", '""', '[{"role":"user","content":[{"type":"text"}],"tool_calls":[3,{"function":4}]}]'),
        *('{"tool_call_id":"x","content":{"a":[1]}}', "llms", "errors", "session", "marker", "chat", "execute_tool"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | JSON_TEXT
    | st.binary(max_size=20)
    | st.just(10**400)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES) | ANY_TEXT, VALUES, max_size=12)
TIMES = st.sampled_from([0, 1, 1_795_352_675_060_595_389, 16_725_225_600_000_000_000]) | st.integers(0, 2**64)
IDS = st.sampled_from(["", "0" * 32, "zz", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"])
EVENTS = st.builds(SpanEvent, st.sampled_from(["exception", "gen_ai.choice"]) | ANY_TEXT, TIMES, ATTRIBUTES)
SPANS = st.builds(
    FlatSpan,
    trace_id=IDS,
    span_id=IDS,
    name=ANY_TEXT,
    start_ns=TIMES,
    end_ns=TIMES,
    parent_span_id=st.none() | IDS,
    kind=st.integers(0, 9),
    attributes=ATTRIBUTES,
    status_code=st.integers(0, 3),
    status_message=st.none() | ANY_TEXT,
    events=st.lists(EVENTS, max_size=3),
    links=st.lists(st.builds(SpanLink, IDS, IDS, ATTRIBUTES), max_size=2),
    scope_name=ANY_TEXT,
    scope_version=st.none() | ANY_TEXT,
    resource=ATTRIBUTES,
    dropped_attributes=st.integers(0, 2**32),
    session_id=st.none() | st.just("s"),
)


def written(fact: Any) -> str:
    """The fact as strict JSON text that UTF-8 can carry."""
    data = to_json(fact.event) if isinstance(fact, EventFact) else facts_json(fact)
    text = json.dumps(data, allow_nan=False, ensure_ascii=False)
    text.encode()
    return text


@settings(max_examples=300, deadline=None)
@given(SPANS)
def test_any_span_becomes_facts_that_can_be_written(span: FlatSpan) -> None:
    """Whatever the attributes are, there are facts of the session, and every fact is strict JSON."""
    facts = translate(span)
    assert isinstance(facts[0], SessionFacts)
    for fact in facts:
        assert json.loads(written(fact)) is not None
        if isinstance(fact, EventFact):
            assert 0 <= fact.event.init_timestamp < 2**63
            assert fact.event.event_type == event_from_json(json.loads(written(fact))).event_type


def test_a_thousand_attributes_and_five_megabytes_are_kept() -> None:
    """Size alone is no reason to lose anything."""
    many = {f"key.{n}": n for n in range(1_000)}
    [_, fact] = translate(
        FlatSpan(
            "0af7651916cd43dd8448eb211c80319c",
            "b7ad6b7169203331",
            "chat",
            1,
            2,
            attributes={
                **many,
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": json.dumps([{"role": "user", "content": "x" * 5_000_000}]),
            },
        )
    )
    assert isinstance(fact, EventFact)
    assert many == fact.event.extra
    assert len(to_json(fact.event)["prompt"][0]["parts"][0]["content"]) == 5_000_000
