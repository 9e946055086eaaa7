"""Azure AI Inference's clients: every way to call them, with every outcome."""

from __future__ import annotations

from typing import Any

import pytest

from .matrix import Case, Matrix, Way, check, client_module

inference = client_module("azure.ai.inference")
aio = client_module("azure.ai.inference.aio")
KEY = client_module("azure.core.credentials").AzureKeyCredential("offline")

ASKED: dict[str, Any] = {"model": "phi-4", "messages": [{"role": "user", "content": "Hello there"}]}


def connect(module: Any, name: str = "ChatCompletionsClient") -> Any:
    """A client without retries."""
    return lambda url: getattr(module, name)(endpoint=f"{url}/azure", credential=KEY, retry_total=0)


MATRIX = Matrix(
    client="azure-ai-inference",
    provider="azure.ai.inference",
    connect=connect(inference),
    connect_async=connect(aio),
    ways=[
        Way(name="complete", call=lambda client: client.complete(**ASKED), span="chat phi-4"),
        Way(name="complete, by its body", call=lambda client: client.complete(ASKED), span="chat phi-4"),
        Way(
            name="complete, streamed",
            call=lambda client: client.complete(**ASKED, stream=True),
            span="chat phi-4",
            streams=True,
        ),
    ],
)

pytestmark = pytest.mark.filterwarnings(  # azure-core leaves the connection of a dropped stream open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
