"""Spans and log records of every shape OTLP can carry, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from agentops_otel.spans import FlatLog, FlatSpan, SpanEvent, SpanLink

text = st.text(st.characters(codec="utf-8"), max_size=12)
times = st.integers(0, 2**64 - 1)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(text, values, max_size=4)


def hex_id(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: format(number, f"0{digits}x"))


events = st.builds(SpanEvent, text, times, attributes)
links = st.builds(SpanLink, hex_id(32), hex_id(16), attributes)


@st.composite
def spans(draw: st.DrawFn) -> FlatSpan:
    start_ns = draw(times)
    return FlatSpan(
        trace_id=draw(hex_id(32)),
        span_id=draw(hex_id(16)),
        name=draw(text),
        start_ns=start_ns,
        end_ns=draw(st.integers(max(start_ns, 1), 2**64 - 1)),
        parent_span_id=draw(st.none() | hex_id(16)),
        kind=draw(st.integers(1, 5)),
        attributes=draw(attributes),
        status_code=draw(st.integers(0, 2)),
        status_message=draw(st.none() | text.filter(bool)),
        events=draw(st.lists(events, max_size=2)),
        links=draw(st.lists(links, max_size=2)),
        scope_name=draw(text),
        scope_version=draw(st.none() | text.filter(bool)),
        resource=draw(attributes),
        dropped_attributes=draw(st.integers(0, 2**32 - 1)),
    )


logs = st.builds(
    FlatLog,
    time_ns=times,
    observed_ns=times,
    severity_number=st.integers(0, 24),
    severity_text=st.none() | text.filter(bool),
    event_name=st.none() | text.filter(bool),
    body=values,
    attributes=attributes,
    trace_id=st.none() | hex_id(32),
    span_id=st.none() | hex_id(16),
    scope_name=text,
    scope_version=st.none() | text.filter(bool),
    resource=attributes,
    dropped_attributes=st.integers(0, 2**32 - 1),
)
