"""Model Context Protocol: requests of clients and servers. `tools/call` is a tool call, other methods are API calls.

The client's span does not say that a tool answered with an error; the server's does.
Source: mcp 2.3, shared/session.py; semantic conventions 1.38, docs/gen-ai/mcp.md; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import label
from agentops_otel.spans import FlatSpan

METHOD = "mcp.method.name"
TOOL_CALL = "tools/call"


@dataclass(frozen=True)
class McpDialect:
    """Reads by the method."""

    name: str = "mcp"
    roots: frozenset[str] = frozenset({"mcp"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a method."""
        return METHOD in span.attributes

    def read(self, span: FlatSpan) -> Reading:
        """A tool call by its name, another request by its method."""
        reading = Reading(consumed={METHOD: "method"})
        method = label(span.attributes.get(METHOD))
        if method == TOOL_CALL:
            reading.kind = "tools"
            reading.consumed[METHOD] = "kind"
            called = span.name.partition(TOOL_CALL)[2].strip()
            reading.name = label(called)
            return reading
        reading.kind, reading.method = "apis", method
        uri = label(span.attributes.get("mcp.resource.uri"))
        if uri is not None:
            reading.target = uri
            reading.consumed["mcp.resource.uri"] = "target"
        return reading
