"""Model Context Protocol: tools that a client calls, and tools that an MCPServer carries out.

mcp 2 writes spans of its own for every request, without arguments and results; `dedupe` finds that they, the client's
and the server's are one tool call. Servers of mcp 1 are left alone: nothing there says which client's call they answer.
Source: mcp 1.24 to 2.3, client/session.py and server/mcpserver/tools/tool_manager.py.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.instruments.spec import Provider, ToolOutcome, ToolRun
from agentops_otel.paths import at


def answered(result: Any) -> ToolOutcome:
    """Of a CallToolResult: its structure, else its text; a message of all blocks where not all are text."""
    blocks = [_block(block) for block in at(result, "content") or ()]
    texts = [block["content"] for block in blocks if block["type"] == "text"]
    text, structured = "\n".join(texts), _either(result, "structured_content", "structuredContent")
    value = text if structured is None else structured
    if len(texts) < len(blocks):
        value = [{"role": "tool", "parts": blocks}]
    return ToolOutcome(value, text if _either(result, "is_error", "isError") else None)


def given_back(result: Any) -> ToolOutcome:
    """Of what a tool of a server gave: a CallToolResult, blocks and structure, or whatever the function returned."""
    if at(result, "content") is not None:
        return answered(result)
    match result:
        case [[*blocks], dict() as structured]:
            return answered({"content": blocks, "structuredContent": structured})
        case [*blocks] if blocks and all(at(block, "type") is not None for block in blocks):
            return answered({"content": blocks})
    return ToolOutcome(result)


def _either(result: Any, new: str, old: str) -> Any:
    """A field by its name since 2.0, or before."""
    found = at(result, new)
    return at(result, old) if found is None else found


def _block(block: Any) -> dict[str, Any]:
    """A block of content as a part of a message."""
    kind = at(block, "type")
    if kind == "text":
        return {"type": "text", "content": at(block, "text") or ""}
    if kind in ("image", "audio"):
        mime_type = _either(block, "mime_type", "mimeType")
        return {"type": "blob", "mime_type": mime_type, "modality": kind, "content": at(block, "data")}
    return {"type": str(kind), "uri": str(at(block, "uri") or at(block, "resource.uri"))}


PROVIDER = Provider(
    name="mcp",
    distribution="mcp",
    tested=">=1.24",
    tools=[
        ToolRun("mcp.client.session", "ClientSession.call_tool", answered),
        ToolRun("mcp.server.mcpserver.tools.tool_manager", "ToolManager.call_tool", given_back),
    ],
)
