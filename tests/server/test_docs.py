"""docs/server.md names every route."""

from __future__ import annotations

from pathlib import Path

from .running import Running

TEXT = (Path(__file__).parents[2] / "docs" / "server.md").read_text()


def test_every_route_is_in_the_documentation(bridge: Running) -> None:
    """What OpenAPI lists, a reader finds."""
    paths = bridge.get("/openapi.json")["paths"]

    assert [path for path in paths if path not in TEXT] == []
