"""AgentOpsSpanExporter: finished spans in, session and event records out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentops_otel import host
from agentops_otel import settings as options
from agentops_otel.budget import budgets
from agentops_otel.errors import (
    ConfigurationError,
    StoreCorruptError,
    StoreError,
    StoreReadOnlyError,
    StoreVersionError,
)
from agentops_otel.guard import strict, warn_once
from agentops_otel.identity import DELIVERED
from agentops_otel.privacy import Policy
from agentops_otel.settings import Settings
from agentops_otel.store import forks as forks  # sets the hooks, before the first export opens a store

if TYPE_CHECKING:
    from pathlib import Path

    from agentops_otel.conventions.ignoring import Ignored
    from agentops_otel.facts import Fact
    from agentops_otel.pricing import Pricer
    from agentops_otel.records import LLMCall, Session, Spent
    from agentops_otel.sinks.base import Sink
    from agentops_otel.spans import FlatSpan


_UNUSABLE = StoreCorruptError, StoreReadOnlyError, StoreVersionError
"""A store that another try does not mend."""


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
        self._may_add_up = sink is None
        """Until the embedded store has taken something."""
        self._pricer: Pricer | None = None
        self._ignored: Ignored | None = None
        self._policy = Policy.of(self._settings)
        self.file: Path | None = None
        """The file of the embedded store, where that is the sink."""
        if sink is None:
            with suppress(StoreReadOnlyError):  # told when it is to be written
                self.file = self._settings.db_path()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Translate and deliver; FAILURE if the sink did not take them, so that a caller may try again.

        Spans that reach this exporter by a shorter way, too (`DirectOutbox`), are left out.
        """
        left = [span for span in spans if not hasattr(span, DELIVERED)]
        return self.deliver(left) if left else SpanExportResult.SUCCESS

    def deliver(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """`export`, of all of them."""
        try:
            facts = self.facts(spans)
            try:
                self.open().append(facts)
            except _UNUSABLE as error:
                if not self._may_add_up:
                    raise
                self._only_add_up(error).append(facts)
            self._may_add_up = False
        except Exception as error:
            if strict():
                raise
            warn_once(f"could not record spans: {error}", exc_info=error)
            return SpanExportResult.FAILURE
        if budgets:
            budgets.stored(spans, self)
        return SpanExportResult.SUCCESS

    def _only_add_up(self, error: StoreError) -> Sink:
        """A sink that knows what sessions cost, in the place of an embedded store that cannot even be opened."""
        from agentops_otel.sinks.tally import TallySink

        warn_once(f"{error}. Until then sessions are not kept, only what they cost is added up")
        self._sink, self.file = TallySink(), None
        return self._sink

    def facts(self, spans: Sequence[ReadableSpan]) -> list[Fact]:
        """What the spans say."""
        from agentops_otel.capture import facts_as
        from agentops_otel.conventions.belonging import belonging
        from agentops_otel.spans import from_sdk
        from agentops_otel.translate import translate

        kept = self._kept(belonging(map(from_sdk, spans)))
        return facts_as(self._policy, [fact for span in kept for fact in translate(span, price=self._priced)])

    def _kept(self, spans: Sequence[FlatSpan]) -> Sequence[FlatSpan]:
        """The spans that the user did not ask to leave out."""
        settings = self._settings
        if not settings.ignore_spans:
            return spans
        if self._ignored is None:
            from agentops_otel.conventions.ignoring import Ignored

            self._ignored = Ignored(settings.ignore_spans, in_sessions=settings.ignore_in_sessions)
        return self._ignored.kept(spans)

    def _priced(self, call: LLMCall) -> LLMCall:
        """The call with its price. What prices is imported for the first one."""
        return self._pricing().priced(call)

    def _pricing(self) -> Pricer:
        """The user's table and genai-prices; a table that cannot be read is told once and left out."""
        if self._pricer is None:
            from agentops_otel.pricing import Pricer, PriceTable

            own = None
            try:
                own = PriceTable.load(self._settings.prices) if self._settings.prices else None
            except ConfigurationError as error:
                warn_once(f"{error}; calls are priced without it")
            self._pricer = Pricer(own)
        return self._pricer

    def open(self) -> Sink:
        """The sink, by default the embedded store; nothing is read or made before it is used."""
        if self._sink is None:
            from agentops_otel.sinks.store import StoreSink
            from agentops_otel.store import open_store

            self._sink = StoreSink(open_store(self._settings.db_path(), liveness=host.liveness))
        return self._sink

    def session(self, session_id: str) -> Session | None:
        """What all processes together have recorded of a session; None where the sink cannot be asked."""
        read = getattr(self._sink, "session", None)
        return read(session_id) if read is not None else None

    def spent(self, session_id: str) -> Spent | None:
        """What all processes have stored of the cost of a session, as appended; None where the sink cannot tell."""
        read = getattr(self._sink, "spent", None)
        try:
            return read(session_id) if read is not None else None
        except StoreError as error:
            warn_once(f"what session {session_id} has cost cannot be read: {error}")
            return None

    def spent_exactly(self, session_id: str) -> Spent | None:
        """The same without the events that repeat others; reads them where that has not been found out yet."""
        if self.spent(session_id) is None:
            return None
        from agentops_otel.records import Spent

        found = self.session(session_id)
        return found.statistics.spent if found is not None else Spent()

    def spent_by(self, span: ReadableSpan) -> Spent:
        """What one finished span cost."""
        from agentops_otel.facts import EventFact
        from agentops_otel.records import Statistics, total

        return total(Statistics.of(fact.event) for fact in self.facts([span]) if isinstance(fact, EventFact)).spent

    def has_price(self, provider: str, model: str | None) -> bool:
        """Whether a call of that model that is made now has a price."""
        return self._pricing().quote(provider, model, time.time_ns()) is not None

    def stores_with(self, other: object) -> bool:
        """Whether what the other exporter has stored is read here."""
        return other is self or (isinstance(other, AgentOpsSpanExporter) and self.file == other.file is not None)

    def shutdown(self) -> None:
        """Close the sink; what was exported is durable already, in its store or its spool."""
        if self._sink is not None:
            self._sink.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Let the sink deliver what it took."""
        return self._sink is None or self._sink.flush(timeout_millis / 1000)
