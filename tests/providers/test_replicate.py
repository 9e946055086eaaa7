"""Replicate's client: every way to make a prediction, with every outcome."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from agentops_otel.records import Event, Failure, LLMCall, Usage
from agentops_otel.testing import Body, ModelServer, Reply, Tokens

from .matrix import Case, Matrix, Way, check, client_module, recording

replicate = client_module("replicate")
exceptions = client_module("replicate.exceptions")
helpers = client_module("replicate.helpers")

LLAMA = "meta/llama"
HELLO = {"prompt": "Hello there"}
COUNTED = Usage(input=1000, output=50)
GENERATORS = {"with": "the stream is a generator", "with, raising": "the stream is a generator"}


def client_of(url: str) -> Any:
    """A client that asks often."""
    client = replicate.Client(api_token="offline", base_url=url)
    client.poll_interval = 0.001
    return client


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client whose connections are closed, which it cannot do itself."""
    client = client_of(url)
    connections = client._client  # made now: of threads that ask at once each would make some
    try:
        yield client
    finally:
        connections.close()


@asynccontextmanager
async def connected_async(url: str) -> AsyncIterator[Any]:
    """The same, for asynchronous calls."""
    client = client_of(url)
    try:
        yield client
    finally:
        await client._async_client.aclose()


def created(client: Any) -> Any:
    """A prediction that is made, and waited for."""
    prediction = client.models.predictions.create(LLAMA, input=HELLO)
    prediction.wait()
    return prediction


async def acreated(client: Any) -> Any:
    """The same, awaited."""
    prediction = await client.models.predictions.async_create(LLAMA, input=HELLO)
    await prediction.async_wait()
    return prediction


async def aversioned(client: Any) -> Any:
    """A prediction of a version, asked for until it has ended."""
    prediction = await client.predictions.async_create("5c7d", HELLO)
    await prediction.async_reload()
    return prediction


def versioned(client: Any) -> Any:
    """The same, by a client that blocks."""
    prediction = client.predictions.create("5c7d", HELLO)
    prediction.reload()
    return prediction


async def astreamed(client: Any) -> Any:
    """The stream of a prediction that was made before."""
    prediction = await client.models.predictions.async_create(LLAMA, input=HELLO, stream=True)
    return prediction.async_stream()


def pair(name: str, sync: Any, asynchronous: Any, **same: Any) -> list[Way]:
    """The two names of one method."""
    before, _, after = name.rpartition(".")
    return [
        Way(name=name, call=sync, is_async=False, **same),
        Way(name=f"{before}{'.' * bool(before)}async_{after}", call=asynchronous, is_sync=False, **same),
    ]


CALL: dict[str, Any] = {"span": "generate_content meta/llama", "usage": COUNTED, "tools": False}
STREAM: dict[str, Any] = {**CALL, "usage": Usage(), "streams": True, "lacks": GENERATORS}

