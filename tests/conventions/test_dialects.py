"""dialects: what the recorded spans do not show; the rest is in tests/translate/test_corpus.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentops_otel.conventions.names import finish_reason, provider
from agentops_otel.facts import EventFact
from agentops_otel.records import ApiCall, Event, Failure, LLMCall, ToolCall, Usage
from agentops_otel.spans import AnyValue, FlatLog, FlatSpan, SpanEvent
from agentops_otel.translate import translate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def events(
    attributes: dict[str, AnyValue], name: str = "x", logs: list[FlatLog] | None = None, **more: Any
) -> list[Event]:
    span = FlatSpan(TRACE, SPAN, name, 1_000_000, 5_000_000, attributes=attributes, **more)
    return [fact.event for fact in translate(span, logs=logs or []) if isinstance(fact, EventFact)]


def one(attributes: dict[str, AnyValue], name: str = "x", **more: Any) -> Any:
    [event] = events(attributes, name, **more)
    return event


@pytest.mark.parametrize(
    ("attributes", "call"),
    [
        (
            {"http.request.method": "GET", "url.full": "https://example.com/a", "http.response.status_code": 200},
            ("GET", "https://example.com/a", "200"),
        ),
        (
            {"http.method": "POST", "http.url": "https://example.com", "http.status_code": 500},
            ("POST", "https://example.com", "500"),
        ),
        (
            {"db.system.name": "postgresql", "db.operation.name": "SELECT", "db.query.text": "SELECT 1"},
            ("SELECT", "SELECT 1", None),
        ),
        ({"rpc.system": "grpc", "rpc.method": "Get", "rpc.service": "S", "rpc.grpc.status_code": 0}, ("Get", "S", "0")),
        (
            {"messaging.system": "kafka", "messaging.operation.name": "send", "messaging.destination.name": "t"},
            ("send", "t", None),
        ),
        ({"mcp.method.name": "tools/list"}, ("tools/list", None, None)),
    ],
)
def test_infrastructure_is_an_api_call(
    attributes: dict[str, AnyValue], call: tuple[str | None, str | None, str | None]
) -> None:
    """Method, target and status, by the newer names and the older."""
    event = one(attributes)
    assert isinstance(event, ApiCall)
    assert call == (event.method, event.target, event.status)


def test_a_model_call_over_http_is_a_model_call() -> None:
    """Anthropic's own spans carry both; what is about HTTP stays in extra."""
    call = one({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "http.request.method": "POST"})
    assert isinstance(call, LLMCall)
    assert call.extra == {"http.request.method": "POST"}


def test_an_mcp_tool_call_has_the_tools_name() -> None:
    """The client names it only in the span's name."""
    tool = one({"mcp.method.name": "tools/call"}, "MCP send tools/call get_weather")
    assert isinstance(tool, ToolCall)
    assert tool.name == "get_weather"


def test_a_span_that_announces_another_is_nothing() -> None:
    """Logfire sends a pending span at the start; the real one follows."""
    assert events({"logfire.span_type": "pending_span", "gen_ai.operation.name": "chat"}) == []


def test_a_reported_cost_of_nothing_is_unknown() -> None:
    """Instrumentors that know no price write 0."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}
    assert [None, Decimal("0.5")] == [one({**attributes, "gen_ai.usage.cost": cost}).cost for cost in (0, 0.5)]


def test_exclusive_counts_are_added_up() -> None:
    """Bedrock's instrumentors pass the counts on without the cached tokens in the input, however few those are."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 309,
        "gen_ai.usage.cache_read.input_tokens": 100,
    }
    scopes = ("opentelemetry.instrumentation.genai.bedrock", "another")
    assert [Usage(input=309, cache_read=100), Usage(input=209, cache_read=100)] == [
        one(attributes, scope_name=scope).usage for scope in scopes
    ]


