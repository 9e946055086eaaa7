"""Forks at the worst moment: while a thread opens the first store of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FORK_WHILE_OPENING = """
import os, sys, threading
import agentops_otel.export  # what a program has imported when it starts to record

path = sys.argv[1]
forking, opened = threading.Event(), threading.Event()

def deliver():
    forking.wait()
    from agentops_otel.facts import SessionFacts
    from agentops_otel.store import open_store
    global store
    store = open_store(path)
    store.append("default", [SessionFacts("s")])
    opened.set()

thread = threading.Thread(target=deliver)
thread.start()
os.register_at_fork(before=lambda: (forking.set(), opened.wait()))  # as the outbox waits for its delivery
if os.fork() == 0:
    files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    links = [os.readlink(file) for file in files if os.path.lexists(file)]
    print([link for link in links if path in link], flush=True)
    os._exit(0)
os.wait()
thread.join()
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/proc/self/fd").exists(), reason="needs fork and /proc")
def test_a_child_never_inherits_an_open_database(tmp_path: Path) -> None:
    """A store whose first opening overlaps the fork is closed before it, too: SQLite must not live through a fork."""
    command = [sys.executable, "-c", FORK_WHILE_OPENING, str(tmp_path / "agentops.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
