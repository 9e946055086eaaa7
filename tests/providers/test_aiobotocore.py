"""Bedrock by aiobotocore: as test_bedrock.py, awaited. It holds botocore back, so the newest boto3 is not beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check

try:
    from aiobotocore import config, session
except ImportError:
    config = session = None

MODEL = "anthropic.claude-3-5-haiku-20241022-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello there"}]}]
CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "Hello there"}],
}
NO_BLOCK = dict.fromkeys(("with", "with, raising"), "the event stream is no context manager")
IN_TOTAL = Usage(input=400, cache_read=600, output=50)


def connect(url: str) -> Any:
    """Without retries, with keys that nobody checks."""
    return session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="offline",
        aws_secret_access_key="offline",
        config=config.AioConfig(retries={"total_max_attempts": 1}),
    )


async def invoked(client: Any) -> str:
    """The body as text."""
    answer = await client.invoke_model(modelId=MODEL, body=json.dumps(CLAUDE))
    return (await answer["body"].read()).decode()


async def streamed(client: Any) -> Any:
    """The stream that the answer holds."""
    return (await client.converse_stream(modelId=MODEL, messages=MESSAGES))["stream"]


async def invoked_streamed(client: Any) -> Any:
    """The stream that the answer holds."""
    return (await client.invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(CLAUDE)))["body"]


MATRIX = Matrix(
    client="aiobotocore",
    provider="aws.bedrock",
    connect=None,
    connect_async=connect,
    ways=[
        Way(
            name="converse",
            call=lambda client: client.converse(modelId=MODEL, messages=MESSAGES),
            span=f"chat {MODEL}",
            usage=IN_TOTAL,
        ),
        Way(
            name="converse_stream",
            call=streamed,
            span=f"chat {MODEL}",
            streams=True,
            usage=IN_TOTAL,
            lacks=NO_BLOCK,
        ),
        Way(name="invoke_model", call=invoked, span=f"chat {MODEL}"),
        Way(
            name="invoke_model_with_response_stream",
            call=invoked_streamed,
            span=f"chat {MODEL}",
            streams=True,
            early=Usage(input=400, cache_read=600),
            lacks=NO_BLOCK,
        ),
    ],
)

pytestmark = [
    pytest.mark.skipif(session is None, reason="the newest boto3 is tested, without aiobotocore"),
    pytest.mark.filterwarnings(  # connections stay open when a stream of events is left
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
