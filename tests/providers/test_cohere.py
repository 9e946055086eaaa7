"""Cohere's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer, Reply, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

cohere = client_module("cohere")

ONCE: dict[str, Any] = {"request_options": {"max_retries": 0}}
CHAT: dict[str, Any] = {"model": "command-a", "messages": [{"role": "user", "content": "Hello there"}], **ONCE}
CHAT_V1: dict[str, Any] = {"model": "command-a", "message": "Hello there", **ONCE}
EMBED: dict[str, Any] = {"model": "embed-v4", "texts": ["one", "two"], "input_type": "search_query", **ONCE}
RERANK: dict[str, Any] = {"model": "rerank-v4", "query": "which?", "documents": ["one", "two"], **ONCE}
COUNTED = Usage(input=400, cache_read=600, output=50)
NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the stream is a generator")


MATRIX = Matrix(
    client="cohere",
    provider="cohere",
    connect=lambda url: cohere.ClientV2(api_key="offline", base_url=url),
    connect_async=lambda url: cohere.AsyncClientV2(api_key="offline", base_url=url),
    ways=[
        Way(name="v2 chat", call=lambda client: client.chat(**CHAT), span="chat command-a", usage=COUNTED),
        Way(
            name="v2 chat_stream",
            call=lambda client: client.chat_stream(**CHAT),
            span="chat command-a",
            streams=True,
            usage=COUNTED,
            lacks=NO_BLOCK,
        ),
        Way(
            name="v2 embed",
            call=lambda client: client.embed(**EMBED, embedding_types=["float"]),
            span="embeddings embed-v4",
            usage=Usage(input=1000),
            tools=False,
        ),
        Way(
            name="v2 rerank",
            call=lambda client: client.rerank(**RERANK),
            span="rerank rerank-v4",
            usage=Usage(),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def test_a_stream_is_told_like_a_whole_answer(server: ModelServer) -> None:
    """Plan, text and the calls of tools, whose arguments come in pieces."""
    reply = Reply(text="I look.", tools=[ToolRequest("weather", {"city": "Eger"}), ToolRequest("time", {})])
    server.script(reply, reply)
    with recording() as recorded, cohere.ClientV2(api_key="offline", base_url=server.url) as client:
        client.chat(**CHAT)
        list(client.chat_stream(**CHAT))
    whole, streamed = recorded()
    [parts] = [message["parts"] for message in whole.completion]
    assert [{**part, "id": None} for part in parts] == [
        {"type": "reasoning", "content": "I will ask the tool.", "id": None},
        {"type": "text", "content": "I look.", "id": None},
        {"type": "tool_call", "id": None, "name": "weather", "arguments": {"city": "Eger"}},
        {"type": "tool_call", "id": None, "name": "time", "arguments": {}},
    ]
    assert [(part["type"], part.get("content"), part.get("arguments")) for part in parts] == [
        (part["type"], part.get("content"), part.get("arguments")) for part in streamed.completion[0]["parts"]
    ]
