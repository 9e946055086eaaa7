"""`agentops-otel doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Cli


def test_doctor_finds_no_problem_in_a_healthy_place(cli: Cli, db: Path) -> None:
    """Exit code 0, in text and in JSON."""
    ran = cli("doctor")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "No problem found.")
    ran = cli("doctor", "--json")
    assert (ran.code, json.loads(ran.out)["problems"]) == (0, 0)


def test_doctor_is_exit_code_1_where_there_is_a_problem(cli: Cli, tmp_path: Path) -> None:
    """So that a script can ask. `--db` says which store is meant."""
    file = tmp_path / "notes.txt"
    file.write_text("just notes" * 1000)
    ran = cli("doctor", "--db", str(file))
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "1 problem found.")
    assert f"problem  store: {file}" in ran.out.replace("\n         ", " ")


def test_doctor_fits_the_terminal(cli: Cli, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are wrapped, not broken by the terminal; only a long path may stick out."""
    monkeypatch.setenv("COLUMNS", "72")
    lines = cli("doctor").out.splitlines()
    assert [line for line in lines if len(line) > 72 and str(db.parent) not in line] == []
