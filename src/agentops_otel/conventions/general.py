"""The general conventions of OpenTelemetry that every kind of span may carry: `session.id`.

Source: semantic conventions 1.37, docs/general/session.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import rules, session_id, take
from agentops_otel.spans import FlatSpan

SESSION_ID = "session.id"

SESSION = rules(("session_id", session_id, (SESSION_ID,)))


@dataclass(frozen=True)
class GeneralDialect:
    """Says only which session a span belongs to."""

    name: str = "general"
    roots: frozenset[str] = frozenset({"session"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans with a session id."""
        return SESSION_ID in span.attributes

    def read(self, span: FlatSpan) -> Reading:
        """The session id."""
        reading = Reading()
        take(span.attributes, SESSION, reading)
        return reading