def test_two_vocabularies_on_one_span_are_read_together() -> None:
    """The first that answers a field wins; an attribute that says otherwise stays in extra."""
    call = one(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 10,
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cache_read.input_tokens": 4,
        }
    )
    assert ("gpt-4o", "openai", Usage(input=6, cache_read=4)) == (call.model, call.provider, call.usage)
    assert call.extra == {"gen_ai.response.model": "gpt-4o-2024-08-06"}


def test_what_a_kind_has_no_place_for_stays_in_extra() -> None:
    """Usage on an agent's span repeats the calls below it."""
    agent = one({"openinference.span.kind": "AGENT", "llm.token_count.prompt": 10, "input.value": "hello"})
    assert (agent.extra, agent.params) == ({"llm.token_count.prompt": 10}, "hello")


def test_counting_tokens_is_no_model_call() -> None:
    """It is answered without a model and costs nothing."""
    assert one({"openinference.span.kind": "LLM"}, "messages.count_tokens").event_type == "actions"
    assert one({"gen_ai.operation.name": "chat"}, "anthropic.messages.count_tokens").event_type == "actions"


def test_an_agent_that_is_created_has_done_nothing() -> None:
    """It is a fact of the session."""
    attributes = {"gen_ai.operation.name": "create_agent", "gen_ai.agent.name": "writer", "gen_ai.agent.id": "a-1"}
    [facts] = translate(FlatSpan(TRACE, SPAN, "create_agent writer", 1, 2, attributes=attributes))
    assert {agent: name for agent, (_, name) in facts.agents.items()} == {"a-1": "writer"}  # type: ignore[union-attr]


def test_log_records_give_a_call_its_messages() -> None:
    """The events form of the conventions: bodies as maps, in the order in which they were observed."""
    ask = FlatLog(observed_ns=1, event_name="gen_ai.user.message", body={"content": "hello"})
    answer = FlatLog(
        observed_ns=2,
        attributes={"event.name": "gen_ai.choice"},
        body={
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"tool_calls": [{"id": "c", "function": {"name": "f"}}]},
        },
    )
    call = one({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}, logs=[answer, ask])
    part = {"type": "tool_call", "id": "c", "name": "f", "arguments": None}
    assert call.prompt == [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]
    assert [{"role": "assistant", "parts": [part], "finish_reason": "tool_calls"}] == call.completion
    assert call.finish_reasons == ("tool_call",)


def test_span_events_give_a_call_its_messages_and_are_not_kept_twice() -> None:
    """Strands writes JSON texts into span events; other events of the span stay in extra."""
    call = one(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents"},
        events=[
            SpanEvent("gen_ai.user.message", 1, {"content": '[{"text": "hello"}]'}),
            SpanEvent("gen_ai.choice", 2, {"message": '[{"text": "hi"}]', "finish_reason": "end_turn"}),
            SpanEvent("note", 3, {}),
        ],
    )
    assert call.prompt == [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]
    assert call.finish_reasons == ("stop",)
    assert [event["name"] for event in call.extra["otel"]["events"]] == ["note"]


def test_a_failure_that_only_an_attribute_tells_is_an_error() -> None:
    """Langfuse marks the level; the status message is the error's."""
    attributes = {
        "langfuse.observation.type": "tool",
        "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "station offline",
    }
    tool, error = events(attributes)
    assert isinstance(tool, ToolCall)
    assert isinstance(error, Failure)
    assert ("station offline", tool.event_id) == (error.details, error.trigger_event_id)


