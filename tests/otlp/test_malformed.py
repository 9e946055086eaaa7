"""Whatever a stranger sends is either understood or refused with DecodeError, which names the place."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentops_otel.errors import DecodeError
from agentops_otel.otlp import decode_logs, decode_traces, divided_traces, encode_traces, encode_traces_json
from agentops_otel.spans import FlatSpan

from . import strategies

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SPAN = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "b7ad6b7169203331", "name": "n"}


def request(**changes: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | changes]}]}]}).encode()


def attribute(value: Any) -> bytes:
    return request(attributes=[{"key": "k", "value": value}])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "å"}, "å"),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 7}, 7),
        ({"intValue": 7.0}, 7),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "-Infinity"}, float("-inf")),
        ({"boolValue": False}, False),
        ({"bytesValue": base64.b64encode(b"\xff\xfe").decode()}, b"\xff\xfe"),
        ({"bytesValue": "__4"}, b"\xff\xfe"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}}, (1, None)),
        ({"arrayValue": {}}, ()),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}, {"a": "b"}),
        ({"stringValue": None}, None),
        ({"futureValue": 1}, None),
        ({}, None),
        (None, None),
    ],
)
def test_every_way_to_write_a_json_value_is_read(value: Any, expected: Any) -> None:
    """Numbers as text, both base64 alphabets, empty and unknown values."""
    assert decode_traces(attribute(value), JSON)[0].attributes == {"k": expected}


def test_json_is_read_as_writers_write_it() -> None:
    """Upper-case ids, enums by name, times as text or number, unknown keys, zero parents."""
    body = request(
        kind="SPAN_KIND_CLIENT",
        startTimeUnixNano="1000",
        endTimeUnixNano=2000,
        parentSpanId="0000000000000000",
        status={"code": "STATUS_CODE_ERROR", "message": "m"},
        flags=256,
        whatComesNext={"x": 1},
    )

    expected = FlatSpan(
        SPAN["traceId"].lower(), SPAN["spanId"], "n", 1000, 2000, None, 3, {}, 2, "m", events=[], links=[]
    )
    assert [expected] == decode_traces(body, JSON)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "expected an object"),
        (b"null", "expected an object"),
        (b'{"resource_spans": []}', "has no 'resourceSpans'"),
        (b'{"resourceSpans": {}}', "expected an array"),
        (b'{"resourceSpans": [1]}', "an item that is no object"),
        (b"[" * 100_000, "too deeply"),
        (request(traceId="abc"), r"spans\[0\]: traceId has 3 hex digits, expected 32"),
        (request(traceId="0" * 32), "all zeros"),
        (request(traceId=base64.b64encode(b"x" * 16).decode()), "expected hex digits"),
        (request(spanId=5), "spanId is 5, expected text"),
        (request(startTimeUnixNano="--5"), "startTimeUnixNano is '--5'"),
        (request(startTimeUnixNano=2**64), "startTimeUnixNano is"),
        (request(endTimeUnixNano=True), "endTimeUnixNano is True"),
        (attribute({"intValue": 2**63}), "attribute 'k': intValue is"),
        (attribute({"stringValue": 5}), "stringValue is 5"),
        (attribute({"boolValue": "yes"}), "boolValue is 'yes'"),
        (attribute({"doubleValue": "many"}), "doubleValue is 'many'"),
        (attribute({"bytesValue": "?"}), "bytesValue is"),
        (attribute({"bytesValue": 5}), "bytesValue is 5"),
        (attribute({"arrayValue": []}), "arrayValue is"),
    ],
)
def test_bad_json_is_refused_by_place(body: bytes, says: str) -> None:
    """The message names the field and shows the value."""
    with pytest.raises(DecodeError, match=says):
        decode_traces(body, JSON)


def test_attributes_nest_only_so_deep() -> None:
    """What is read can be read recursively by all that follows; both encodings stop at the same depth."""
    value: Any = {"stringValue": "core"}
    for _ in range(25):
        value = {"arrayValue": {"values": [value]}}

    with pytest.raises(DecodeError, match="more than 24 levels"):
        decode_traces(attribute(value), JSON)


def test_bad_spans_can_be_set_aside() -> None:
    """With `rejected` the good spans of a request are kept and each bad one leaves a sentence."""
    body = encode_traces([FlatSpan("1" * 32, "2" * 16, "good", 1, 2), FlatSpan("00" * 16, "2" * 16, "bad", 1, 2)])
    rejected: list[str] = []

    spans = decode_traces(body, PROTOBUF, rejected)

    assert [span.name for span in spans] == ["good"]
    assert rejected == ["resourceSpans[0].scopeSpans[0].spans[1]: trace_id is all zeros"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonp"])
def test_other_content_types_are_refused(content_type: str) -> None:
    """Nothing is guessed from the bytes."""
    with pytest.raises(DecodeError, match="content type"):
        decode_traces(b"{}", content_type)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200))
@example(b"\x0a\x02\x12")
def test_any_bytes_are_understood_or_refused(body: bytes) -> None:
    """No other exception leaves the decoders, whatever the bytes."""
    for decode in (decode_traces, decode_logs):
        for content_type in (PROTOBUF, JSON):
            with contextlib.suppress(DecodeError):
                decode(body, content_type, [])
    with contextlib.suppress(DecodeError):
        divided_traces(body, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x0a\x05\x12", "it is truncated"),
        (b"\x0a\x02\x12\x01", "it is truncated"),
        (b"\x0b", "wire type 3"),
        (b"\x0a" + b"\xff" * 20, "a number does not end"),
        (b"\x0a\xff", "a number does not end"),
    ],
)
def test_what_is_no_request_is_not_divided(body: bytes, said: str) -> None:
    """A part of a damaged request could be a sound one, of which the rest is lost."""
    with pytest.raises(DecodeError, match=f"not a protobuf ExportTraceServiceRequest: {said}"):
        divided_traces(body, 2)


@given(strategies.spans(), st.data())
@settings(deadline=None)
def test_a_damaged_request_is_understood_or_refused(span: FlatSpan, data: st.DataObject) -> None:
    """One byte changed in protobuf, one value replaced in JSON: a DecodeError or a span, never anything else."""
    body = bytearray(encode_traces([span]))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    tree = encode_traces_json([span])
    _replace_one(tree, data)
    for damaged, content_type in ((bytes(body), PROTOBUF), (json.dumps(tree).encode(), JSON)):
        with contextlib.suppress(DecodeError):
            decode_traces(damaged, content_type)


def _replace_one(tree: Any, data: st.DataObject) -> None:
    while True:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(tree[key], (dict, list)) or not tree[key] or data.draw(st.integers(0, 4)) == 0:
            tree[key] = data.draw(json_values)
            return
        tree = tree[key]
