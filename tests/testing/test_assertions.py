"""What a test may expect of a session, on sessions that were recorded through the front door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import NotFoundError, OpenAI

import agentops_otel as agentops
from agentops_otel import runtime
from agentops_otel.store import open_store
from agentops_otel.store.base import Store
from agentops_otel.testing import ModelServer, Reply, Tokens, assert_session


@agentops.record_tool("search")
def search(topic: str) -> str:
    """A tool."""
    return f"all about {topic}"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="offline", max_retries=0) as client:
        yield client


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The front door, recording into a store of its own."""
    monkeypatch.setenv("AGENTOPS_DB", str(tmp_path / "agentops.db"))
    agentops.init(auto_start_session=False, max_wait_time=100)
    yield tmp_path / "agentops.db"
    runtime.stop()


def recorded(server: ModelServer, client: OpenAI, model: str = "gpt-4o-mini", searches: int = 1) -> Any:
    """A live session: a call, searches, another call."""
    session = agentops.start_session()
    server.script(Reply(text="a", tokens=Tokens(100, 20)), Reply(text="b", tokens=Tokens(100, 20)))
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
    for _ in range(searches):
        search("cats")
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Go on"}])
    return session


def told(*wanted: Any, **expected: Any) -> list[str]:
    """What is wrong, line by line, after the headline."""
    with pytest.raises(AssertionError) as raised:
        assert_session(*wanted, **expected)
    return str(raised.value).splitlines()[1:]


def test_a_session_that_is_as_expected_passes(db: Path, server: ModelServer, client: OpenAI) -> None:
    """Limits are inclusive; the record comes back."""
    session = recorded(server, client)
    session.end_session("Success")
    record = assert_session(
        session,
        end_state="Success",
        max_cost_usd=0.001,
        max_tokens=240,
        max_llm_calls=2,
        max_errors=0,
        max_duration_s=60,
        tools=["search"],
        models={"gpt-4o-mini"},
        agents=[],
    )
    assert (record.session_id, record.statistics.llms) == (str(session.session_id), 2)


def test_all_that_is_wrong_is_told_at_once(db: Path, server: ModelServer, client: OpenAI) -> None:
    """Each with what was found and what was expected; a live session need not have ended."""
    session = recorded(server, client, searches=2)
    assert told(
        session,
        end_state="Success",
        max_cost_usd="0.00001",
        max_tokens=100,
        max_llm_calls=1,
        max_duration_s=0,
        tools=["search"],
        models=["gpt-4o-mini", "gpt-4o"],
    )[:4] == [
        "  end state: running; expected Success",
        "  tokens: 240; at most 100 expected",
        "  model calls: 2; at most 1 expected",
        "  cost: $0.000054; at most $0.000010 expected",
    ]
    assert told(session, tools=["search"]) == ["  tools: search, search; expected search"]
    assert told(session, models=["gpt-4o-mini"])[0].endswith("gpt-4o-mini, gpt-4o-mini; expected gpt-4o-mini")
    assert told(session, tools=set()) == ["  tools: search; expected none"]
    assert_session(session, tools={"search"})


def test_errors_are_counted_with_their_reason(db: Path, server: ModelServer, client: OpenAI) -> None:
    """A state that is not expected comes with the reason of the end."""
    session = agentops.start_session()
    with pytest.raises(NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hi"}])
    session.end_session("Failure", end_state_reason="no model")
    assert told(session, end_state="Success", max_errors=0) == [
        "  end state: Failure (no model); expected Success",
        "  errors: 1; at most 0 expected",
    ]


def test_a_cost_that_is_not_known_is_not_small(db: Path, server: ModelServer, client: OpenAI) -> None:
    """Models without a price are named; without a limit nobody asks."""
    session = recorded(server, client, model="in-house-70b")
    assert told(session, max_cost_usd=5) == ["  cost: not known, 2 calls without a price (in-house-70b)"]
    assert_session(session, max_llm_calls=2)


def test_a_session_can_be_like_another(db: Path, server: ModelServer, client: OpenAI) -> None:
    """The same steps, whatever the model and the answers are; else those that are missing and new."""
    before = recorded(server, client)
    before.end_session("Success")
    same, other = recorded(server, client, model="gpt-4o"), recorded(server, client, searches=3)

    assert_session(same, like=before)
    assert told(other, like=before) == [
        f"  steps: 2 steps not as in {before.session_id} (- missing, + new):",
        "    + tool search",
        "    + tool search",
    ]


def test_sessions_are_found_by_id_and_in_stores(db: Path, server: ModelServer, client: OpenAI) -> None:
    """An id in the store of this process or in a given one, a record, a store with a single session."""
    session = recorded(server, client)
    session.end_session("Success")
    store: Store = open_store(db)
    record = store.session("default", str(session.session_id))

    assert assert_session(session.session_id, tools=["search"]) == record
    assert assert_session(str(session.session_id), store=store, tools=["search"]) == record
    assert assert_session(record, tools=["search"]) == record
    assert assert_session(store, tools=["search"]) == record
    store.close()


def test_what_cannot_be_found_is_told(tmp_path: Path) -> None:
    """An id that is not there; a store without sessions; names that are one text."""
    store = open_store("memory:")
    with pytest.raises(AssertionError, match="there is no session 'gone' in project 'default' of the store"):
        assert_session("gone", store=store)
    with pytest.raises(AssertionError, match="the store has 0 sessions in project 'default', one is expected"):
        assert_session(store)


def test_names_are_not_one_text(db: Path, server: ModelServer, client: OpenAI) -> None:
    """tools="search" would be six tools of one letter."""
    with pytest.raises(TypeError, match="tools is the text 'search'; give a list or a set of names"):
        assert_session(recorded(server, client), tools="search")
