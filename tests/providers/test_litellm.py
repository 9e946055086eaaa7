"""LiteLLM: as the client of OpenAI, by functions. It holds others back, so it has an environment of its own:
tests/instruments/test_litellm.py runs this file there."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import Any

import pytest

from agentops_otel.records import Usage
from agentops_otel.testing import ModelServer

from .matrix import Case, Matrix, Way, check, recording

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it looks for prices on the net
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import litellm
    except ImportError:
        litellm = None

MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hello there"}]


class Functions:
    """The functions of one mode, with what leads them to the server."""

    def __init__(self, url: str, prefix: str) -> None:
        self._where = {"api_base": f"{url}/v1", "api_key": "offline", "num_retries": 0, "max_retries": 0}
        self._prefix = prefix

    def call(self, name: str, **asked: Any) -> Any:
        """Call the function, or its twin that is awaited."""
        return getattr(litellm, f"{self._prefix}{name}")(**self._where, **asked)


def streamed(client: Any) -> Any:
    """A chat, with its usage in the last chunk."""
    usage = {"include_usage": True}
    return client.call("completion", model=MODEL, messages=MESSAGES, stream=True, stream_options=usage)


NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the stream is no context manager")
NOUGHT = Usage(input=0, output=0)
OWN_COUNT = Usage(input=9, output=10)
"""What LiteLLM counts itself in a stream that tells no usage."""

MATRIX = Matrix(
    client="litellm",
    provider="openai",
    connect=lambda url: Functions(url, ""),
    connect_async=lambda url: Functions(url, "a"),
    ways=[
        Way(
            name="completion",
            call=lambda client: client.call("completion", model=MODEL, messages=MESSAGES),
            span=f"chat {MODEL}",
            uncounted=NOUGHT,
        ),
        Way(
            name="text_completion",
            call=lambda client: client.call("text_completion", model=MODEL, prompt="Hello there"),
            span=f"text_completion {MODEL}",
            uncounted=NOUGHT,
            tools=False,
        ),
        Way(
            name="embedding",
            call=lambda client: client.call("embedding", model=MODEL, input=["Hello there"]),
            span=f"embeddings {MODEL}",
            usage=Usage(input=1000),
            uncounted=Usage(input=0),
            tools=False,
        ),
        Way(
            name="responses",
            call=lambda client: client.call("responses", model=MODEL, input="Hello there"),
            span=f"chat {MODEL}",
        ),
        Way(
            name="completion, streamed",
            call=streamed,
            span=f"chat {MODEL}",
            streams=True,
            uncounted=OWN_COUNT,
            is_async=False,
            lacks={**NO_BLOCK, "close": "the stream of the call that blocks has no such method"},
        ),
        Way(
            name="acompletion, streamed",
            call=streamed,
            span=f"chat {MODEL}",
            streams=True,
            uncounted=OWN_COUNT,
            is_sync=False,
            lacks=NO_BLOCK,
            later={"close": "1.82", "cut": "1.106"},  # older ones take an answer that was cut for whole, and count it
        ),
    ],
)
pytestmark = [
    pytest.mark.skipif(litellm is None, reason="litellm is not installed beside the others"),
    pytest.mark.filterwarnings("ignore"),
]  # litellm and its pins are not quite at home in today's pydantic


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def test_a_router_makes_one_event_a_call() -> None:
    """It calls the same functions."""
    with ModelServer() as server, recording() as recorded:
        where = {"model": MODEL, "api_base": f"{server.url}/v1", "api_key": "offline"}
        router = litellm.Router(model_list=[{"model_name": "small", "litellm_params": where}])
        router.completion(model="small", messages=MESSAGES)
        asyncio.run(router.acompletion(model="small", messages=MESSAGES))
    assert [(one.name, one.provider) for one in recorded()] == [(f"chat {MODEL}", "openai")] * 2
