"""Dialects: the only place where an attribute name is spelt. One file per vocabulary.

A dialect says whether it recognises a span and what it can read of it. `translate` asks every dialect that matches and
takes each field from the first that answers it, because real spans mix vocabularies.

Nothing is imported here: the span processor asks `is_agent_span` on the program's own threads, the dialects are for the
exporter's.
"""

from __future__ import annotations

from collections.abc import Iterable

AGENT_PREFIXES = (
    "gen_ai.",
    "agentops.",
    "openinference.",
    "llm.",
    "traceloop.",
    "ai.",
    "langfuse.",
    "langsmith.",
    "mlflow.",
    "mcp.",
    "pydantic_ai.",
    "gcp.vertex.agent.",
    "haystack.",
)
"""First words of the attribute names of every vocabulary about agents and models."""


def is_agent_span(attributes: Iterable[str]) -> bool:
    """Whether any of the attribute names belongs to a vocabulary about agents and models."""
    return any(name.startswith(AGENT_PREFIXES) for name in attributes)
