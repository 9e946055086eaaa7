"""Writer's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

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


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
