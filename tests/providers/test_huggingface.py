"""Hugging Face's InferenceClient: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage

from .compatible import left_responses_are_closed  # noqa: F401  of the clients before 1.0
from .matrix import Case, Matrix, Way, check, client_module

hub = client_module("huggingface_hub")
client_module("numpy")

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT: dict[str, Any] = {"messages": HELLO, "model": "llama"}
NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the stream is a generator")
COUNTED = Usage(output=50)


class Client:
    """A client for chat, and others whose model is the URL of an endpoint."""

    def __init__(self, kind: Any, url: str) -> None:
        self.chat = kind(base_url=f"{url}/v1", api_key="offline")
        self.generate = kind(model=f"{url}/hf/generate", token="offline")
        self.embed = kind(model=f"{url}/hf/embed", token="offline")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        """Streams that were left are closed with their client."""
        for client in (self.chat, self.generate, self.embed):
            if hasattr(client, "exit_stack"):
                client.exit_stack.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        for client in (self.chat, self.generate, self.embed):
            await client.close()


MATRIX = Matrix(
    client="huggingface-hub",
    provider="huggingface",
    connect=lambda url: Client(hub.InferenceClient, url),
    connect_async=lambda url: Client(hub.AsyncInferenceClient, url),
    ways=[
        Way(
            name="chat_completion",
            call=lambda client: client.chat.chat_completion(**CHAT),
            span="chat llama",
            usage=Usage(input=1000, output=50),  # the client's types of whole answers know no details
        ),
        Way(
            name="chat.completions.create, streamed",
            call=lambda client: client.chat.chat.completions.create(
                **CHAT, stream=True, stream_options={"include_usage": True}
            ),
            span="chat llama",
            streams=True,
            lacks=NO_BLOCK,
        ),
        Way(
            name="text_generation",
            call=lambda client: client.generate.text_generation("Hello there", details=True),
            span="text_completion",
            usage=COUNTED,
            uncounted=Usage(output=0),
            tools=False,
        ),
        Way(
            name="text_generation, streamed",
            call=lambda client: client.generate.text_generation("Hello there", details=True, stream=True),
            span="text_completion",
            usage=COUNTED,
            uncounted=Usage(output=0),
            streams=True,
            tools=False,
            lacks=NO_BLOCK,
        ),
        Way(
            name="feature_extraction",
            call=lambda client: client.embed.feature_extraction("Hello there"),
            span="embeddings",
            usage=Usage(),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
