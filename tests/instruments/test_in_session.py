"""Calls inside a session: stamped, priced and stored, and their attributes made off the caller's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import context as otel_context

import agentops_otel
from agentops_otel import runtime
from agentops_otel.conventions import emit
from agentops_otel.testing import ModelServer, Reply, Tokens

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """No runtime, session or span is left behind."""
    before = otel_context.get_current()
    yield
    runtime.stop()
    otel_context.attach(before)


def test_attributes_are_made_on_the_exporters_thread(home, server: ModelServer, monkeypatch: pytest.MonkeyPatch):
    """Whoever looks at them on the caller's thread makes the caller pay for them: nobody of ours does."""
    threads: list[str] = []
    made = emit.attributes

    def noting(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.current_thread().name)
        return made(*args, **kwargs)

    monkeypatch.setattr(emit, "attributes", noting)
    agentops_otel.init()
    server.script(Reply(tokens=Tokens(1000, 100)))
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    cost = agentops_otel.end_session("Success")
    assert (cost, threads) == ("0.000210", ["agentops-export"])
