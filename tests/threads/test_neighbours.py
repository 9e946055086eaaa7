"""Beside opentelemetry-instrumentation-threading, in an environment of its own: threads are in their session, once."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from server.environments import python_with

pytestmark = pytest.mark.sdk

NEIGHBOUR = (
    "opentelemetry-instrumentation-threading",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "wrapt",
    "psutil",
)

PROGRAM = """
import json, sys, threading
from concurrent.futures import ThreadPoolExecutor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
import agentops_otel as agentops
from agentops_otel import context

if sys.argv[1] == "theirs first":
    ThreadingInstrumentor().instrument()
sessions = [agentops.init(), agentops.start_session()]
if sys.argv[1] == "ours first":
    ThreadingInstrumentor().instrument()
seen = []
def look():
    seen.append(sessions.index(context.entered()))
thread = threading.Thread(target=look)
thread.start()
thread.join()
with ThreadPoolExecutor(1) as pool:
    pool.submit(look).result()
agentops.stop_instrumenting()
ThreadingInstrumentor().uninstrument()
thread = threading.Thread(target=lambda: seen.append(context.entered() is None))
thread.start()
thread.join()
print(json.dumps(seen))
"""


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
def test_threads_follow_beside_another_instrumentor(order: str, home: Path) -> None:
    """Whoever came first, a thread runs in the session of whoever started it; after both are gone, in none."""
    done = subprocess.run(
        [str(python_with(*NEIGHBOUR)), "-c", PROGRAM, order],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [1, 1, True]
