"""Bedrock by boto3: every way to call it, with every outcome, and the wires of the families of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentops_otel.records import LLMCall, Usage
from agentops_otel.testing import ModelServer, Reply, Tokens, ToolRequest

from .matrix import Case, Matrix, Way, check, client_module, recording

boto3 = client_module("boto3")

MODEL = "anthropic.claude-3-5-haiku-20241022-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello there"}]}]
CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "Hello there"}],
}
CLAUDE_BODY = json.dumps(CLAUDE)
NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the event stream of botocore is no context manager")
IN_TOTAL = Usage(input=400, cache_read=600, output=50)
"""Converse does not tell reasoning tokens apart."""


def connect(url: str) -> Any:
    """Without retries, with keys that nobody checks."""
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="offline",
        aws_secret_access_key="offline",
        config=client_module("botocore.config").Config(retries={"total_max_attempts": 1}),
    )


def invoke(client: Any, model: str, body: dict[str, Any]) -> str:
    """The body as text."""
    return client.invoke_model(modelId=model, body=json.dumps(body))["body"].read().decode()


MATRIX = Matrix(
    client="boto3",
    provider="aws.bedrock",
    connect=connect,
    connect_async=None,
    ways=[
        Way(
            name="converse",
            call=lambda client: client.converse(modelId=MODEL, messages=MESSAGES),
            span=f"chat {MODEL}",
            usage=IN_TOTAL,
        ),
        Way(
            name="converse_stream",
            call=lambda client: client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"],
            span=f"chat {MODEL}",
            streams=True,
            usage=IN_TOTAL,
            lacks=NO_BLOCK,
        ),
        Way(
            name="invoke_model",
            call=lambda client: invoke(client, MODEL, CLAUDE),
            span=f"chat {MODEL}",
        ),
        Way(
            name="invoke_model_with_response_stream",
            call=lambda client: client.invoke_model_with_response_stream(modelId=MODEL, body=CLAUDE_BODY)["body"],
            span=f"chat {MODEL}",
            streams=True,
            early=Usage(input=400, cache_read=600),
            lacks=NO_BLOCK,
        ),
    ],
)

pytestmark = pytest.mark.filterwarnings(  # botocore's connections stay open when a stream of events is left
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)


TEXT = "Offline it is."
CHAT = {"messages": [{"role": "user", "content": "Hello there"}], "max_tokens": 99}
NOVA = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 99}}
FAMILIES: dict[str, dict[str, Any]] = {
    "us.anthropic.claude-3-5-haiku-20241022-v1:0": CLAUDE,
    "amazon.nova-lite-v1:0": NOVA,
    "amazon.titan-text-express-v1": {"inputText": "Hello there", "textGenerationConfig": {"maxTokenCount": 99}},
    "meta.llama3-70b-instruct-v1:0": {"prompt": "Hello there", "max_gen_len": 99},
    "mistral.mistral-7b-instruct-v0:2": {"prompt": "Hello there", "max_tokens": 99},
    "cohere.command-r-v1:0": {"message": "Hello there", "max_tokens": 99},
    "deepseek.r1-v1:0": {"prompt": "Hello there", "max_tokens": 99},
    "ai21.jamba-1-5-mini-v1:0": CHAT,
    "openai.gpt-oss-20b-1:0": CHAT,
}


def told(event: LLMCall) -> Any:
    """What is known of a call: text in and out, why it stopped, the limit that was asked for, tokens."""
    texts = [[part["content"] for part in one["parts"]] for one in (*(event.prompt or ()), *(event.completion or ()))]
    return texts, event.finish_reasons, event.params["max_tokens"], event.usage


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_is_read(model: str, streams: bool) -> None:
    """What was said, why it stopped, and the tokens: from the body, the headers or the last chunk."""
    asked = {"modelId": model, "body": json.dumps(FAMILIES[model])}
    with ModelServer() as server, recording() as recorded:
        server.script_always(Reply(text=TEXT, tokens=Tokens(1000, 50)))
        client = connect(server.url)
        if streams:
            list(client.invoke_model_with_response_stream(**asked)["body"])
        else:
            client.invoke_model(**asked)["body"].read()
        client.close()
    [event] = recorded()
    assert isinstance(event, LLMCall)
    finish = event.finish_reasons
    assert finish in (("stop",), ("COMPLETE",), ("FINISH",))
    assert told(event) == ([["Hello there"], [TEXT]], finish, 99, Usage(input=1000, output=50))


def read_in_a_block(body: Any) -> bytes:
    with body as raw:
        return raw.read()


def read_into(body: Any) -> bytes:
    whole, buffer = b"", bytearray(100)
    while count := body.readinto(buffer):
        whole += buffer[:count]
    return whole


READINGS: dict[str, Any] = {
    "read": lambda body: body.read(),
    "read in pieces": lambda body: b"".join(iter(lambda: body.read(100), b"")),
    "iterated": b"".join,
    "chunks": lambda body: b"".join(body.iter_chunks(64)),
    "lines": lambda body: b"".join(body.iter_lines()),
    "json": json.load,
    "with": read_in_a_block,
    "into a buffer": read_into,
    "not at all": lambda body: None,
}


@pytest.mark.parametrize("reading", READINGS)
def test_a_body_is_known_however_it_is_read(reading: str) -> None:
    """The same bytes as without us, of botocore's class; the tokens are known even if it is not read (the headers)."""
    with ModelServer() as server:
        server.script_always(Reply(text=TEXT, tokens=Tokens(1000, 50)))
        client = connect(server.url)
        asked = {"modelId": "meta.llama3-70b-instruct-v1:0", "body": json.dumps({"prompt": "Hello there"})}
        bare = READINGS[reading](client.invoke_model(**asked)["body"])
        with recording() as recorded:
            body = client.invoke_model(**asked)["body"]
            assert isinstance(body, client_module("botocore.response").StreamingBody)
            assert READINGS[reading](body) == bare
            del body
        client.close()
    assert [event.usage for event in recorded()] == [Usage(input=1000, output=50)]


