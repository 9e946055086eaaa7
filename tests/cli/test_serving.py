"""`agentops-otel serve`, `keys` and `projects`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

from tests.cli.conftest import FAILED, Cli


def test_serve_answers_until_it_is_told_to_end(db: Path) -> None:
    """Its address is the first line; SIGTERM ends it with exit code 0."""
    arguments = [sys.executable, "-m", "agentops_otel.cli", "serve", "--port", "0", "--no-grpc", "--log-level", "error"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None
        with urllib.request.urlopen(f"{found[0]}/v2/sessions/{FAILED}/stats") as answer:
            assert json.load(answer)["end_state"] == "Failure"
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_serving_others_needs_a_key(cli: Cli, db: Path) -> None:
    """Refused as wrong usage, with the remedy."""
    ran = cli("serve", "--host", "0.0.0.0", "--port", "0", "--no-grpc")
    assert (ran.code, ran.out, "agentops-otel keys create" in ran.err) == (2, "", True)


def test_a_key_is_printed_once_and_can_be_revoked(cli: Cli, db: Path) -> None:
    """The key alone is on stdout, so that a script can take it; afterwards only its first characters are known."""
    made = cli("keys", "create", "--project", "shop", "--name", "ci")
    key = made.out.strip()
    assert (made.code, str(uuid.UUID(key)), "not shown again" in made.err) == (0, key, True)
    listed = json.loads(cli("keys", "list", "--json").out)
    assert [(one["prefix"], one["project_id"], one["name"], one["revoked_at"]) for one in listed] == [
        (key[:8], "shop", "ci", None)
    ]
    assert key not in cli("keys", "list").out
    assert cli("keys", "revoke", key[:8]).out == f"Revoked the key {key[:8]}… of project shop.\n"
    [after] = json.loads(cli("keys", "list", "--project", "shop", "--json").out)
    assert after["revoked_at"] is not None


def test_a_key_that_is_not_there_cannot_be_revoked(cli: Cli, db: Path) -> None:
    """Wrong usage, and the line says where to look."""
    assert cli("keys", "revoke", "12345678") == (2, "", "error: '12345678' names 0 active keys; see `keys list`\n")


def test_projects_are_listed_and_made(cli: Cli, home: Path) -> None:
    """There is always the default one; looking makes no store."""
    assert cli("projects", "list").out == "default\n"
    assert cli("keys", "list") == (
        0,
        "",
        "No keys: on this machine none is needed. `agentops-otel keys create` makes one.\n",
    )
    assert not home.exists()
    assert cli("projects", "create", "shop").out == "Made project shop.\n"
    assert json.loads(cli("projects", "list", "--json").out) == ["default", "shop"]