def test_numbered_messages_with_gaps_keep_their_order() -> None:
    """The SDK evicts the oldest attributes of a long chat; what is left is read."""
    call = one(
        {
            "llm.request.type": "chat",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "last",
            "gen_ai.prompt.9.role": "assistant",
            "gen_ai.prompt.9.content": "before",
        },
        dropped_attributes=40,
    )
    assert [[part["content"] for part in said["parts"]] for said in call.prompt] == [["before"], ["last"]]
    assert call.truncated


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("Anthropic", "anthropic"),
        ("gemini", "gcp.gemini"),
        ("AWS", "aws.bedrock"),
        ("az.ai.openai", "azure.ai.openai"),
        ("somebody", "somebody"),
        ("langchain", None),
        ("strands-agents", None),
    ],
)
def test_providers_have_the_names_of_the_conventions(said: str, known: str | None) -> None:
    """A framework is no provider; one that nobody knows keeps its name."""
    assert known == provider(said)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("end_turn", "stop"),
        ("FinishReason.STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("tool_use", "tool_call"),
        ("SAFETY", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_finish_reasons_have_the_words_of_the_conventions(said: str, known: str) -> None:
    """One that nobody knows keeps its word."""
    assert known == finish_reason(said)


_CHOICES = '{"choices":[{"message":{"role":"assistant","content":"x"},"finish_reason":"max_tokens"}]}'


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        (
            {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": ("max_tokens",)},
            {"gen_ai.response.finish_reasons": ["max_tokens"]},
        ),
        ({"openinference.span.kind": "LLM", "llm.finish_reason": "max_tokens"}, {"llm.finish_reason": "max_tokens"}),
        (
            {
                "operation.name": "x",
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.response.finishReason": "MAX_TOKENS",
            },
            {"ai.response.finishReason": "MAX_TOKENS"},
        ),
        (
            {"llm.request.type": "chat", "gen_ai.system": "x", "gen_ai.response.stop_reason": "max_tokens"},
            {"gen_ai.response.stop_reason": "max_tokens"},
        ),
        ({"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanOutputs": _CHOICES}, None),
        ({"langsmith.span.kind": "llm", "gen_ai.completion": _CHOICES}, None),
        ({"langfuse.observation.type": "generation", "langfuse.observation.output": _CHOICES}, None),
        ({"openinference.span.kind": "LLM", "output.value": _CHOICES}, None),
        ({"llm.request.type": "chat", "gen_ai.system": "y", "gen_ai.completion.0.finish_reason": "max_tokens"}, None),
        (
            {
                "haystack.component.type": "OpenAIChatGenerator",
                "haystack.component.output": '{"replies":[{"role":"assistant","content":[{"text":"x"}],'
                '"meta":{"finish_reason":"max_tokens"}}]}',
            },
            None,
        ),
    ],
    ids=[
        "genai",
        "openinference",
        "vercel",
        "indexed",
        "mlflow",
        "langsmith",
        "langfuse",
        "body",
        "numbered",
        "haystack",
    ],
)
def test_finish_reasons_are_normalised_and_the_original_is_kept(
    attributes: dict[str, AnyValue], kept: dict[str, Any] | None
) -> None:
    """In `extra` where an attribute told it, else with the message that it ended."""
    call = one(attributes, "haystack.component.run")
    assert isinstance(call, LLMCall)
    assert call.finish_reasons == ("length",)
    if kept is None:
        assert [said["finish_reason"] for said in call.completion] == ["max_tokens"]
    else:
        assert kept == {name: call.extra[name] for name in kept}


def test_an_mcp_tool_call_has_what_it_was_given_and_gave() -> None:
    """By the GenAI names, which the conventions of MCP use; a result that is an error is a failed call."""
    attributes = {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "get_weather",
        "gen_ai.tool.call.arguments": '{"city": "Paris"}',
        "gen_ai.tool.call.result": '{"isError": true}',
        "error.type": "tool_error",
    }
    tool, failure = events(attributes, "tools/call get_weather")
    assert isinstance(tool, ToolCall)
    assert (tool.name, tool.params, tool.returns) == ("get_weather", {"city": "Paris"}, {"isError": True})
    assert isinstance(failure, Failure)
    assert (failure.error_type, failure.trigger_event_id) == ("tool_error", tool.event_id)


def test_an_mcp_prompt_is_called_by_its_name() -> None:
    """Other requests are API calls: method, what was asked for, and the status where one is told."""
    asked = one(
        {"mcp.method.name": "prompts/get", "gen_ai.prompt.name": "review", "rpc.response.status_code": "-32602"}
    )
    assert isinstance(asked, ApiCall)
    assert (asked.method, asked.target, asked.status) == ("prompts/get", "review", "-32602")
