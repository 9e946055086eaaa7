"""Which sessions are removed, and that nothing is left of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.facts import EventFact, Fact, ProcessFacts, ProcessKey, SessionFacts
from agentops_otel.records import Action
from agentops_otel.store.base import SessionQuery, Store
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.memory import MemoryStore
from agentops_otel.store.retention import Retention, prune
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.store.sqlite.keys import SqliteKeys
from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs
from fold.strategies import START

HOUR = 3600 * 1_000_000_000
NOW = START + 100 * HOUR


def session(number: int, *, tags: Sequence[str] = (), text: str = "", last_ns: int | None = None) -> list[Fact]:
    """A session that started so many hours after the first, with one event, which ended at `last_ns`."""
    start = START + number * HOUR
    event = Action(
        event_id="e", session_id=f"s{number}", name="step", init_timestamp=start, end_timestamp=last_ns, params=text
    )
    return [SessionFacts(f"s{number}", start, tags_set=((start, "o"), tuple(tags))), EventFact(event)]


@pytest.fixture(params=["memory", "sqlite"])
def forgetting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Forgetting]:
    options: dict[str, Any] = {"clock": lambda: NOW, "liveness": lambda key, process: True}
    db = tmp_path / "x.db"
    store = MemoryStore(**options) if request.param == "memory" else SqliteStore(db, **options)
    with closing(store), closing(SqliteKeys(db)) as keys, closing(SqliteSpanLogs(db)) as span_logs:
        yield Forgetting(store, keys, span_logs)


def left(store: Store, project_id: str = "p") -> list[str]:
    return [one.session_id for one in store.sessions(project_id, SessionQuery(ascending=True)).items]


def test_old_sessions_go(forgetting: Forgetting) -> None:
    """In every project; old is what has not moved for so long, whenever it started. Kept tags and what runs stay."""
    store = forgetting.store
    for number in range(50):
        store.append("p", session(number, tags=["gold"] if number == 7 else ["other"]))
    store.append("q", [*session(1), *session(60), *session(2, last_ns=NOW - 50 * HOUR)])
    alive = {ProcessKey("h", 1, START): ProcessFacts(seen_ns=START)}
    store.append("q", [*session(3), SessionFacts("s3", processes=alive)])

    pruned = prune(forgetting, Retention(max_age_ns=60 * HOUR, keep_tags=frozenset(["gold"])), NOW)

    assert (left(store), left(store, "q")) == (["s7", *(f"s{n}" for n in range(40, 50))], ["s2", "s3", "s60"])
    assert pruned == 40


def test_the_oldest_go_until_there_is_room(forgetting: Forgetting) -> None:
    """Of all projects together, and no more than needed by far."""
    store = forgetting.store
    store.append("q", [*session(500, text="x" * 20_000), *session(0, text="x" * 20_000, tags=["gold"])])
    before = store.size_bytes()
    for number in range(1, 100):
        store.append("pq"[number % 2], session(number, text="x" * 20_000))
    grown = store.size_bytes()

    limit = before + (grown - before) // 2
    pruned = prune(forgetting, Retention(max_bytes=limit, keep_tags=frozenset(["gold"])), NOW)

    kept = sorted([*left(store), *left(store, "q")], key=lambda one: int(one[1:]))
    assert kept == ["s0", *(f"s{number}" for number in range(pruned + 1, 100)), "s500"]
    assert 40 <= pruned <= 80
    assert store.size_bytes() <= limit


def test_without_a_limit_everything_stays(forgetting: Forgetting) -> None:
    """And a limit that is kept removes nothing."""
    forgetting.store.append("p", session(1))
    assert [prune(forgetting, Retention(), NOW), prune(forgetting, Retention(max_bytes=10**9), NOW)] == [0, 0]
    assert (bool(Retention()), left(forgetting.store)) == (False, ["s1"])
