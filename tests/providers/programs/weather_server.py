"""An MCP server over stdio, as its documentation shows one."""

from __future__ import annotations

from typing import Any

try:
    from mcp.server import MCPServer as Server
except ImportError:  # mcp 1
    from mcp.server.fastmcp import FastMCP as Server  # type: ignore[no-redef]

server: Any = Server("weather")


@server.tool()
def weather(city: str) -> str:
    """What the sky looks like."""
    if city == "Atlantis":
        raise ValueError("no such city")
    return f"sunny in {city}"


@server.tool()
def picture(size: int) -> Any:
    """A picture of so many bytes, and what it shows."""
    from mcp.types import ImageContent, TextContent

    image = {"type": "image", "data": "A" * size, "mimeType": "image/png"}
    return [TextContent(type="text", text="the sky"), ImageContent.model_validate(image)]


if __name__ == "__main__":
    server.run()
