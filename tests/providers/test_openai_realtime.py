"""OpenAI's web sockets: every answer that ends in one is a model call, and the program hears what it heard before."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops_otel.instruments.registry import install
from agentops_otel.records import LLMCall, Usage
from agentops_otel.spans import from_sdk
from agentops_otel.translate import translate

openai = pytest.importorskip("openai")
server = pytest.importorskip("websockets.sync.server")
pytest.importorskip("openai.resources.realtime", reason="openai before 2.0 has it in beta only")

pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")  # openai's own use of it
DETAILS = {
    "total_tokens": 250,
    "input_tokens": 200,
    "output_tokens": 50,
    "input_token_details": {"text_tokens": 140, "audio_tokens": 60, "cached_tokens": 40},
    "output_token_details": {"text_tokens": 20, "audio_tokens": 30},
}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Sunny."}]}
ASKED = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Tokyo"}'}


def realtime(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the realtime API sends for what it is sent."""
    if asked["type"] == "conversation.item.create":
        yield {"type": "conversation.item.added", "item": {"id": "i1", **asked["item"]}}
    elif asked["type"] == "response.create":
        yield {"type": "response.created", "response": {"id": "r1", "status": "in_progress", "output": []}}
        yield {"type": "response.output_audio_transcript.delta", "response_id": "r1", "delta": "Sun"}
        yield {
            "type": "response.done",
            "response": {"id": "r1", "status": "completed", "output": [SAID, ASKED], "usage": DETAILS},
        }


def responses(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the responses API sends over a socket."""
    about = {"id": "r2", "model": "gpt-4o-mini-2024-07-18", "instructions": "Be brief."}
    yield {"type": "response.created", "response": {**about, "status": "in_progress", "output": []}}
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]}]
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
    yield {
        "type": "response.completed",
        "response": {**about, "status": "completed", "output": output, "usage": usage},
    }


@contextmanager
def speaking(answers: Any, *, hangs_up_after: int | None = None) -> Iterator[str]:
    """A server of web sockets on loopback; its address."""

    def talk(socket: Any) -> None:
        sent = 0
        if answers is realtime:
            socket.send(
                json.dumps({"type": "session.created", "session": {"model": "gpt-realtime", "instructions": "Talk."}})
            )
        for message in socket:
            for event in answers(json.loads(message)):
                if sent == hangs_up_after:
                    return
                socket.send(json.dumps(event))
                sent += 1

    with server.serve(talk, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.socket.getsockname()[1]}"
        running.shutdown()
        thread.join()


ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]}


def converse(address: str, *, until: str = "response.done") -> list[Any]:
    with (
        openai.OpenAI(api_key="k", base_url=f"http://{address}/v1") as client,
        client.realtime.connect(model="gpt-realtime", max_retries=0) as connection,
    ):
        connection.conversation.item.create(item=ITEM)
        connection.response.create()
        return heard(connection, until)


def heard(connection: Any, until: str) -> list[Any]:
    events = []
    for event in connection:
        events.append(event)
        if event.type == until:
            break
    return [(type(event).__name__, event.model_dump()) for event in events]


async def converse_async(address: str) -> list[Any]:
    async with (
        openai.AsyncOpenAI(api_key="k", base_url=f"http://{address}/v1") as client,
        client.realtime.connect(model="gpt-realtime", max_retries=0) as connection,
    ):
        await connection.conversation.item.create(item=ITEM)
        await connection.response.create()
        events = []
        async for event in connection:
            events.append(event)
            if event.type == "response.done":
                break
        return [(type(event).__name__, event.model_dump()) for event in events]


def respond(address: str) -> list[Any]:
    with (
        openai.OpenAI(api_key="k", base_url=f"http://{address}/v1") as client,
        client.responses.connect(max_retries=0) as connection,
    ):
        connection.response.create(model="gpt-4o-mini", input="Weather?")
        return heard(connection, "response.completed")


@contextmanager
def watched() -> Iterator[list[LLMCall]]:
    """The model calls that are recorded within; filled at its end."""
    provider, kept = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    installation, calls = install(provider.get_tracer("t")), []
    try:
        yield calls
    finally:
        installation.settle(10)
        installation.uninstall()
        facts = [fact for span in kept.get_finished_spans() for fact in translate(from_sdk(span))]
        calls.extend(event for fact in facts if isinstance(event := getattr(fact, "event", None), LLMCall))


def told(call: LLMCall) -> tuple[Any, ...]:
    return call.provider, call.model, call.response_id, call.prompt, call.completion, call.usage


REALTIME = (
    "openai",
    "gpt-realtime",
    "r1",
    [
        {"role": "system", "parts": [{"type": "text", "content": "Talk."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
    ],
    [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Sunny."},
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Tokyo"}},
            ],
            "finish_reason": "tool_calls",
        }
    ],
    Usage(input=100, cache_read=40, output=20, audio_in=60, audio_out=30),
)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_answer_of_the_realtime_api_is_a_call(mode: str) -> None:
    """Its prompt is the conversation, its answer what was said; the events are those of the client alone."""
    with speaking(realtime) as address:

        def talk() -> list[Any]:
            return converse(address) if mode == "sync" else asyncio.run(converse_async(address))

        alone = talk()
        with watched() as calls:
            assert talk() == alone
        assert talk() == alone
    assert [told(call) for call in calls] == [REALTIME]


def test_an_answer_of_the_responses_api_over_a_socket_is_a_call() -> None:
    """What was asked goes the other way, and is not known."""
    with speaking(responses) as address:
        alone = respond(address)
        with watched() as calls:
            assert respond(address) == alone
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "Sunny."}], "finish_reason": "stop"}]
    assert [(call.model, call.response_id, call.completion, call.usage) for call in calls] == [
        ("gpt-4o-mini-2024-07-18", "r2", said, Usage(input=10, output=3))
    ]


def test_an_answer_that_is_cut_off_is_a_call_without_usage() -> None:
    """The connection went away in its middle; the program hears that as before."""
    with speaking(realtime, hangs_up_after=2) as address:
        alone = converse(address)
        with watched() as calls:
            assert converse(address) == alone
    assert [(call.model, call.usage, call.completion) for call in calls] == [("gpt-realtime", Usage(), None)]
