"""damaged: what can be read of JSON that was cut short, and of values as Python shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel.conventions.damaged import CUT, REPR, completed, noted
from agentops_otel.conventions.wire import parsed
from agentops_otel.facts import EventFact
from agentops_otel.records import LLMCall
from agentops_otel.spans import FlatSpan
from agentops_otel.translate import translate
from agentops_otel.values import cut as cut_as_we_do


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('[{"role": "user", "content": "hel', [{"role": "user", "content": "hel"}]),
        ('{"a": {"b": [1, 2, {"c": "x"}, "y', {"a": {"b": [1, 2, {"c": "x"}, "y"]}}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b"', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 1, "b": 12', {"a": 1}),
        ('{"a": 1, "b": tr', {"a": 1}),
        ('{"a": 1, "b": -', {"a": 1}),
        ('{"a": "x\\', {"a": "x"}),
        ('{"a": "x\\u12', {"a": "x"}),
        ('{"a": "x\\\\', {"a": "x\\"}),
        ('{"a": "x\\"', {"a": 'x"'}),
        ('{"a": 1},', '{"a": 1},'),
        ('["x", ', ["x"]),
        ("{'a': None, 'b': (1, 2.5), 'c': {'d': True}}", {"a": None, "b": [1, 2.5], "c": {"d": True}}),
        ("[{'role': 'user', 'content': \"it's\"}]", [{"role": "user", "content": "it's"}]),
        ("[HumanMessage(content='x')]", "[HumanMessage(content='x')]"),
        ("['\\d']", "['\\d']"),
        ("{'a': {1, 2}}", {"a": [1, 2]}),
        ('[{"a": 1}] [{"b": 2}', '[{"a": 1}] [{"b": 2}'),
        ('{"a": 1]', '{"a": 1]'),
        ("[", "["),
    ],
)
def test_what_is_there_is_read(source: str, found: Any) -> None:
    """A text keeps what it has, a name without its value and half a number go, and what is neither stays text."""
    assert found == parsed(source)


def test_our_own_cut_is_taken_off() -> None:
    """A text that we shortened ends in a mark, which is no part of the value."""
    shortened = cut_as_we_do(json.dumps({"text": "x" * 100}), 50)
    assert parsed(shortened) == {"text": "x" * 40}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, min_size=1, max_size=4) | st.dictionaries(st.text(), JSON, min_size=1, max_size=4), st.data())
def test_the_beginning_of_any_json_can_be_completed(value: Any, data: st.DataObject) -> None:
    """Wherever the limit strikes, the rest is a value."""
    source = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    whole = completed(source[: data.draw(st.integers(1, len(source) - 1))])
    assert whole is not None
    json.loads(whole)


def test_a_model_call_with_cut_messages_is_marked() -> None:
    """It counts as truncated, and says why; so does one whose messages are a Python repr, which lacks nothing."""
    told = {}
    for sentence, prompt in (
        (CUT, '[{"role": "user", "content": "hel'),
        (REPR, "[{'role': 'user', 'content': 'hel'}]"),
    ):
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": prompt}
        [_, fact] = translate(FlatSpan("0" * 31 + "1", "0" * 15 + "1", "chat", 1, 2, attributes=attributes))
        assert isinstance(fact, EventFact)
        assert isinstance(fact.event, LLMCall)
        assert fact.event.prompt == [{"role": "user", "parts": [{"type": "text", "content": "hel"}]}]
        told[sentence] = (fact.event.truncated, fact.event.extra["otel"]["marks"])
    assert told == {CUT: (True, [CUT]), REPR: (False, [REPR])}
    assert noted() == []
