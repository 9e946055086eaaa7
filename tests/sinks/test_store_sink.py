"""Facts that a sink takes are in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentops_otel.errors import StoreError
from agentops_otel.facts import SessionFacts
from agentops_otel.sinks.base import Sink
from agentops_otel.sinks.store import StoreSink
from agentops_otel.store import open_store


def test_the_file_is_made_at_the_first_append(tmp_path: Path) -> None:
    """A sink that never gets a fact leaves no trace on disk; one that does has it stored when `append` returns."""
    path = tmp_path / "home" / "agentops.db"
    sink: Sink = StoreSink(open_store(path), "p")
    untouched = not path.parent.exists()
    sink.append([SessionFacts("s")])
    reader = open_store(path)
    assert (untouched, sink.flush(0), reader.session("p", "s") is not None) == (True, True, True)
    reader.close()
    sink.close()


def test_a_fact_that_nobody_can_store_costs_its_siblings_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out and named; the others of the batch are stored."""
    store = open_store(tmp_path / "agentops.db")
    StoreSink(store, "p").append([SessionFacts("a"), SessionFacts("b\ud800"), SessionFacts("c")])
    assert [store.session("p", one) is not None for one in "ac"] == [True, True]
    assert "was left out" in caplog.text
    store.close()


def test_a_batch_that_cannot_be_stored_is_given_back(tmp_path: Path) -> None:
    """The error names the file, so that the caller can keep the batch and say why."""
    sink = StoreSink(open_store(tmp_path))
    with pytest.raises(StoreError, match=str(tmp_path)):
        sink.append([SessionFacts("s")])