MATRIX = Matrix(
    client="replicate",
    provider="replicate",
    connect=connected,
    connect_async=connected_async,
    ways=[
        *pair(
            "run",
            lambda client: client.run(LLAMA, input=HELLO),
            lambda client: client.async_run(LLAMA, input=HELLO),
            **CALL,
        ),
        *pair(
            "run(wait=False)",
            lambda client: client.run(LLAMA, input=HELLO, wait=False),
            lambda client: client.async_run(LLAMA, input=HELLO, wait=False),
            **CALL,
        ),
        *pair("models.predictions.create", created, acreated, **CALL),
        *pair("predictions.create", versioned, aversioned, **{**CALL, "span": "generate_content 5c7d"}),
        *pair(
            "deployments.predictions.create",
            lambda client: client.deployments.predictions.create("acme/bot", input=HELLO, wait=True),
            lambda client: client.deployments.predictions.async_create("acme/bot", input=HELLO, wait=True),
            **{**CALL, "span": "generate_content acme/bot"},
        ),
        *pair(
            "stream",
            lambda client: client.stream(LLAMA, input=HELLO),
            lambda client: client.async_stream(LLAMA, input=HELLO),
            **STREAM,
        ),
        *pair(
            "Prediction.stream",
            lambda client: client.models.predictions.create(LLAMA, input=HELLO, stream=True).stream(),
            astreamed,
            **STREAM,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


def test_what_was_asked_and_answered_is_told(server: ModelServer) -> None:
    """Prompt, system prompt, sampling, the model and the texts; and that a stream counts nothing."""
    server.script_always(Reply(text="Offline it is.", tokens=Tokens(7, 3)))
    asked = {"prompt": "Hello there", "system_prompt": "Be brief.", "temperature": 0.5, "max_new_tokens": 9, "seed": 7}
    with connected(server.url) as client, recording() as recorded:
        assert client.run(LLAMA, input=asked) == ["Offline ", "it ", "is."]
        assert "".join(map(str, client.stream(LLAMA, input=asked))) == "Offline it is."
    whole, streamed = calls(recorded())
    said = {"role": "assistant", "parts": [{"type": "text", "content": "Offline it is."}]}
    for call in (whole, streamed):
        assert call.completion == [said]
        assert [part["content"] for message in call.prompt for part in message["parts"]] == ["Be brief.", "Hello there"]
        assert {name: call.params[name] for name in ("temperature", "max_tokens", "seed")} == {
            "temperature": 0.5,
            "max_tokens": 9,
            "seed": 7,
        }
    assert (whole.model, whole.usage, whole.estimated) == (LLAMA, Usage(input=7, output=3), False)
    assert streamed.estimated


def test_a_prediction_is_one_event_however_often_it_is_asked_for(server: ModelServer) -> None:
    """By itself, by its id and by a stream, at any time until it is dropped."""
    server.script_always(Reply(text="Offline it is.", tokens=Tokens(7, 3)))
    with connected(server.url) as client, recording() as recorded:
        prediction = client.models.predictions.create(LLAMA, input=HELLO)
        assert calls(recorded()) == []
        client.predictions.get(prediction.id)
        [call] = calls(recorded())
        prediction.wait()
        prediction.reload()
        list(prediction.stream())
        assert [call] == calls(recorded())
    assert call.usage == Usage(input=7, output=3)


def test_a_prediction_that_is_dropped_is_recorded_with_what_was_known(server: ModelServer) -> None:
    """Nobody asks for its end, so its tokens are unknown."""
    with connected(server.url) as client, recording() as recorded:
        client.models.predictions.create(LLAMA, input=HELLO)
        gc.collect()
    [call] = calls(recorded())
    assert (call.model, call.usage or Usage(), call.estimated) == (LLAMA, Usage(), False)


def test_a_prediction_that_goes_on_is_the_clients_own(server: ModelServer) -> None:
    """It is equal to its copies, shown, copied and pickled as without us."""
    with connected(server.url) as client, recording() as recorded:
        prediction = client.models.predictions.create(LLAMA, input=HELLO)
        assert type(prediction) is type(prediction.copy())
        assert prediction == copy.copy(prediction)
        assert type(copy.deepcopy(prediction.__fields_set__)) is set
        copied = pickle.loads(pickle.dumps(prediction.__fields_set__))
        assert (type(copied), copied) == (set, prediction.__fields_set__)
        assert "kept" not in repr(prediction)
        assert "kept" not in prediction.dict()
        del prediction
        gc.collect()
    assert len(calls(recorded())) == 1


def test_an_output_that_is_asked_for_piece_by_piece_is_one_event(server: ModelServer) -> None:
    """`run` of a version whose output is a list that grows: the call ends when the program has read it."""
    schema = {"components": {"schemas": {"Output": {"type": "array", "x-cog-array-type": "iterator"}}}}
    told = {"id": "5c7d", "created_at": "2026-11-01T00:00:00Z", "cog_version": "0.9", "openapi_schema": schema}
    reply = Reply(text="Offline it is.", tokens=Tokens(7, 3))
    server.script(reply, Body(content=json.dumps(told).encode()), reply)
    with connected(server.url) as client, recording() as recorded:
        output = client.run("meta/llama:5c7d", input=HELLO, wait=False)
        assert calls(recorded()) == []
        assert "".join(output) == "Offline it is."
        [call] = calls(recorded())
    assert (call.name, call.usage) == ("generate_content 5c7d", Usage(input=7, output=3))


def test_a_model_that_fails_is_an_error(server: ModelServer) -> None:
    """`run` raises; `wait` only tells."""
    server.script_always(Reply(finish="failed"))
    with connected(server.url) as client, recording() as recorded:
        with pytest.raises(exceptions.ModelError):
            client.run(LLAMA, input=HELLO)
        created(client)
    failures = [event for event in recorded() if isinstance(event, Failure)]
    told = ("replicate.exceptions.ModelError", "The model has stopped.")
    assert [(failure.error_type, failure.details) for failure in failures] == [told, told]


def test_a_prediction_that_is_canceled_says_so(server: ModelServer) -> None:
    """By the reason for which it finished."""
    server.script_always(Reply(text="Off", finish="canceled"))
    with connected(server.url) as client, recording() as recorded:
        client.models.predictions.create(LLAMA, input=HELLO).cancel()
    [call] = calls(recorded())
    assert call.finish_reasons == ("canceled",)


def test_a_file_is_told_by_its_address_and_not_fetched(server: ModelServer) -> None:
    """The caller gets what reads it; a model of images has no tokens."""
    server.script_always(Reply(text="https://files.test/a.png", tokens=None))
    with connected(server.url) as client, recording() as recorded:
        output = client.run("acme/painter", input={"prompt": "A boat"})
    assert isinstance(output, helpers.FileOutput)
    assert [request.method for request in server.requests] == ["POST"]
    [call] = calls(recorded())
    assert call.completion[0]["parts"] == [{"type": "uri", "modality": "image", "uri": "https://files.test/a.png"}]
    assert (call.usage or Usage(), call.estimated) == (Usage(), False)


def test_an_answer_that_is_still_being_processed_is_recorded(server: ModelServer) -> None:
    """`run` hands out what there is after its wait, and drops the prediction."""
    server.script_always(Reply(text="Offline.", finish="processing"))
    with connected(server.url) as client, recording() as recorded:
        assert client.run(LLAMA, input=HELLO) == ["Offline."]
    [call] = calls(recorded())
    assert call.completion[0]["parts"] == [{"type": "text", "content": "Offline."}]


def calls(events: list[Event]) -> list[LLMCall]:
    """The model calls."""
    return [event for event in events if isinstance(event, LLMCall)]
