"""IBM's client of watsonx.ai: every way to call it, with every outcome."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer, Reply, Tokens, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

watsonx = client_module("ibm_watsonx_ai")
models = client_module("ibm_watsonx_ai.foundation_models")

HELLO = [{"role": "user", "content": "Hello there"}]
COUNTED = Usage(input=1000, output=50)
INPUT = Usage(input=1000)
GENERATORS = {"with": "the stream is a generator", "with, raising": "the stream is a generator"}
SLOW = {"100 at once": "the client makes eight calls a second, no more"}


def plain(request: httpx.Request) -> httpx.Response | None:
    """The client takes https only; the server has no certificate. What version the server is, is asked at the start."""
    request.url = request.url.copy_with(scheme="http")
    return httpx.Response(200, json={"version": "5.1.0"}) if request.url.path.endswith("/version") else None


class Transport(httpx.HTTPTransport):
    """To the offline server."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Without TLS."""
        return plain(request) or super().handle_request(request)


class AsyncTransport(httpx.AsyncHTTPTransport):
    """To the offline server."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Without TLS."""
        return plain(request) or await super().handle_async_request(request)


def objects(url: str, sync: httpx.Client, asynchronous: httpx.AsyncClient) -> SimpleNamespace:
    """The objects that are called, of a client for Cloud Pak for Data with a token of nobody."""
    credentials = watsonx.Credentials(
        url=url.replace("http:", "https:"), token="offline", instance_id="openshift", version="5.1"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = watsonx.APIClient(credentials, httpx_client=sync, async_httpx_client=asynchronous)
        client.default_project_id = "offline"
        once: dict[str, Any] = {"api_client": client, "max_retries": 0}
        return SimpleNamespace(
            chat=models.ModelInference(model_id="granite-4", validate=False, **once),
            embeddings=models.Embeddings(model_id="slate", **once),
            rerank=models.Rerank(model_id="slate-rerank", api_client=client),
        )


@contextmanager
def connected(url: str) -> Iterator[SimpleNamespace]:
    """The objects, and the client closed."""
    with httpx.Client(transport=Transport()) as sync:
        yield objects(url, sync, httpx.AsyncClient(transport=AsyncTransport()))


@asynccontextmanager
async def connected_async(url: str) -> AsyncIterator[SimpleNamespace]:
    """The same, for asynchronous calls."""
    with httpx.Client(transport=Transport()) as sync:
        async with httpx.AsyncClient(transport=AsyncTransport()) as asynchronous:
            yield objects(url, sync, asynchronous)


def pair(name: str, sync: Any, asynchronous: Any, **same: Any) -> list[Way]:
    """The two names of one method."""
    return [
        Way(name=name, call=sync, is_async=False, **same),
        Way(name=f"a{name}", call=asynchronous, is_sync=False, **same),
    ]


CHAT: dict[str, Any] = {"span": "chat granite-4", "usage": COUNTED, "lacks": SLOW}
TEXT: dict[str, Any] = {"span": "text_completion granite-4", "usage": COUNTED, "tools": False, "lacks": SLOW}
STREAM: dict[str, Any] = {"streams": True, "lacks": {**GENERATORS, **SLOW}}
EMBED: dict[str, Any] = {"span": "embeddings slate", "usage": INPUT, "tools": False, "lacks": SLOW}

MATRIX = Matrix(
    client="ibm-watsonx-ai",
    provider="ibm.watsonx.ai",
    connect=connected,
    connect_async=connected_async,
    ways=[
        *pair("chat", lambda client: client.chat.chat(HELLO), lambda client: client.chat.achat(HELLO), **CHAT),
        *pair(
            "generate",
            lambda client: client.chat.generate("Hello there"),
            lambda client: client.chat.agenerate("Hello there"),
            **TEXT,
        ),
        *pair(
            "embed_query",
            lambda client: client.embeddings.embed_query("Hello there"),
            lambda client: client.embeddings.aembed_query("Hello there"),
            **EMBED,
        ),
        Way(
            name="rerank.generate",
            call=lambda client: client.rerank.generate("which?", ["one", "two"]),
            is_async=False,
            **{**EMBED, "span": "rerank slate-rerank"},
        ),
        *pair(
            "chat_stream",
            lambda client: client.chat.chat_stream(HELLO),
            lambda client: client.chat.achat_stream(HELLO),
            **{**CHAT, **STREAM},
        ),
        Way(
            name="generate_text_stream, raw_response",
            call=lambda client: client.chat.generate_text_stream("Hello there", raw_response=True),
            is_async=False,
            early=Usage(input=1000, output=0),
            **{**TEXT, **STREAM},
        ),
        Way(
            name="generate_text_stream",
            call=lambda client: client.chat.generate_text_stream("Hello there"),
            is_async=False,
            **{**TEXT, **STREAM, "usage": Usage()},
        ),
        Way(
            name="agenerate_stream",
            call=lambda client: client.chat.agenerate_stream("Hello there"),
            is_sync=False,
            early=Usage(input=1000, output=0),
            **{**TEXT, **STREAM},
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


@pytest.mark.filterwarnings("ignore:In this mode, the results:UserWarning")
def test_what_is_made_of_a_watched_method_is_one_call(server: ModelServer) -> None:
    """A list of prompts is one call with the sum of its tokens, whichever method it goes through."""
    server.script_always(Reply(text="Offline.", tokens=Tokens(7, 3)))
    with connected(server.url) as client, recording() as recorded:
        answers = [
            client.chat.generate_text("one"),
            client.chat.generate_text(["one", "two"]),
            [
                answer["results"][0]["generated_text"]
                for answer in client.chat.generate(["one", "two"], async_mode=True)
            ],
            len(client.embeddings.embed_documents(["one", "two"])),
        ]
    assert answers == ["Offline.", ["Offline.", "Offline."], ["Offline.", "Offline."], 2]
    assert [(call.name, call.usage) for call in recorded()] == [
        ("text_completion granite-4", Usage(input=7, output=3)),
        ("text_completion granite-4", Usage(input=14, output=6)),
        ("text_completion granite-4", Usage(input=14, output=6)),
        ("embeddings slate", Usage(input=7)),
    ]


def test_a_stream_of_texts_is_estimated(server: ModelServer) -> None:
    """The client keeps the counts to itself, unless it is asked for raw responses."""
    server.script_always(Reply(text="Offline it is.", tokens=Tokens(7, 3)))
    with connected(server.url) as client, recording() as recorded:
        list(client.chat.generate_text_stream("Hello there"))
    [call] = recorded()
    assert (call.estimated, call.completion) == (
        True,
        [{"role": "assistant", "parts": [{"type": "text", "content": "Offline it is."}]}],
    )


def test_what_was_asked_and_answered_is_told(server: ModelServer) -> None:
    """Messages, tools and parameters, those of the object where the call gives none; streamed as whole."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    server.script_always(Reply(text="I look.", tools=[ToolRequest("weather", {"city": "Eger"})], model="granite-4-1"))
    with connected(server.url) as client, recording() as recorded:
        client.chat.chat(HELLO, params={"temperature": 0.5, "max_tokens": 9}, tools=[tool])
        client.chat.params = {"seed": 7}
        list(client.chat.chat_stream(HELLO, tools=[tool]))
    whole, streamed = recorded()
    assert whole.prompt == [{"role": "user", "parts": [{"type": "text", "content": "Hello there"}]}]
    assert whole.model == streamed.model == "granite-4-1"
    assert (whole.params["temperature"], whole.params["max_tokens"], streamed.params["seed"]) == (0.5, 9, 7)
    [said] = whole.completion
    assert [(part["type"], part.get("content") or part.get("arguments")) for part in said["parts"]] == [
        ("text", "I look."),
        ("tool_call", {"city": "Eger"}),
    ]
    ids = {"id": "any"}
    assert [{**part, **ids} for part in streamed.completion[0]["parts"]] == [{**part, **ids} for part in said["parts"]]
    assert streamed.finish_reasons == whole.finish_reasons == ("tool_call",)
