"""`agentops-otel export` and `agentops-otel import`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tests.cli.conftest import DONE, FAILED, OPEN, Cli


def whole(cli: Cli, db: Path, session_id: str) -> dict[str, object]:
    """A session with its events, as `show --json` has it."""
    shown: dict[str, object] = json.loads(cli("sessions", "show", session_id, "--json", "--db", str(db)).out)
    return shown


@pytest.mark.parametrize("form", ["jsonl", "otlp-json"])
def test_what_was_exported_is_imported_the_same(cli: Cli, db: Path, tmp_path: Path, form: str) -> None:
    """Every session and event, in a store of another machine; importing it again changes nothing."""
    file, other = tmp_path / "all.txt", tmp_path / "other.db"
    assert cli("export", "--all", "--format", form, "-o", str(file)) == (0, "", "")
    assert cli("import", str(file), "--db", str(other)).out == "Imported 3 sessions: 9 new events.\n"
    first = [whole(cli, other, one) for one in (FAILED, DONE, OPEN)]
    again = json.loads(cli("import", str(file), "--db", str(other), "--json").out)
    assert (again["sessions"], again["new"]) == (3, 0)
    assert first == [whole(cli, other, one) for one in (FAILED, DONE, OPEN)]
    compared = ("init_timestamp", "end_timestamp", "end_state", "end_state_reason", "tags", "statistics")
    for mine, imported in zip((FAILED, DONE, OPEN), first, strict=True):
        original = whole(cli, db, mine)
        assert [original[key] for key in compared] == [imported[key] for key in compared]


def test_a_session_in_agentops_form_is_imported(cli: Cli, db: Path, tmp_path: Path) -> None:
    """As `sessions export` writes it by default: what counts, without what repeats it."""
    file, other = tmp_path / "session.json", tmp_path / "other.db"
    cli("sessions", "export", FAILED, "-o", str(file))
    assert cli("import", str(file), "--db", str(other)).out == "Imported 1 session: 8 new events.\n"
    assert whole(cli, db, FAILED)["statistics"] == whole(cli, other, FAILED)["statistics"]


def test_lines_can_be_imported_from_stdin(cli: Cli, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that stores can be joined by a pipe; events are the same to the last field."""
    lines = cli("export", "--tag", "quickstart").out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    other = tmp_path / "other.db"
    assert cli("import", "-", "--db", str(other), "--project", "shop").code == 0
    shown = json.loads(cli("sessions", "show", FAILED, "--json", "--db", str(other), "--project", "shop").out)
    assert whole(cli, db, FAILED)["events"] == shown["events"]


def test_export_wants_to_know_which(cli: Cli, db: Path) -> None:
    """Nobody writes gigabytes by a slip."""
    ran = cli("export")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: say which sessions: --all, --tag or --since; see `agentops-otel export --help`\n"


def test_export_as_agentops_is_a_line_for_each_session(cli: Cli, db: Path) -> None:
    """The newest first."""
    lines = cli("export", "--all", "--format", "agentops").out.splitlines()
    assert [json.loads(line)["session"]["id"] for line in lines] == [OPEN, DONE, FAILED]


def test_export_of_nothing_is_empty(cli: Cli, home: Path) -> None:
    """No store, no lines, no error, and no store afterwards."""
    assert cli("export", "--all").code == 0
    assert not home.exists()


@pytest.mark.parametrize("content", ["{", "\n[1]", '{"a": 1}', '{"event_type": "poems"}'])
def test_a_file_of_something_else_is_refused(cli: Cli, tmp_path: Path, content: str) -> None:
    """One line that names the file."""
    file = tmp_path / "notes.txt"
    file.write_text(content)
    ran = cli("import", str(file))
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"error: {file}, line ")


def test_a_file_that_is_not_there_is_named(cli: Cli, tmp_path: Path) -> None:
    """As every other error."""
    file = tmp_path / "none.jsonl"
    assert cli("import", str(file)) == (1, "", f"error: {file}: No such file or directory\n")
