"""Streams that tell no usage have an estimate, and say that it is one."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from agentops_otel.calls import Call
from agentops_otel.instruments.estimate import estimated_usage, tokens_of
from agentops_otel.instruments.registry import Installation
from agentops_otel.records import LLMCall, Message, Usage
from agentops_otel.spans import from_sdk
from agentops_otel.testing import ModelServer, Reply
from agentops_otel.translate import translate
from instruments.conftest import Spans

ASKED: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Tell me a story."}], "stream": True}


def recorded(spans: Spans) -> LLMCall:
    (span,) = spans()
    (fact,) = [fact for fact in translate(from_sdk(span)) if isinstance(getattr(fact, "event", None), LLMCall)]
    return fact.event  # type: ignore[return-value,union-attr]


def test_the_program_sees_no_chunk_more_and_asks_for_none(
    installed: Installation, server: ModelServer, spans: Spans
) -> None:
    """The request is the program's own; the tokens are those of its texts."""
    server.script(Reply(text="Once upon a time there was a cat."))
    with OpenAI(base_url=server.base_url, api_key="k") as client:
        chunks = list(client.chat.completions.create(**ASKED))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert server.requests[0].body == ASKED
    call = recorded(spans)
    assert (call.estimated, call.usage) == (True, Usage(input=4 + 4 + 3, output=9))


def test_what_had_come_of_a_stream_that_was_left_early_counts(
    installed: Installation, server: ModelServer, spans: Spans
) -> None:
    """It may have cost more; nobody can know."""
    server.script(Reply(text="word " * 100))
    with OpenAI(base_url=server.base_url, api_key="k") as client, client.chat.completions.create(**ASKED) as stream:
        for _ in zip(range(5), stream, strict=False):
            pass
    call = recorded(spans)
    assert call.estimated
    assert call.usage.output is not None
    assert 0 < call.usage.output < 100


def test_usage_that_was_told_is_never_estimated(installed: Installation, server: ModelServer, spans: Spans) -> None:
    """Nor is that of an answer that was no stream."""
    with OpenAI(base_url=server.base_url, api_key="k") as client:
        list(client.chat.completions.create(**ASKED, stream_options={"include_usage": True}))
        server.script(Reply(tokens=None))
        client.chat.completions.create(**{**ASKED, "stream": False})
    facts = [fact for span in spans() for fact in translate(from_sdk(span))]
    calls = [fact.event for fact in facts if isinstance(getattr(fact, "event", None), LLMCall)]
    assert [call.estimated for call in calls] == [False, False]
    assert not calls[1].usage


def said(*parts: Any) -> list[Message]:
    return [{"role": "user", "parts": list(parts)}]


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        ({"input": said({"type": "text", "content": "x" * 400})}, Usage(input=107)),
        ({"input": said({"type": "text", "content": "猫" * 400})}, Usage(input=307)),
        ({"input": said({"type": "uri", "uri": "https://example.com/cat.png"})}, Usage()),
        ({"input": None, "output": []}, Usage(output=0)),
        (
            {"output": said({"type": "tool_call", "id": "call_1", "name": "look", "arguments": {"a": 1}})},
            Usage(output=1 + 2),
        ),
        ({"input": said({"type": "text", "content": "abcd"}), "tools": [{"type": "function"}]}, Usage(input=8 + 5)),
    ],
    ids=str,
)
def test_the_rule_of_the_estimate(call: dict[str, Any], usage: Usage) -> None:
    """Four characters a token, three tokens for four characters outside ASCII, frames; an image makes it unknown."""
    assert usage == estimated_usage(Call(operation="chat", provider="openai", **call))


def test_nothing_is_no_token() -> None:
    """And a single character is one."""
    assert [tokens_of(""), tokens_of("a"), tokens_of("猫")] == [0, 1, 1]
