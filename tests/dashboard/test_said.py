"""What the list shows of what sessions say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.facts import EventFact
from agentops_otel.records import LLMCall, ToolCall, Usage
from agentops_otel.server.dashboard.said import LENGTH, Said, Sayings
from agentops_otel.store.base import SessionQuery
from agentops_otel.store.memory import MemoryStore
from agentops_otel.store.sqlite import SqliteStore

START = 1_795_352_682_000_000_000


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A store that tells what changed, and one that does not."""
    with closing(MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "x.db")) as made:
        yield made


def call(at: int, asked: object = None, answered: object = None, **more: Any) -> LLMCall:
    """A model call of session `s`, `at` nanoseconds after the start."""
    said: dict[str, Any] = {"prompt": asked, "completion": answered, "event_id": str(at), **more}
    return LLMCall(session_id="s", name="chat", init_timestamp=START + at, **said)


def message(role: str, *texts: str) -> dict[str, object]:
    """A message of text parts."""
    return {"role": role, "parts": [{"type": "text", "content": text} for text in texts]}


def said(store: Any, sayings: Sayings, *events: LLMCall | ToolCall, revision: int = 0) -> Said | None:
    """What the session says after these events."""
    store.append("p", [EventFact(event, revision) for event in events])
    return sayings.of(store.sessions("p", SessionQuery()).items).get("s")


def test_it_is_the_first_prompt_and_the_last_answer(store: Any) -> None:
    """Of the user and of the model: not the system's words, and not an answer that is the use of a tool."""
    asked = [
        message("system", "Be brief."),
        message("user", "", " Capital\n of  France? "),
        message("user", "Or Spain?"),
    ]
    used = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "look", "arguments": {}}]}]
    events = (call(1, asked, "Well."), call(2, "And?", [message("assistant", "Paris.")]), call(3, "And?", used))
    assert said(store, Sayings(store), *events) == Said("Capital of France?", "Paris.")


def test_it_is_one_line_of_so_many_characters(store: Any) -> None:
    """Longer ones end in an ellipsis."""
    found = said(store, Sayings(store), call(1, "a" * LENGTH, "b\n" * 9999))
    assert found == Said("a" * LENGTH, ("b " * LENGTH)[: LENGTH - 1] + "…")


def test_a_session_without_content_says_nothing(store: Any) -> None:
    """Without content the calls are there and nothing else; without a call there is nothing to look for."""
    tool = ToolCall(event_id="t", session_id="s", name="t", init_timestamp=START, params={"q": "secret"})
    assert said(store, Sayings(store), tool) is None
    assert said(store, Sayings(store), call(1), call(2)) == Said("", "")


def test_it_follows_the_session(store: Any) -> None:
    """New calls and revised ones change what is remembered."""
    sayings = Sayings(store)
    assert said(store, sayings, call(5, "Hello", "Hi")) == Said("Hello", "Hi")
    assert said(store, sayings, call(9, "Bye", "See you")) == Said("Hello", "See you")
    assert said(store, sayings, call(9, "Bye", "Farewell"), revision=1) == Said("Hello", "Farewell")
    assert said(store, sayings, call(1, "Earlier", "?")) == Said("Earlier", "Farewell")


def test_a_call_that_is_told_twice_says_what_either_knows(store: Any) -> None:
    """The one that counts has no content of its own."""
    common: dict[str, Any] = {"trace_id": "t", "usage": Usage(input=10), "end_timestamp": START + 99}
    outer = call(1, "Hello", "Hi", span_id="1", extra={"otel": {"scope": "framework"}}, **common)
    inner = call(2, None, None, span_id="2", parent_id="1", extra={"otel": {"scope": "provider"}}, **common)
    assert said(store, Sayings(store), outer, inner) == Said("Hello", "Hi")
    assert store.session("p", "s").statistics.llms == 1


def test_few_are_remembered(store: Any) -> None:
    """The oldest are read again; what is told stays right."""
    sayings = Sayings(store, most=1)
    store.append("p", [EventFact(replace(call(1, one, one), session_id=one)) for one in ("a", "b", "c")])
    listed = store.sessions("p", SessionQuery()).items
    for _ in range(2):
        assert sayings.of(listed) == {one: Said(one, one) for one in ("a", "b", "c")}
    assert len(sayings._kept) <= 1
