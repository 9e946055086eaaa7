"""Servers that make workers of their own: what a worker recorded is there, however the server ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessions.conftest import Recorded

WEB = """
import os
import agentops_otel as agentops

agentops.init(auto_start_session=False, instrument_llm_calls=False)

@agentops.record_tool("lookup")
def lookup():
    return 1

def app(environ, start_response):
    with agentops.start_session(tags=["request"]):
        lookup()
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""

TASKS = """
import agentops_otel as agentops
{early}
from celery import Celery

app = Celery("tasks", broker="filesystem://", backend="file://results")
folders = {{"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}}
app.conf.broker_transport_options = folders
{late}

@app.task
def step(number, session_id):
    session = agentops.start_session(inherited_session_id=session_id)
    session.record(agentops.ActionEvent(action_type=f"step {{number}}"))
"""
INIT = "agentops.init(auto_start_session=False, instrument_llm_calls=False)"
SESSION = "2a4f6b1c-0d3e-4f5a-8b7c-9d0e1f2a3b4c"
SEND = f"import tasks; [sent.get(timeout=50) for sent in [tasks.step.delay(n, '{SESSION}') for n in range(6)]]"


@contextmanager
def serving(folder: Path, *command: str, listening: Sequence[int] = ()) -> Iterator[None]:
    """A server in `folder`; it is asked to end as a service manager asks, and ends well."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=log, pass_fds=listening
        )
        try:
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                code = server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
    assert code == 0, (folder / "log").read_text()


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("recycled", [True, False])
def test_every_request_to_gunicorn_is_a_session(
    preload: bool, recycled: bool, tmp_path: Path, recorded: Recorded
) -> None:
    """Whether the program is loaded before the workers are forked or in each, and when workers are replaced."""
    (tmp_path / "web.py").write_text(WEB)
    flags = ["--preload"] * preload + ["--max-requests=3"] * recycled
    with socket.create_server(("127.0.0.1", 0)) as door:
        command = ["gunicorn", "--workers=2", f"--bind=fd://{door.fileno()}", *flags, "web:app"]
        with serving(tmp_path, *command, listening=[door.fileno()]):
            answered = [fetched(door.getsockname()[1]) for _ in range(9)]
    assert (len(set(answered)) > 2) is recycled
    kinds = Counter((one.end_state, one.statistics.tools) for one in recorded.sessions())
    assert kinds == {("Success", 1): len(answered)}


def fetched(port: int) -> bytes:
    """The process id of the worker that answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("flag", ["--max-tasks-per-child=1", "--pool=threads"])
def test_tasks_of_celery_take_part_in_a_session(flag: str, when: str, tmp_path: Path, recorded: Recorded) -> None:
    """A prefork worker leaves by os._exit after one task and loses nothing."""
    (tmp_path / "tasks.py").write_text(TASKS.format(**{"early": "", "late": "", when: INIT}))
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    with serving(tmp_path, "celery", "-A", "tasks", "worker", "--concurrency=2", "--loglevel=INFO", flag):
        subprocess.run([sys.executable, "-c", SEND], cwd=tmp_path, check=True, timeout=100)
    assert sorted(str(event.name) for event in recorded.events(SESSION)) == [f"step {n}" for n in range(6)]
