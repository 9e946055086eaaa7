"""Rows and bodies give back the event they were made of."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given, settings

from agentops_otel.records import Event, Json
from agentops_otel.store.sqlite.rows import ALL_COLUMNS, body_of, columns_of, encoder, event_of, row_of
from fold.strategies import events


@given(events)
@settings(deadline=None)
def test_an_event_survives_its_row(event: Event) -> None:
    """Whatever its kind and values, also in a row that has the columns of all kinds."""
    slim = dict(zip(columns_of(type(event)), row_of(event), strict=True))
    row = tuple(slim.get(column) for column in ALL_COLUMNS)
    assert event == event_of(event.session_id, event.event_type, row, body_of(event))


@pytest.mark.parametrize("library", [None, orjson], ids=["json", "orjson"])
@pytest.mark.parametrize(
    "value",
    [{"a": [1, -0.0, 1e22, 0.1, True, None]}, "\ud800", 2**70, "\x00\u2028😀", {"": {}}, {1: 2}, math.inf],
    ids=repr,
)
def test_both_encoders_keep_every_value(library: object, value: Json) -> None:
    """With orjson and without, what is read back is what the standard library reads back; infinity, which is no JSON,
    becomes null with orjson."""
    text = encoder(library)(value).decode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    expected = None if library is orjson and value is math.inf else json.loads(json.dumps(value))
    assert repr(expected) == repr(json.loads(text))