def test_tools_are_recorded() -> None:
    """What is offered, what is asked for, and what it answered."""
    weather = {"name": "weather", "description": "The weather", "inputSchema": {"json": {"type": "object"}}}
    call = {"toolUse": {"toolUseId": "1", "name": "weather", "input": {"city": "Oslo"}}}
    result = {"toolResult": {"toolUseId": "1", "content": [{"text": "Rain"}]}}
    messages = [*MESSAGES, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    with ModelServer() as server, recording() as recorded:
        server.script_always(Reply(text="", tools=[ToolRequest("weather", {"city": "Bergen"})]))
        client = connect(server.url)
        asked = {"modelId": MODEL, "messages": messages, "toolConfig": {"tools": [{"toolSpec": weather}]}}
        client.converse(**asked, system=[{"text": "Be brief."}])
        list(client.converse_stream(**asked)["stream"])
        client.close()
    whole, streamed = recorded()
    assert whole.prompt[-1]["parts"] == [{"type": "tool_call_response", "id": "1", "response": [{"text": "Rain"}]}]
    asked_for = [[part["name"], part["arguments"]] for part in whole.completion[0]["parts"]]
    assert asked_for == [["weather", {"city": "Bergen"}]]
    assert asked_for == [[part["name"], part["arguments"]] for part in streamed.completion[0]["parts"]]


def test_embeddings_cost_their_input() -> None:
    """By the body (Titan) or by the headers (Cohere)."""
    titan, cohere = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"
    with ModelServer() as server, recording() as recorded:
        server.script_always(Reply(tokens=Tokens(1000, 0)))
        client = connect(server.url)
        invoke(client, titan, {"inputText": "Hello there", "dimensions": 256})
        invoke(client, cohere, {"texts": ["Hello", "there"], "input_type": "search_query"})
        client.close()
    assert [(event.name, event.usage) for event in recorded()] == [
        (f"embeddings {titan}", Usage(input=1000)),
        (f"embeddings {cohere}", Usage(input=1000)),
    ]


def test_other_services_and_other_operations_are_left_alone() -> None:
    """What is no model call makes no event, and passes with the client's own errors."""
    with ModelServer() as server, recording() as recorded:
        keys = {"aws_access_key_id": "offline", "aws_secret_access_key": "offline"}
        storage = boto3.client("s3", region_name="us-east-1", endpoint_url=server.url, **keys)
        client = connect(server.url)
        for call in (storage.list_buckets, client.list_async_invokes):
            with pytest.raises(client_module("botocore.exceptions").ClientError):
                call()
        storage.close()
        client.close()
    assert recorded() == []
