"""Writer's client: every way to call it, with every outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from agentops_otel.records import LLMCall, Usage
from agentops_otel.testing import ModelServer, Reply

from .matrix import TEXT, TOKENS, WHOLE, Case, Matrix, Way, check, client_module, recording

writerai = client_module("writerai")

ASKED: dict[str, Any] = {"model": "palmyra-x5", "messages": [{"role": "user", "content": "Hello there"}]}

MATRIX = Matrix(
    client="writer-sdk",
    provider="writer",
    connect=lambda url: writerai.Writer(base_url=f"{url}/writer", api_key="offline", max_retries=0),
    connect_async=lambda url: writerai.AsyncWriter(base_url=f"{url}/writer", api_key="offline", max_retries=0),
    ways=[
        Way(
            name="chat.chat",
            call=lambda client: client.chat.chat(**ASKED),
            span="chat palmyra-x5",
        ),
        Way(
            name="chat.chat, streamed",
            call=lambda client: client.chat.chat(**ASKED, stream=True),
            span="chat palmyra-x5",
            streams=True,
        ),
        Way(
            name="completions.create",
            call=lambda client: client.completions.create(model="palmyra-x5", prompt="Hello there"),
            span="text_completion palmyra-x5",
            tools=False,
            usage=Usage(),
        ),
        Way(
            name="completions.create, streamed",
            call=lambda client: client.completions.create(model="palmyra-x5", prompt="Hello there", stream=True),
            span="text_completion palmyra-x5",
            streams=True,
            tools=False,
            usage=Usage(),
        ),
    ],
)


has_helpers = pytest.mark.skipif(
    not hasattr(writerai.resources.ChatResource, "parse"), reason="this client has neither parse nor stream"
)


class Sky(BaseModel):
    """What is asked for."""

    clear: bool


@has_helpers
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_parsed_answer_is_one_call(is_async: bool) -> None:
    """With the client's own object, and the usage."""
    with ModelServer() as server, recording() as recorded:
        server.script(Reply(text='{"clear": true}', tokens=TOKENS))
        if is_async:

            async def ask() -> Any:
                async with MATRIX.connect_async(server.url) as client:  # type: ignore[misc]
                    return await client.chat.parse(**ASKED, response_format=Sky)

            answer = asyncio.run(ask())
        else:
            with MATRIX.connect(server.url) as client:  # type: ignore[misc]
                answer = client.chat.parse(**ASKED, response_format=Sky)
    assert answer.choices[0].message.parsed == Sky(clear=True)
    assert [(one.name, one.usage) for one in recorded() if isinstance(one, LLMCall)] == [("chat palmyra-x5", WHOLE)]


@has_helpers
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_stream_of_events_is_one_call(is_async: bool) -> None:
    """Read to its end in the block of its manager."""
    with ModelServer() as server, recording() as recorded:
        server.script(Reply(text=TEXT, tokens=TOKENS))
        if is_async:

            async def ask() -> list[str]:
                async with MATRIX.connect_async(server.url) as client, client.chat.stream(**ASKED) as events:  # type: ignore[misc]
                    return [event.type async for event in events]

            kinds = asyncio.run(ask())
        else:
            with MATRIX.connect(server.url) as client, client.chat.stream(**ASKED) as events:  # type: ignore[misc]
                kinds = [event.type for event in events]
    assert "content.delta" in kinds
    assert [(one.name, one.usage) for one in recorded() if isinstance(one, LLMCall)] == [("chat palmyra-x5", WHOLE)]


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
