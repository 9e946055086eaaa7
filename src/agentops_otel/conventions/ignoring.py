"""Which spans are left out before anything is made of them: those of unrelated scopes, by the user's own patterns.

A pattern is a scope name (`opentelemetry.instrumentation.redis`, `sqlalchemy*`) or an attribute and its value
(`url.path=/health*`); `*`, `?` and `[]` mean what they mean in a shell. Without patterns nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate

from agentops_otel.conventions import is_agent_span
from agentops_otel.conventions.dialects import session_named_by
from agentops_otel.conventions.markers import SPAN_KIND
from agentops_otel.spans import FlatSpan

Matches = Callable[[FlatSpan], bool]


class Ignored:
    """Leaves out the spans that match a pattern.

    What is inside a session stays unless `in_sessions`: every span of a trace that names a session, or in which a span
    speaks a vocabulary about agents, as far as the batch tells. The root of a session and its markers always stay.
    """

    def __init__(self, patterns: Iterable[str] = (), *, in_sessions: bool = False) -> None:
        self._matchers = tuple(map(_matcher, patterns))
        self._in_sessions = in_sessions

    def kept(self, spans: Sequence[FlatSpan]) -> Sequence[FlatSpan]:
        """The spans that stay, in their order."""
        if not self._matchers:
            return spans
        inside = set() if self._in_sessions else {span.trace_id for span in spans if _speaks_of_agents(span)}
        return [span for span in spans if span.trace_id in inside or not self._hits(span)]

    def _hits(self, span: FlatSpan) -> bool:
        return SPAN_KIND not in span.attributes and any(matches(span) for matches in self._matchers)


def _speaks_of_agents(span: FlatSpan) -> bool:
    named = span.session_id or session_named_by(span.attributes)
    return named is not None or is_agent_span(span.attributes)


def _matcher(pattern: str) -> Matches:
    name, is_attribute, wanted = pattern.partition("=")
    if not is_attribute:
        scope = re.compile(translate(name))
        return lambda span: scope.match(span.scope_name) is not None
    value = re.compile(translate(wanted))
    return lambda span: name in span.attributes and value.match(str(span.attributes[name])) is not None
