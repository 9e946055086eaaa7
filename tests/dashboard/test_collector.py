"""The garbage collector waits while many objects are made, and never longer."""

from __future__ import annotations

import gc
import threading

import pytest

from agentops_otel.server.dashboard.collector import no_collection


def test_it_waits_for_every_block() -> None:
    """Also for one that ends on another thread later, and also where a block fails."""
    begun, done = threading.Event(), threading.Event()

    def other() -> None:
        with no_collection():
            begun.set()
            done.wait(30)

    thread = threading.Thread(target=other)
    with pytest.raises(ValueError, match="of the block"), no_collection():
        thread.start()
        begun.wait(30)
        raise ValueError("of the block")
    assert not gc.isenabled()
    done.set()
    thread.join(30)
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    """Whoever turned it off wants it so."""
    gc.disable()
    try:
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
