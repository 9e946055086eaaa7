"""`agentops-otel store prune`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import DONE, FAILED, OPEN, Cli


def ids(cli: Cli) -> list[str]:
    return [one["session_id"] for one in json.loads(cli("sessions", "list", "--json").out)]


def test_prune_removes_what_is_too_old(cli: Cli, db: Path) -> None:
    """All sessions of the fixture are old; those with a tag to keep stay, by option or by the environment."""
    ran = cli("store", "prune", "--max-age", "1s", "--keep-tag", "quickstart", "--yes", "--json")
    assert (ran.code, json.loads(ran.out)["deleted"], ids(cli)) == (0, 2, [FAILED])


def test_prune_takes_its_limits_from_the_environment(cli: Cli, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the server does."""
    monkeypatch.setenv("AGENTOPS_MAX_AGE", "1s")
    monkeypatch.setenv("AGENTOPS_KEEP_TAGS", "demo gold")
    ran = cli("store", "prune", "--yes")
    assert ran.out.startswith("Removed 1 sessions; the store holds ")
    assert ids(cli) == [DONE, FAILED]


def test_prune_by_size(cli: Cli, db: Path) -> None:
    """No store is smaller than its empty tables."""
    assert cli("store", "prune", "--max-size", "5GB", "--yes").code == 0
    assert ids(cli) == [OPEN, DONE, FAILED]
    assert cli("store", "prune", "--max-size", "1", "--yes").code == 0
    assert ids(cli) == []


def test_prune_asks_first(cli: Cli, db: Path) -> None:
    """And is not told by a pipe."""
    ran = cli("store", "prune", "--max-age", "1s")
    assert (ran.code, "add --yes" in ran.err, len(ids(cli))) == (2, True, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say what to remove: --max-age or --max-size"),
        (["--max-age", "soon"], "'soon' is no age; say 12h, 30d or 8w"),
        (["--max-size", "5 apples"], "'5 apples' is no size; say 500MB or 5GB"),
    ],
)
def test_prune_says_what_it_did_not_understand(cli: Cli, db: Path, options: list[str], message: str) -> None:
    """Nothing is removed."""
    ran = cli("store", "prune", "--yes", *options)
    assert (ran.code, len(ids(cli))) == (2, 3)
    assert message in ran.err


def test_prune_of_no_store(cli: Cli, home: Path) -> None:
    """Makes none."""
    assert cli("store", "prune", "--max-age", "1d", "--yes").code == 0
    assert not home.exists()


def test_index_makes_searches_ready(cli: Cli, db: Path) -> None:
    """Found before, with it, and after it is removed."""

    def found() -> list[str]:
        ran = cli("sessions", "list", "--text", "no-such-model", "--json")
        return [one["session_id"] for one in json.loads(ran.out)]

    before = found()
    assert cli("store", "index").out == "The index has all texts.\n"
    assert (cli("store", "index").out, found()) == ("The index has all texts.\n", before)
    assert (cli("store", "index", "--drop").out, found()) == ("Removed the index.\n", before)
    assert before == [FAILED]


def test_compact_says_what_it_won(cli: Cli, db: Path) -> None:
    """And changes nothing that can be seen."""
    before = cli("sessions", "show", FAILED, "--json").out
    assert cli("store", "compact").out.startswith("The store holds 0.")
    assert cli("sessions", "show", FAILED, "--json").out == before
