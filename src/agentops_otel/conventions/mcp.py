"""Model Context Protocol: requests of clients and servers. `tools/call` is a tool call, other methods are API calls.

The client's span does not say that a tool answered with an error; the server's does.
Source: mcp 2.3, shared/session.py; semantic conventions 1.38, docs/gen-ai/mcp.md; spans of 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.exceptions import ERROR_TYPE
from agentops_otel.conventions.genai import TOOL
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import label, rules, take, whole_text
from agentops_otel.spans import FlatSpan

METHOD = "mcp.method.name"
TOOL_CALL = "tools/call"
REQUEST = rules(
    ("target", label, ("mcp.resource.uri", "gen_ai.prompt.name")),
    ("status", whole_text, ("rpc.response.status_code",)),
)


@dataclass(frozen=True)
class McpDialect:
    """Reads by the method."""

    name: str = "mcp"
    roots: frozenset[str] = frozenset({"mcp"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a method."""
        return METHOD in span.attributes

    def read(self, span: FlatSpan) -> Reading:
        """A tool call with what it was given and gave, another request by its method; `error.type` tells of failure."""
        reading = Reading(consumed={METHOD: "method"})
        method = label(span.attributes.get(METHOD))
        reading.failed = True if label(span.attributes.get(ERROR_TYPE)) is not None else None
        if method == TOOL_CALL:
            reading.kind = "tools"
            reading.consumed[METHOD] = "kind"
            reading.name = label(span.name.partition(TOOL_CALL)[2].strip())
            take(span.attributes, TOOL, reading)
            return reading
        reading.kind, reading.method = "apis", method
        take(span.attributes, REQUEST, reading)
        return reading
