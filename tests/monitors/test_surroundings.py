"""Programs whose threads are greenlets, and notebooks, with the real gevent and a real kernel."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from agentops_otel.host import liveness
from agentops_otel.store import open_store
from agentops_otel.store.base import DEFAULT_PROJECT, SessionQuery
from agentops_otel.testing import ModelServer
from server.environments import python_with

pytestmark = pytest.mark.sdk

SURROUNDINGS = ("gevent==26.9.0", "ipykernel==7.4.0", "nbclient==0.11.0", "openai==3.54.0")
OURS = ("opentelemetry-exporter-otlp", "opentelemetry-sdk", "wrapt", "psutil", "genai-prices")

GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, threading, openai
import agentops_otel as agentops

agentops.init(tags=["greenlets"])
messages = [{"role": "user", "content": "Hello"}]

with openai.OpenAI() as client:
    @agentops.record_action("step")
    def step():
        client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        for _ in client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(step) for _ in range(5)], raise_error=True)
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
start = threading.Thread.start
agentops.stop_instrumenting()
assert threading.Thread.start is not start and "start" not in vars(threading.Thread)
agentops.end_session("Success")
"""

NOTEBOOK = """
import nbformat
from nbclient import NotebookClient

cells = [
    "import openai, agentops_otel as agentops\\nclient = openai.AsyncOpenAI()",
    "session = agentops.init(tags=['first'])",
    '''
@agentops.record_action("step")
async def step():
    messages = [{"role": "user", "content": "Hello"}]
    return await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
answered = await step()
''',
    "import asyncio\\nanswered = await asyncio.gather(*(step() for _ in range(4)))",
    "1 / 0",
    "agentops.init(tags=['first']) is session",
    "agentops.end_session('Success')",
    "agentops.init(tags=['second'])\\nanswered = await step()\\nagentops.end_session('Failure', 'tried')",
]
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
for cell in notebook.cells:
    for output in cell.outputs:
        print(output.get("ename") or output.get("text") or output["data"]["text/plain"])
"""


def run(program: str, server: ModelServer) -> str:
    """What it prints."""
    python = python_with(*SURROUNDINGS, *OURS)
    done = subprocess.run(
        [str(python), "-c", program],
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "offline",
            "AGENTOPS_EXIT_TIMEOUT": "30000",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(home: Path) -> list[tuple[object, ...]]:
    """The sessions, oldest first: tags, end state, model calls and actions."""
    with closing(open_store(home / "agentops.db", liveness=liveness)) as store:
        found = store.sessions(DEFAULT_PROJECT, SessionQuery()).items
        return [
            (*one.tags, one.end_state, one.statistics.llms, one.statistics.actions)
            for one in sorted(found, key=lambda one: one.init_timestamp)
        ]


def test_greenlets_are_recorded_as_threads_are(server: ModelServer, home: Path) -> None:
    """gevent's Thread inherits `start`; it is patched and inherited again afterwards."""
    assert run(GREENLETS, server) == ""
    assert told(home) == [("greenlets", "Success", 12, 6)]


def test_a_notebook_has_a_session_for_as_long_as_it_wants(server: ModelServer, home: Path) -> None:
    """Its cells await, fail, and are run again; a session is neither ended by an error nor taken for the next."""
    assert run(NOTEBOOK, server).split() == ["ZeroDivisionError", "True", "'0.0000255'", "'0.0000051'"]
    assert told(home) == [("first", "Success", 5, 5), ("second", "Failure", 1, 1)]
