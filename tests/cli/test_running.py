"""`agentops-otel run`: real programs in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

import agentops_otel
from agentops_otel.testing import ModelServer

COMMAND = [sys.executable, "-m", "agentops_otel.cli"]
autostart = Path(agentops_otel.__file__).parent / "autostart"

STEP = """
import agentops_otel as agentops
session = agentops.init()
@agentops.record_action
def step(): pass
step()
"""

INNER = """
import subprocess, sys
subprocess.run([sys.executable, "inner.py"])
print(1)
"""


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "run", *arguments], capture_output=True, text=True, check=False, **options)


def recorded(cli: Cli, *options: str) -> list[tuple[str, str | None, int]]:
    """State, reason and events of the sessions in the store."""
    sessions = json.loads(cli("sessions", "list", "--json", *options).out)
    return [(one["end_state"], one["end_state_reason"], one["statistics"]["events"]) for one in sessions]


def test_a_program_and_what_it_starts_are_one_session(cli: Cli, tmp_path: Path) -> None:
    """Both join by the environment; output and exit code are the program's own."""
    (tmp_path / "inner.py").write_text(STEP)
    (tmp_path / "outer.py").write_text(
        STEP + "import subprocess, sys; subprocess.run([sys.executable, 'inner.py'])\nprint(1)"
    )
    ran = run("--tag", "nightly", "--", sys.executable, "outer.py", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "1\n")
    assert ran.stderr.startswith("session ")
    assert recorded(cli, "--tag", "nightly") == [("Success", None, 2)]


@pytest.mark.parametrize(
    ("code", "exit_code", "expected"),
    [
        ("import sys; sys.exit(3)", 3, ("Failure", "exit code 3", 0)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, ("Failure", "Signal SIGKILL", 0)),
        (
            STEP + "session.end_session('Success', 'good enough'); import sys; sys.exit(3)",
            3,
            ("Success", "good enough", 1),
        ),
        (STEP + "raise ValueError('boom')", 1, ("Failure", "ValueError: boom", 2)),
    ],
)
def test_the_exit_code_decides_unless_the_program_has(
    cli: Cli, code: str, exit_code: int, expected: tuple[str, str | None, int]
) -> None:
    """It is handed on; a signal is 128 and its number, as a shell has it."""
    assert run("--", sys.executable, "-c", code).returncode == exit_code
    assert recorded(cli) == [expected]


def test_db_is_the_store_of_the_program_too(cli: Cli, tmp_path: Path) -> None:
    """Whatever joins writes there."""
    other = str(tmp_path / "other.db")
    assert run("--db", other, sys.executable, "-c", STEP).returncode == 0
    assert recorded(cli, "--db", other) == [("Success", None, 1)]
    assert recorded(cli) == []


def test_a_program_that_is_not_there_makes_no_session(cli: Cli, home: Path) -> None:
    """Wrong usage."""
    ran = run("--", "no-such-program")
    assert (ran.returncode, ran.stderr) == (
        2,
        "error: there is no program 'no-such-program'; see `agentops-otel run --help`\n",
    )
    assert not home.exists()


def test_what_ends_the_command_ends_the_program_in_order(cli: Cli, tmp_path: Path) -> None:
    """SIGTERM is handed on: the program may clean up, and its exit code counts."""
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True); signal.pause()"
    arguments = [*COMMAND, "run", "--", sys.executable, "-c", code]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGTERM)
    assert process.returncode == 7
    assert recorded(cli) == [("Failure", "exit code 7", 0)]


CALL = """
import openai
with openai.OpenAI() as client:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
"""


@pytest.fixture
def offline(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The openai client reaches the model server of this test."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "offline")


@pytest.mark.usefixtures("offline")
def test_a_program_that_knows_nothing_is_recorded_with_what_it_starts(cli: Cli, tmp_path: Path) -> None:
    """One session, two processes, a call in each; nothing on the program's own output."""
    (tmp_path / "inner.py").write_text(CALL)
    code = CALL + "import subprocess, sys; subprocess.run([sys.executable, 'inner.py'], check=True); print(1)"
    ran = run("--", sys.executable, "-c", code, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (0, "1\n", 1)
    assert recorded(cli) == [("Success", None, 2)]


@pytest.mark.usefixtures("offline")
def test_each_trace_is_a_session_in_scope_trace(cli: Cli) -> None:
    """And the command is none."""
    ran = run("--scope", "trace", "--", sys.executable, "-c", CALL + CALL)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [events for _, _, events in recorded(cli)] == [1, 1]


def test_tags_are_for_the_session_of_a_run(cli: Cli) -> None:
    """Wrong usage."""
    assert run("--scope", "trace", "--tag", "x", "--", sys.executable, "-c", "").returncode == 2


def test_a_sitecustomize_that_was_there_runs_first(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its name, and sees a program that is not recorded yet."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nrecorded_before = 'agentops_otel' in sys.modules\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    code = "import sys, sitecustomize; print(sitecustomize.recorded_before, 'agentops_otel' in sys.modules)"
    ran = run("--", sys.executable, "-c", code)
    assert ran.stdout == "False True\n", ran.stderr


def test_a_python_without_the_package_runs_as_ever(cli: Cli) -> None:
    """Its site-packages are another's."""
    code = "import sys; print('agentops_otel' in sys.modules)"
    ran = run("--", "env", f"PYTHONPATH={autostart}", sys.executable, "-S", "-c", "import sitecustomize; " + code)
    assert (ran.returncode, ran.stdout) == (0, "False\n")


def test_the_programs_own_init_gets_the_session_and_adds_its_tags(cli: Cli) -> None:
    """As if it had started it."""
    code = "import agentops_otel as a; s = a.init(tags=['mine']); s.end_session('Success', 'said so')"
    assert run("--tag", "ours", "--", sys.executable, "-c", code).returncode == 0
    assert recorded(cli, "--tag", "mine") == recorded(cli, "--tag", "ours") == [("Success", "said so", 0)]
