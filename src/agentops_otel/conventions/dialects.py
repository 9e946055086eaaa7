"""The list of dialects, in the order in which they are believed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from agentops_otel.conventions.adk import AdkDialect
from agentops_otel.conventions.agentops import AgentOpsDialect
from agentops_otel.conventions.agentops_v4 import AgentOpsV4Dialect
from agentops_otel.conventions.coding_agents import CodingAgentsDialect
from agentops_otel.conventions.genai import GenAIDialect
from agentops_otel.conventions.genai_events import GenAIEventsDialect
from agentops_otel.conventions.general import GeneralDialect
from agentops_otel.conventions.haystack import HaystackDialect
from agentops_otel.conventions.indexed import IndexedDialect
from agentops_otel.conventions.infrastructure import InfrastructureDialect
from agentops_otel.conventions.langfuse import LangfuseDialect
from agentops_otel.conventions.langsmith import LangSmithDialect
from agentops_otel.conventions.litellm import LiteLLMDialect
from agentops_otel.conventions.logfire import LogfireDialect
from agentops_otel.conventions.markers import SESSION_ID
from agentops_otel.conventions.mcp import McpDialect
from agentops_otel.conventions.mlflow import MlflowDialect
from agentops_otel.conventions.openinference import OpenInferenceDialect
from agentops_otel.conventions.reading import Dialect
from agentops_otel.conventions.traceloop import TraceloopDialect
from agentops_otel.conventions.vercel import VercelDialect
from agentops_otel.conventions.wire import Reader, Rules, by_shape, text
from agentops_otel.spans import AnyValue, FlatSpan

DIALECTS: tuple[Dialect, ...] = (
    AgentOpsDialect(),
    GeneralDialect(),
    OpenInferenceDialect(),
    LangfuseDialect(),
    MlflowDialect(),
    LangSmithDialect(),
    AgentOpsV4Dialect(),
    VercelDialect(),
    AdkDialect(),
    LogfireDialect(),
    LiteLLMDialect(),
    TraceloopDialect(),
    GenAIEventsDialect(),
    GenAIDialect(),
    IndexedDialect(),
    McpDialect(),
    HaystackDialect(),
    CodingAgentsDialect(),
    InfrastructureDialect(),
)
"""Every vocabulary that is read. Of those that answer a field the first wins; real spans mix them."""


def dialects_of(span: FlatSpan) -> list[Dialect]:
    """The dialects that recognise the span, the most believed first."""
    return [dialect for dialect in _speakers(span.attributes) if dialect.matches(span)]


@by_shape
def _speakers(names: tuple[str, ...]) -> tuple[Dialect, ...]:
    """Those that some attribute name may belong to."""
    roots = {name.partition(".")[0] for name in names}
    return tuple(dialect for dialect in DIALECTS if not dialect.roots or dialect.roots & roots)


def session_named_by(attributes: Mapping[str, AnyValue]) -> str | None:
    """The session that attributes name in any vocabulary, the most believed first; None where they name none."""
    for name, read in _session_names_in(attributes):
        session_id = read(attributes[name])
        if session_id is not None:
            return str(session_id)
    return None


@by_shape
def _session_names_in(names: tuple[str, ...]) -> tuple[tuple[str, Reader], ...]:
    return tuple((name, read) for name, read in _SESSION_NAMES if name in names)


def _names_of(field: str) -> Iterator[tuple[str, Reader]]:
    """The attributes that hold a field in any vocabulary, and their readers, the most believed first."""
    for dialect in DIALECTS:
        for table in vars(sys.modules[type(dialect).__module__]).values():
            if isinstance(table, Rules):
                yield from ((name, read) for name, target, read in table.flat if target == field)


_SESSION_NAMES: tuple[tuple[str, Reader], ...] = ((SESSION_ID, text), *_names_of("session_id"))
REASON_NAMES = frozenset(name for name, _ in _names_of("finish_reasons"))
"""The attributes that tell why an answer ended."""
