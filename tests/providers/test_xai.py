"""xAI's client: every way to call it, with every outcome, over gRPC."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from agentops_otel.records import Price, Usage
from agentops_otel.testing import Reply, Tokens, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

xai_sdk = client_module("xai_sdk")
chat = client_module("xai_sdk.chat")
server_module = client_module("providers.xai_server")

HASTE = {"timeout": timedelta(seconds=60), "interval": timedelta(milliseconds=1)}
STATUSES = {"cut": "a connection that breaks is a status, as an error is"}
GENERATORS = {"with": "the stream is a generator", "with, raising": "the stream is a generator", **STATUSES}


def asked(client: Any) -> Any:
    """A chat with one message."""
    return client.chat.create(model="grok-4", messages=[chat.user("Hello there")])


def connected(url: str) -> Any:
    """A client without TLS."""
    return xai_sdk.Client(api_key="offline", api_host=url, use_insecure_channel=True)


def connected_async(url: str) -> Any:
    """The asynchronous one."""
    return xai_sdk.AsyncClient(api_key="offline", api_host=url, use_insecure_channel=True)


MATRIX = Matrix(
    client="xai-sdk",
    provider="x_ai",
    connect=connected,
    connect_async=connected_async,
    serve=server_module.XaiServer,
    ways=[
        Way(name="sample", call=lambda client: asked(client).sample(), span="chat grok-4", lacks=STATUSES),
        Way(name="defer", call=lambda client: asked(client).defer(**HASTE), span="chat grok-4", lacks=STATUSES),
        Way(
            name="stream",
            call=lambda client: asked(client).stream(),
            span="chat grok-4",
            streams=True,
            lacks=GENERATORS,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def test_what_was_asked_and_answered_is_told() -> None:
    """Messages, tools and settings, as they were when the call was made; streamed as whole."""
    weather = chat.tool("weather", "Tells it.", {"type": "object", "properties": {}})
    with server_module.XaiServer() as server, connected(server.url) as client, recording() as recorded:
        server.script_always(Reply(text="I look.", tools=[ToolRequest("weather", {"city": "Eger"})], model="grok-4-1"))
        asking = client.chat.create(model="grok-4", temperature=0.5, max_tokens=9, tools=[weather])
        asking.append(chat.system("Be brief.")).append(chat.user("Look", chat.image("https://example.org/a.png")))
        asking.append(asking.sample()).append(chat.tool_result("sunny"))
        list(asking.stream())
    whole, streamed = recorded()
    assert whole.prompt == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look"},
                {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
            ],
        },
    ]
    assert [message["role"] for message in streamed.prompt] == ["system", "user", "assistant", "tool"]
    assert (
        (whole.model, whole.finish_reasons) == (streamed.model, streamed.finish_reasons) == ("grok-4-1", ("tool_call",))
    )
    assert (whole.params["temperature"], whole.params["max_tokens"], "seed" in whole.params) == (0.5, 9, False)
    for call in (whole, streamed):
        [said] = call.completion
        assert [(part["type"], part.get("content") or part.get("arguments")) for part in said["parts"]] == [
            ("text", "I look."),
            ("tool_call", {"city": "Eger"}),
        ]


class Weather(BaseModel):
    """What is parsed."""

    city: str


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_several_answers_and_parsed_ones_are_one_call_each() -> None:
    """A batch is one request, and its tokens are counted once."""
    with server_module.XaiServer() as server, connected(server.url) as client, recording() as recorded:
        server.script_always(Reply(text='{"city": "Eger"}', tokens=Tokens(7, 3)))
        _, parsed = asked(client).parse(Weather)
        assert parsed == Weather(city="Eger")
        assert len(asked(client).sample_batch(2)) == len(asked(client).defer_batch(2, **HASTE)) == 2
        assert len([*asked(client).stream_batch(2)][-1][0]) == 2
    calls = recorded()
    counted = Usage(input=7, output=3)
    assert [(call.usage, len(call.completion)) for call in calls] == [(counted, 1), *[(counted, 2)] * 3]


@pytest.mark.skipif(
    "cost_in_usd_ticks" not in server_module.usage_pb2.SamplingUsage.DESCRIPTOR.fields_by_name,
    reason="this client knows of no cost",
)
def test_the_cost_is_the_one_that_xai_tells() -> None:
    """Of whole answers and of streams, to the last digit; where it tells none it is for the tables of prices."""
    with server_module.XaiServer() as server, connected(server.url) as client, recording() as recorded:
        for model in (server_module.BILLED, "grok-4"):
            one = client.chat.create(model=model, messages=[chat.user("Hello")])
            one.sample()
            list(one.stream())
    told = (Decimal("0.0037756"), Price("reported"))
    assert [(call.cost, call.price) for call in recorded()[:2]] == [told, told]
    assert [call.price.source for call in recorded()[2:]] == ["genai-prices"] * 2


def test_the_spans_of_the_client_are_left_out_and_nothing_stays_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own span would be current between two chunks, and leave ours behind it."""
    own, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(own))
    before = otel_context.get_current()
    monkeypatch.setattr(client_module("xai_sdk.sync.chat"), "tracer", provider.get_tracer("xai_sdk"))
    with server_module.XaiServer() as server, connected(server.url) as client:
        server.script_always(Reply(text="Offline it is."))
        with recording() as recorded:
            asked(client).sample()
            for _ in asked(client).stream():
                assert otel_context.get_current() == before
            assert otel_context.get_current() == before
        assert (len(recorded()), own.get_finished_spans()) == (2, ())
        asked(client).sample()
    assert [span.name for span in own.get_finished_spans()] == ["chat.sample grok-4"]
