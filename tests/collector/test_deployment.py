"""The Docker Compose file and the systemd units say what the command and the collector's files understand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from agentops_otel.cli.app import app

CONFIGS = Path(__file__).parents[2] / "collector-config"
FILES = ["compose.yaml", "agentops-otel.service"]


def commands(text: str) -> list[list[str]]:
    """The arguments of every `agentops-otel` that is run."""
    return [shlex.split(found) for found in re.findall(r"agentops-otel ((?:serve|keys)[^\"'&\n]*)", text)]


@pytest.mark.parametrize("name", FILES)
def test_every_command_parses(name: str) -> None:
    """Each subcommand exists and knows its options."""
    found = commands((CONFIGS / name).read_text())
    for arguments in found:
        command, left = app, arguments
        while isinstance(command, click.Group):
            _, command, left = command.resolve_command(click.Context(command), left)
        command.make_context(command.name, left)

    assert found


def test_compose_gives_the_collector_what_its_file_reads() -> None:
    """The file that is mounted exists, and every variable that is set is one it reads."""
    compose = (CONFIGS / "compose.yaml").read_text()
    (mounted,) = re.findall(r"\./([\w-]+\.yaml):", compose)
    environment = re.search(r"environment:\n((?: {6}\w+:.*\n)+)", compose)
    assert environment is not None
    given = set(re.findall(r"^ {6}(\w+):", environment[1], re.MULTILINE))

    assert given <= set(re.findall(r"\$\{env:(\w+)", (CONFIGS / mounted).read_text()))
