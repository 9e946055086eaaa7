"""Mistral's client: every way to call it, with every outcome."""

from __future__ import annotations

from typing import Any

import pytest

from agentops_otel.records import Usage

from .matrix import Case, Matrix, Way, check, client_module

mistralai = client_module("mistralai")
if not hasattr(mistralai, "Mistral"):  # since 2.0 a namespace
    mistralai = client_module("mistralai.client")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # older ones are not at home in today's pydantic

HELLO = [{"role": "user", "content": "Hello there"}]
CHAT: dict[str, Any] = {"model": "mistral-small", "messages": HELLO}
AGENT: dict[str, Any] = {"agent_id": "ag_1", "messages": HELLO}
FIM: dict[str, Any] = {"model": "codestral", "prompt": "def f("}
COUNTED = Usage(input=400, cache_read=600, output=50)
EMBEDDED = Usage(input=1000)
WITHOUT = Usage(input=0, output=0)
"""The client makes noughts of an empty usage."""


class Client:
    """The one client, behind names that are the same for both modes."""

    def __init__(self, url: str, suffix: str) -> None:
        self.client = mistralai.Mistral(api_key="offline", server_url=f"{url}/mistral")
        self.suffix = suffix

    def call(self, resource: str, method: str, **asked: Any) -> Any:
        return getattr(getattr(self.client, resource), method + self.suffix)(**asked)

    async def __aenter__(self) -> Client:
        await self.client.__aenter__()
        self.client.__enter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.client.__aexit__(*exc_info)
        self.client.__exit__(*exc_info)

    def __enter__(self) -> Client:
        self.client.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.client.__exit__(*exc_info)


def way(name: str, span: str, asked: dict[str, Any], **more: Any) -> Way:
    """`chat.complete` and the like."""
    resource, method = name.split(".")
    later = {"close": "2.10"} if more.get("streams") else {}
    usage = {"usage": COUNTED, **more}
    return Way(name=name, span=span, later=later, call=lambda client: client.call(resource, method, **asked), **usage)


MATRIX = Matrix(
    client="mistralai",
    provider="mistral_ai",
    connect=lambda url: Client(url, ""),
    connect_async=lambda url: Client(url, "_async"),
    ways=[
        way("chat.complete", "chat mistral-small", CHAT, uncounted=WITHOUT),
        way("chat.stream", "chat mistral-small", CHAT, streams=True),
        way("agents.complete", "chat", AGENT, uncounted=WITHOUT),
        way("agents.stream", "chat", AGENT, streams=True),
        way("fim.complete", "text_completion codestral", FIM, uncounted=WITHOUT, tools=False),
        way("fim.stream", "text_completion codestral", FIM, streams=True, tools=False),
        way(
            "embeddings.create",
            "embeddings mistral-embed",
            {"model": "mistral-embed", "inputs": ["one", "two"]},
            usage=EMBEDDED,
            uncounted=Usage(input=0),
            tools=False,
        ),
    ],
)


def test_caller_sees_the_same_and_one_event_is_left(case: Case) -> None:
    """Values, types, chunks and errors are those of the bare client; the event has the usage and the error."""
    check(case)
