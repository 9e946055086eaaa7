"""The command as a process of its own: pipes, terminals, locales, and what it needs to run."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import FAILED, session
from tests.text.examples import step

from agentops_otel.facts import EventFact
from agentops_otel.records import Action
from agentops_otel.store import open_store

COMMAND = [sys.executable, "-m", "agentops_otel.cli"]


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, env={**os.environ, **environment}, check=False)


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a person sees: the output of a process whose stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment}
    with subprocess.Popen([*COMMAND, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=env):
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:  # the terminal of a process that has ended
            pass
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def test_version_is_told_without_opening_anything(home: Path) -> None:
    """The version of the package and of Python; no room is imported for it."""
    code = "import sys; from agentops_otel.cli import main; main(['--version']); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    first, modules = told.splitlines()
    assert first.startswith("agentops-otel 0.")
    assert {"sqlite3", "opentelemetry.sdk", "psutil", "agentops_otel.translate"}.isdisjoint(modules.split())


def test_without_click_the_remedy_is_told(home: Path) -> None:
    """A base install has the command, and the command says what it needs."""
    code = "import sys; sys.modules['click'] = None; from agentops_otel.cli import main; sys.exit(main(['doctor']))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    remedy = "agentops-otel needs the package click; run: pip install 'agentops-otel-bridge[cli]'\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", remedy)


def test_a_reader_who_has_seen_enough_is_no_error(db: Path) -> None:
    """As `agentops-otel sessions list --json | head -1` does: no traceback, no complaint."""
    store = open_store(db)
    store.append("default", [fact for n in range(2000) for fact in session(f"s{n}", n, ("x" * 200,), "Success")])
    store.close()
    arguments = [*COMMAND, "sessions", "list", "--json", "--limit", "2000"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"[\n"
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (0, b"")


def test_a_terminal_that_knows_only_ascii_gets_ascii(db: Path) -> None:
    """Signs have a plain form there; JSON is UTF-8 whatever the locale."""
    shown = ran("sessions", "show", FAILED, PYTHONIOENCODING="ascii", COLUMNS="80")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"cost     >= $0.002000 (1 call unpriced)" in shown.stdout
    assert b"`- llm    no-such-model x" in shown.stdout
    store = open_store(db)
    store.append("default", session("ünïcode", 1, ("天气",)))
    store.close()
    printed = ran("sessions", "stats", "ünïcode", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert json.loads(printed.stdout.decode("utf-8"))["session_id"] == "ünïcode"


def test_colours_are_for_people(db: Path) -> None:
    """On a terminal failures are red; with NO_COLOR, and in a pipe, there is not one escape sequence."""
    coloured = on_a_terminal("sessions", "show", FAILED)
    plain = on_a_terminal("sessions", "show", FAILED, NO_COLOR="1")
    piped = ran("sessions", "show", FAILED, COLUMNS="80").stdout.decode()
    assert "state    \x1b[31mFailure\x1b[0m\n" in coloured
    assert "\x1b" not in plain
    assert plain == piped


def test_long_work_has_a_progress_bar_where_a_person_waits(db: Path, tmp_path: Path) -> None:
    """On stderr, and only on a terminal; what is written is the same."""
    store = open_store(db)
    for start in range(0, 6000, 1000):
        events = [step(Action, f"p{n}", "step", n, 1) for n in range(start, start + 1000)]
        store.append("default", [EventFact(replace(event, session_id=FAILED)) for event in events])
    store.close()
    watched, alone = tmp_path / "watched.jsonl", tmp_path / "alone.jsonl"
    shown = on_a_terminal("sessions", "export", FAILED, "--format", "jsonl", "-o", str(watched))
    assert ("export 7d1c9f0e" in shown, "100%" in shown) == (True, True)
    assert ran("sessions", "export", FAILED, "--format", "jsonl", "-o", str(alone)).stderr == b""
    assert watched.read_bytes() == alone.read_bytes()


def test_first_steps_are_shown_where_a_person_finds_nothing(home: Path) -> None:
    """A newcomer sees how to record a session; a script does not."""
    assert "session = agentops.init(" in on_a_terminal("sessions", "list")
    assert b"agentops.init" not in ran("sessions", "list").stderr


def test_deleting_asks_on_a_terminal(db: Path) -> None:
    """The answer no leaves the session where it is."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "sessions", "delete", FAILED], stdin=theirs, stderr=subprocess.PIPE) as process:
        os.write(ours, b"n\n")
        assert process.stderr is not None
        asked = process.stderr.read().decode()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, f"Delete session {FAILED} with its 7 events?" in asked) == (130, True)
    assert ran("sessions", "show", FAILED).returncode == 0
