"""docs/cli.md names what there is, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from agentops_otel.cli import app

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(app.app, "agentops-otel"))


def test_every_command_has_a_row_and_every_row_is_a_command() -> None:
    """The table of commands is the tree of commands."""
    rows = re.findall(r"^\| `(agentops-otel [a-z ]+?)(?: [A-Z.…]+|-- .*)*` \|", DOCS.read_text("utf-8"), re.M)
    assert sorted(COMMANDS) == sorted(rows)


def test_every_option_is_named() -> None:
    """Each by its long form."""
    text = DOCS.read_text("utf-8")
    options = {
        max(parameter.opts, key=len)
        for command in COMMANDS.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    assert sorted(one for one in options if f"`{one}" not in text and f"{one} " not in text) == []


def test_every_exit_code_is_named() -> None:
    """As the constants of the module have them."""
    codes = (app.OK, app.PROBLEM, app.USAGE, app.NO_SESSION, app.STORE_FAILED, app.INTERRUPTED)
    assert [str(code) for code in codes] == re.findall(r"^\| (\d+) \|", DOCS.read_text("utf-8"), re.M)
