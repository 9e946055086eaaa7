"""translate never raises, and what it answers can be written: as JSON, as UTF-8, into 64 bits."""

from __future__ import annotations

import importlib
import json
from pkgutil import iter_modules
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel import conventions
from agentops_otel.conventions.genai_events import NAMES as NAMES_OF_EVENTS
from agentops_otel.conventions.wire import Rules
from agentops_otel.facts import EventFact, SessionFacts, facts_json
from agentops_otel.records import event_from_json, to_json
from agentops_otel.spans import FlatSpan, SpanEvent, SpanLink
from agentops_otel.translate import translate

MODULES = [
    importlib.import_module(f"agentops_otel.conventions.{found.name}") for found in iter_modules(conventions.__path__)
]
NUMBERED = ("0.role", "0.message.role", "0.message.tool_calls.0.tool_call.function.arguments", "1.content", "0.x.y.z")


def names() -> list[str]:
    """Every attribute name that any vocabulary spells, and some below every prefix."""
    found = set()
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, Rules):
                found |= {name for name, _, _ in value.flat}
            elif isinstance(value, str) and "." in value and " " not in value and len(value) < 80:
                found |= {value + tail for tail in NUMBERED} if value.endswith(".") else {value}
    return sorted(found)


NAMES = names()
SCOPES = ("gcp.vertex.agent", "litellm", "logfire.openai", "langfuse-sdk", "pydantic-ai", "opentelemetry.x.botocore")
SPAN_NAMES = (
    "call_llm",
    "agent_run [x]",
    "invocation",
    "haystack.agent.step.llm",
    "MCP send tools/call x",
    "count_tokens",
)
KINDS = (
    *("LLM", "TOOL", "AGENT", "generation", "embedding", "CHAT_MODEL", "llm", "chain", "ai.generateText.doGenerate"),
    *("ai.toolCall", "ai.embed", "workflow", "tools/call", "initialize", "completion", "ERROR", "pending_span"),
    *("SESSION", "AgentOpsSpanKindValues.TOOL", "create_agent", "invoke_agent", "retrieval", "rerank"),
)
ANY_TEXT = st.text(st.characters(), max_size=40)
JSON_TEXT = st.sampled_from(
    [
        *('{"a": NaN}', "[1e999]", '["\\ud800"]', "[" * 2000, '{"role": "user"', '[{"parts": 3}, null, "x", 5]'),
        *("9" * 5000, "[" + "9" * 400 + "]", '[{"role":1,"parts":[1,{"type":"tool_call","arguments":"{"}]}]', "{}"),
        *KINDS,
        *('{"messages":[{"role":"user","content":[{"functionResponse":3},{"inlineData":{"mimeType":4}}]}]}',),
        *('{"choices":[3,{"message":4}],"usage":{"prompt_tokens":-1}}', '{"content":[{"type":"image","source":1}]}'),
        *('{"generations":[[{"message":{"kwargs":{"response_metadata":3}}}]]}', '{"replies":[{"meta":{"usage":7}}]}'),
        *(
            '{"candidates":[4,{"content":{"parts":[{"thought":true}]}}]}',
            '{"input":[{"type":"reasoning","summary":3}]}',
        ),
        *('{"input":1,"output":"x","input_audio":2}', '{"model":{},"prompt":[[1]],"system":{"a":1},"config":5}'),
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
EVENTS = st.builds(SpanEvent, st.sampled_from(["exception", *sorted(NAMES_OF_EVENTS)]) | ANY_TEXT, TIMES, ATTRIBUTES)
SPANS = st.builds(
    FlatSpan,
    trace_id=IDS,
    span_id=IDS,
    name=ANY_TEXT | st.sampled_from(SPAN_NAMES),
    start_ns=TIMES,
    end_ns=TIMES,
    parent_span_id=st.none() | IDS,
    kind=st.integers(0, 9),
    attributes=ATTRIBUTES,
    status_code=st.integers(0, 3),
    status_message=st.none() | ANY_TEXT,
    events=st.lists(EVENTS, max_size=3),
    links=st.lists(st.builds(SpanLink, IDS, IDS, ATTRIBUTES), max_size=2),
    scope_name=ANY_TEXT | st.sampled_from(SCOPES),
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
