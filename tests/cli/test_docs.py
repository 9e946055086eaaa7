"""docs/cli.md names what there is, and every command line that is written anywhere can be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agentops_otel.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "cli.md"


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
    assert sorted(COMMANDS) == sorted(row.strip() for row in rows)


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


def written() -> Iterator[str]:
    """Command lines in documents, in examples, and in what our own messages tell people to do.

    "agentops-otel serves http://..." is what the server prints.
    """
    files = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("collector-config/**/*"), *ROOT.glob("examples/*")]
    files += [*ROOT.glob("src/agentops_otel/**/*.py")]
    for file in files:
        if file.is_file():
            text = file.read_text("utf-8", errors="replace")
            yield from re.findall(r"`(agentops-otel [a-z][^`\n{]*)`", text)
            yield from re.findall(r"^ *(?:\$ )?(agentops-otel (?!serves )[a-z][^#\n`{]*)", text, re.M)


@pytest.mark.parametrize("line", sorted(set(written())))
def test_a_command_line_that_is_written_somewhere_is_understood(line: str) -> None:
    """Its commands and options exist."""
    words = re.sub(r"[\[\]\"']", "", line.partition("|")[0]).split()[1:]
    command: click.Command = app.app
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no {words[0]!r} in {line!r}"
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "--"}
    named = {word.partition("=")[0] for word in words[: words.index("--") if "--" in words else None]}
    assert {name for name in named if name.startswith("-") and name != "-"} <= known
