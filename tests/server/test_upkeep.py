"""What a server does for its store unasked."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from agentops_otel.server.metrics import Counters
from agentops_otel.server.upkeep import Upkeep
from agentops_otel.store.base import SessionQuery
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.retention import Retention
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.store.sqlite.keys import SqliteKeys
from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs
from fold.strategies import START, one_of_everything
from server.running import Running

DAY = 86_400 * 1_000_000_000


def test_old_sessions_are_removed_and_counted(tmp_path: Path) -> None:
    """At the time of the clock it has; once."""
    db, counters = tmp_path / "x.db", Counters()
    with closing(SqliteStore(db)) as store, closing(SqliteKeys(db)) as keys, closing(SqliteSpanLogs(db)) as span_logs:
        store.append("p", one_of_everything())
        forgetting, retention = Forgetting(store, keys, span_logs), Retention(max_age_ns=DAY)
        Upkeep(forgetting, lambda: retention, counters, clock=lambda: START + DAY // 2).prune()
        assert len(store.sessions("p", SessionQuery()).items) == 1
        late = Upkeep(forgetting, lambda: retention, counters, clock=lambda: START + 2 * DAY)
        late.prune()
        late.prune()
        assert (store.sessions("p", SessionQuery()).items, counters.get("pruned_sessions")) == ([], 1)


def test_a_store_that_cannot_be_used_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server goes on."""
    store = SqliteStore(tmp_path)
    with (
        closing(SqliteKeys(tmp_path / "k.db")) as keys,
        closing(SqliteSpanLogs(tmp_path / "k.db")) as span_logs,
        Upkeep(Forgetting(store, keys, span_logs), lambda: Retention(max_age_ns=1), Counters()).running(),
    ):
        pass
    assert "the store could not be looked after" in caplog.text


def test_what_came_is_added_up_indexed_and_compressed(tmp_path: Path) -> None:
    """All of it."""
    db = tmp_path / "x.db"
    with closing(SqliteStore(db)) as store, closing(SqliteKeys(db)) as keys, closing(SqliteSpanLogs(db)) as span_logs:
        for number in range(20):
            store.append("p", one_of_everything(f"s{number}"))
        assert store.roll_up()
        assert store.texts_waiting() == 20
        Upkeep(Forgetting(store, keys, span_logs), Retention, Counters()).tidy()
        assert (store.texts_waiting(), store.compact(), store.roll_up()) == (0, False, False)


def test_many_sessions_are_deleted_by_one_request(bridge: Running) -> None:
    """Those of the caller's project; it is told how many there were."""
    made = [bridge.ask("POST", "/v2/sessions/delete", {"session_ids": ["no", "neither"]})]
    assert [(one.status, one.json) for one in made] == [(200, {"deleted": 0})]
