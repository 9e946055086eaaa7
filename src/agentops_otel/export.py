"""AgentOpsSpanExporter: finished spans in, session and event records out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentops_otel import host
from agentops_otel import settings as options
from agentops_otel.errors import ConfigurationError
from agentops_otel.guard import strict, warn_once
from agentops_otel.settings import Settings
from agentops_otel.store import forks as forks  # sets the hooks, before the first export opens a store

if TYPE_CHECKING:
    from agentops_otel.facts import Fact
    from agentops_otel.pricing import Pricer
    from agentops_otel.records import LLMCall, Session
    from agentops_otel.sinks.base import Sink


class AgentOpsSpanExporter(SpanExporter):
    """Turns spans into records and hands them to a sink, by default the embedded store.

    Works in any OpenTelemetry span processor. Constructing it does no I/O; the sink is opened by the first `export`.
    Options are those of docs/configuration.md as keywords (`AgentOpsSpanExporter(db="/var/lib/agents.db")`), so that a
    declarative configuration file can give them; what is not given comes from the environment. What translates, prices
    and stores is imported by the first `export`, on its thread.
    """

    def __init__(self, sink: Sink | None = None, *, settings: Settings | None = None, **given: Any) -> None:
        self._settings = (settings or options.from_environment()).replace(**given)
        self._sink = sink
        self._pricer: Pricer | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Translate and deliver; FAILURE if the sink did not take them, so that a caller may try again."""
        try:
            self._open().append(self.facts(spans))
        except Exception as error:
            if strict():
                raise
            warn_once(f"could not record {len(spans)} spans: {error}", exc_info=error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def facts(self, spans: Sequence[ReadableSpan]) -> list[Fact]:
        """What the spans say."""
        from agentops_otel.capture import facts_without_content
        from agentops_otel.conventions.belonging import belonging
        from agentops_otel.spans import from_sdk
        from agentops_otel.translate import translate

        price = self._priced()
        facts = [fact for span in belonging(map(from_sdk, spans)) for fact in translate(span, price=price)]
        return facts if self._settings.capture_content != "none" else facts_without_content(facts)

    def _priced(self) -> Callable[[LLMCall], LLMCall]:
        """Prices by the user's table and genai-prices; a table that cannot be read is told once and left out."""
        if self._pricer is None:
            from agentops_otel.pricing import Pricer, PriceTable

            own = None
            try:
                own = PriceTable.load(self._settings.prices) if self._settings.prices else None
            except ConfigurationError as error:
                warn_once(f"{error}; calls are priced without it")
            self._pricer = Pricer(own)
        return self._pricer.priced

    def _open(self) -> Sink:
        if self._sink is None:
            from agentops_otel.sinks.store import StoreSink
            from agentops_otel.store import open_store

            self._sink = StoreSink(open_store(self._settings.db_path(), liveness=host.liveness))
        return self._sink

    def session(self, session_id: str) -> Session | None:
        """What all processes together have recorded of a session; None where the sink cannot be asked."""
        read = getattr(self._sink, "session", None)
        return read(session_id) if read is not None else None

    def shutdown(self) -> None:
        """Close the sink; what was exported is durable already, in its store or its spool."""
        if self._sink is not None:
            self._sink.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Let the sink deliver what it took."""
        return self._sink is None or self._sink.flush(timeout_millis / 1000)
