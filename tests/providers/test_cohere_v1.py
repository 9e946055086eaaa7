"""Cohere's client for the first version of the API: every way to call it, with every outcome."""

from __future__ import annotations

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer, Reply, ToolRequest

from .matrix import Case, Matrix, Way, check, recording
from .test_cohere import CHAT_V1, COUNTED, EMBED, NO_BLOCK, ONCE, RERANK, cohere

MATRIX = Matrix(
    client="cohere",
    provider="cohere",
    connect=lambda url: cohere.Client(api_key="offline", base_url=url),
    connect_async=lambda url: cohere.AsyncClient(api_key="offline", base_url=url),
    ways=[
        Way(name="v1 chat", call=lambda client: client.chat(**CHAT_V1), span="chat command-a", usage=COUNTED),
        Way(
            name="v1 chat_stream",
            call=lambda client: client.chat_stream(**CHAT_V1),
            span="chat command-a",
            streams=True,
            usage=COUNTED,
            lacks=NO_BLOCK,
        ),
        Way(
            name="v1 generate",
            call=lambda client: client.generate(prompt="Hello there", model="command-light", **ONCE),
            span="text_completion command-light",
            usage=COUNTED,
            tools=False,
        ),
        Way(
            name="v1 embed",
            call=lambda client: client.embed(**EMBED, batching=False),
            span="embeddings embed-v4",
            usage=Usage(input=1000),
            tools=False,
        ),
        Way(
            name="v1 rerank",
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


def test_every_batch_of_texts_is_a_call(server: ModelServer) -> None:
    """The client sends 96 texts at a time, and each request costs."""
    with recording() as recorded, cohere.Client(api_key="offline", base_url=server.url) as client:
        client.embed(**{**EMBED, "texts": ["text"] * 97})
    assert [one.name for one in recorded()] == ["embeddings embed-v4"] * 2


def test_what_was_asked_and_answered_is_told(server: ModelServer) -> None:
    """The history, the message, the preamble and the tools."""
    server.script(Reply(text="I look.", tools=[ToolRequest("weather", {"city": "Eger"})]))
    with recording() as recorded, cohere.Client(api_key="offline", base_url=server.url) as client:
        client.chat(**CHAT_V1, preamble="Be brief.", chat_history=[{"role": "CHATBOT", "message": "Hi"}], p=0.5)
    [call] = recorded()
    assert call.prompt == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hello there"}]},
    ]
    assert call.completion == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "I look."},
                {"type": "tool_call", "id": None, "name": "weather", "arguments": {"city": "Eger"}},
            ],
            "finish_reason": "COMPLETE",
        }
    ]
    assert call.params["top_p"] == 0.5
