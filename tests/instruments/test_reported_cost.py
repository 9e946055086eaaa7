"""What the provider says that a call cost is what it cost, whatever the tables of prices say."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import openai
import pytest

from agentops_otel.facts import EventFact
from agentops_otel.records import Price
from agentops_otel.spans import from_sdk
from agentops_otel.testing import Body
from agentops_otel.translate import translate

HELLO: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
PIECE = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
CHAT = {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "choices": [CHOICE]}
CHUNK = CHAT | {"object": "chat.completion.chunk", "choices": [PIECE]}
RESPONSE = {"id": "resp-1", "object": "response", "created_at": 1, "model": "gpt-4o-mini", "output": []}
VECTORS = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}


def body(told: dict[str, Any], usage: dict[str, Any]) -> Body:
    return Body(content=json.dumps(told | {"usage": {"prompt_tokens": 11, "completion_tokens": 5} | usage}).encode())


def stream(told: dict[str, Any], usage: dict[str, Any]) -> Body:
    """One chunk with everything, as a server-sent event."""
    content = b"data: " + body(told, usage).content + b"\n\ndata: [DONE]\n\n"
    return Body(content=content, content_type="text/event-stream")


def chat(client: openai.OpenAI) -> None:
    client.chat.completions.create(**HELLO)


def streamed(client: openai.OpenAI) -> None:
    list(client.chat.completions.create(**HELLO, stream=True))


def responses(client: openai.OpenAI) -> None:
    client.responses.create(model="gpt-4o-mini", input="Hello")


def embeddings(client: openai.OpenAI) -> None:
    client.embeddings.create(model="m", input="Hello", encoding_format="float")


OPENROUTER = {"cost": 0.00014, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
OWN_KEY = {"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}}


@pytest.mark.parametrize(
    ("ask", "reply", "cost"),
    [
        (chat, body(CHAT, OPENROUTER), "0.00014"),
        (chat, body(CHAT, OWN_KEY), "19.95"),
        (chat, body(CHAT, {"cost": {"total_cost": 0.006}}), "0.006"),
        (chat, body(CHAT, {"cost_in_usd_ticks": 37756000}), "0.0037756"),
        (chat, body(CHAT, {"cost": "much"}), None),
        (chat, body(CHAT, {}), None),
        (streamed, stream(CHUNK, OPENROUTER), "0.00014"),
        pytest.param(
            *(responses, body(RESPONSE, {"input_tokens": 11, "cost_in_usd_ticks": 1}), "0.0000000001"),
            marks=pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this client has no responses"),
        ),
        (embeddings, body(VECTORS, {"total_tokens": 11, "cost": 0.0000002}), "0.0000002"),
    ],
)
def test_the_cost_of_a_call_is_the_one_that_was_reported(
    server: Any, spans: Any, installed: Any, ask: Callable[[openai.OpenAI], None], reply: Body, cost: str | None
) -> None:
    """By OpenRouter, Perplexity or xAI, through the client of OpenAI; to the last digit."""
    server.script(reply)
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
        ask(client)
    [span] = spans()
    [fact] = [one for one in translate(from_sdk(span)) if isinstance(one, EventFact)]
    expected = (Decimal(cost), Price("reported")) if cost else (None, None)
    assert (fact.event.cost, fact.event.price) == expected
