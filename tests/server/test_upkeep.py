"""What a server does for its store unasked."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

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
        Upkeep(forgetting, retention, counters, clock=lambda: START + DAY // 2).once()
        assert len(store.sessions("p", SessionQuery()).items) == 1
        late = Upkeep(forgetting, retention, counters, clock=lambda: START + 2 * DAY)
        late.once()
        late.once()
        assert (store.sessions("p", SessionQuery()).items, counters.get("pruned_sessions")) == ([], 1)


def test_a_store_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog) -> None:  # type: ignore[no-untyped-def]
    """The server goes on."""
    store = SqliteStore(tmp_path)
    with closing(SqliteKeys(tmp_path / "k.db")) as keys, closing(SqliteSpanLogs(tmp_path / "k.db")) as span_logs:
        Upkeep(Forgetting(store, keys, span_logs), Retention(max_age_ns=1), Counters()).once()
    assert "could not be removed" in caplog.text


def test_many_sessions_are_deleted_by_one_request(bridge: Running) -> None:
    """Those of the caller's project; it is told how many there were."""
    made = [bridge.ask("POST", "/v2/sessions/delete", {"session_ids": ["no", "neither"]})]
    assert [(one.status, one.json) for one in made] == [(200, {"deleted": 0})]
