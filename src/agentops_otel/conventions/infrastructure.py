"""Infrastructure by the general semantic conventions: HTTP, databases, RPC, messaging.

Asked last: a span that any other vocabulary understands is not only infrastructure.
Source: semantic conventions 1.37 and the names of 1.20, docs/{http,database,rpc,messaging}.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import Rules, label, rules, take, whole_text
from agentops_otel.spans import FlatSpan

HTTP = rules(
    ("method", label, ("http.request.method", "http.method")),
    ("target", label, ("url.full", "http.url", "http.route", "url.path", "http.target")),
    ("status", whole_text, ("http.response.status_code", "http.status_code")),
)
DATABASE = rules(
    ("method", label, ("db.operation.name", "db.operation", "db.system.name", "db.system")),
    ("target", label, ("db.query.text", "db.statement", "db.collection.name", "db.namespace", "db.name")),
    ("status", whole_text, ("db.response.status_code",)),
)
RPC = rules(
    ("method", label, ("rpc.method",)),
    ("target", label, ("rpc.service",)),
    ("status", whole_text, ("rpc.response.status_code", "rpc.grpc.status_code")),
)
MESSAGING = rules(
    ("method", label, ("messaging.operation.name", "messaging.operation.type", "messaging.operation")),
    ("target", label, ("messaging.destination.name",)),
)
FAMILIES: tuple[tuple[tuple[str, ...], Rules], ...] = (
    (("db.system.name", "db.system"), DATABASE),
    (("messaging.system",), MESSAGING),
    (("rpc.system.name", "rpc.system"), RPC),
    (("http.request.method", "http.method"), HTTP),
)
"""What makes a span one of each family, and how that is read."""


@dataclass(frozen=True)
class InfrastructureDialect:
    """Says that a span is an API call, and of what."""

    name: str = "infrastructure"
    roots: frozenset[str] = frozenset({"http", "db", "rpc", "messaging"})

    def matches(self, span: FlatSpan) -> bool:
        """Spans of a known family."""
        return any(name in span.attributes for names, _ in FAMILIES for name in names)

    def read(self, span: FlatSpan) -> Reading:
        """Method, target and status, by the first family that fits."""
        reading = Reading(kind="apis")
        for names, table in FAMILIES:
            if any(name in span.attributes for name in names):
                take(span.attributes, table, reading)
                break
        return reading
