"""The documentation is complete: every room is named in the map of the house."""

from __future__ import annotations

import re
from pathlib import Path

import agentops_otel

REPOSITORY = Path(__file__).parent.parent
PACKAGE = Path(agentops_otel.__file__).parent


def test_the_map_of_the_house_names_every_room_and_no_other() -> None:
    """docs/architecture.md and the package have the same rooms."""
    rooms = {f"{path.name}/" if path.is_dir() else path.name for path in PACKAGE.iterdir()}
    rooms -= {"__init__.py", "_version.py", "py.typed", "__pycache__/"}
    table = (REPOSITORY / "docs/architecture.md").read_text().split("## Rooms")[1].split("\n## ")[0]
    named = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+(?:\.py|/))`", row.split("|")[1] if "|" in row else "")
    }
    assert rooms == named


def test_links_of_the_readme_lead_somewhere() -> None:
    """Every relative link in README.md is a file or a folder of the repository."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (REPOSITORY / "README.md").read_text())
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
