"""AgentOpsSpanProcessor: stamps every span with its session when it starts, and hands it on when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from agentops_otel import context as sessions
from agentops_otel.budget import budgets
from agentops_otel.conventions import is_agent_span
from agentops_otel.conventions import markers as names
from agentops_otel.guard import quietly, warn_once
from agentops_otel.identity import DELIVERED, STAMP
from agentops_otel.outbox import Outbox, Refused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExportResult

    from agentops_otel.export import AgentOpsSpanExporter

MOST_OPEN_SPANS = 100_000
"""Spans that were started and not ended are remembered up to this many; the oldest are forgotten first."""


class Exports(Protocol):
    """What an outbox needs of a `SpanExporter`, and every one has."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult: ...
    def force_flush(self, timeout_millis: int) -> bool: ...
    def shutdown(self) -> None: ...


class SpanOutbox:
    """Exports finished spans through a stock `SpanExporter`, on a thread of its own, and counts what it had to drop.

    The exporter is made on that thread, too, for the first spans: the program does not wait for what it imports.
    """

    def __init__(self, make: Callable[[], Exports], *, capacity: int, delay_s: float) -> None:
        self._make = make
        self.exporter: Exports | None = None
        self.dropped: dict[str, int] = {}
        self._box: Outbox[ReadableSpan] = Outbox(
            self._export, capacity=capacity, delay_s=delay_s, dropped=self._count, name="agentops-export"
        )
        self.put = self._box.put

    def flush(self, timeout_s: float) -> bool:
        """Export all that is queued; False if that took longer or failed."""
        deadline = time.monotonic() + timeout_s
        return self._box.flush(timeout_s) and self._delivered(deadline)

    def taken(self, timeout_s: float) -> bool:
        """Wait until the exporter has taken what is queued: it is on disk then, or counted. False if not in time."""
        return self._box.flush(timeout_s)

    def close(self, timeout_s: float, disk_s: float = 0.0) -> bool:
        """Export what is queued, then shut the exporter down; False if something was left.

        What is queued is exported until `disk_s` at least: our exporters write to disk, and deliver from there until
        `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        flushed = self._box.close(max(disk_s, timeout_s))
        if flushed:
            self._delivered(deadline)
            if self.exporter is not None:
                self.exporter.shutdown()
        return flushed

    def _delivered(self, deadline: float) -> bool:
        """Let the exporter deliver what it took, until the deadline."""
        left_ms = max(0, int((deadline - time.monotonic()) * 1000))
        return self.exporter is None or self.exporter.force_flush(left_ms)

    def _export(self, batch: list[ReadableSpan]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        if self.exporter is None:
            self.exporter = self._make()
        if self.exporter.export(batch) is not SpanExportResult.SUCCESS:
            raise Refused(f"{type(self.exporter).__name__} refused {len(batch)} spans")

    def _count(self, span: ReadableSpan) -> None:
        key = getattr(span, STAMP, "") or ""
        self.dropped[key] = self.dropped.get(key, 0) + 1
        warn_once("spans are lost: their exporter fails or cannot keep up; `agentops-otel doctor` tells how many")


class DirectOutbox(SpanOutbox):
    """Feeds the exporter of ours that is in the host's pipeline, which may keep spans for seconds, without the wait.

    What it takes is marked, and the exporter leaves it out when the pipeline brings it. The exporter stays the host's:
    its pipeline shuts it down.
    """

    def __init__(self, exporter: AgentOpsSpanExporter, *, capacity: int, delay_s: float) -> None:
        super().__init__(lambda: _Direct(exporter), capacity=capacity, delay_s=delay_s)
        self._put, self.put = self.put, self._take

    def _take(self, item: ReadableSpan, *, urgent: bool = False) -> bool:
        """Queue what the host's pipeline would export, too."""
        if item.context is None or not item.context.trace_flags.sampled or not self._put(item, urgent=urgent):
            return False
        setattr(item, DELIVERED, True)
        return True


class _Direct:
    """An exporter, for somebody who does not own it."""

    def __init__(self, exporter: AgentOpsSpanExporter) -> None:
        self._exporter = exporter
        self.export = exporter.deliver
        self.force_flush = exporter.force_flush

    def shutdown(self) -> None:
        """Left to the owner."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exporter, name)


class _Opened(NamedTuple):
    """What was seen of a span when it started: its session, and whether it is to be delivered at once."""

    key: str | None
    urgent: bool


class AgentOpsSpanProcessor(SpanProcessor):
    """Add it to any provider that takes span processors. Without outboxes it only stamps.

    Spans of a session are handed on, and spans that speak a GenAI vocabulary; other spans of the host are not ours.
    """

    def __init__(self, *outboxes: SpanOutbox) -> None:
        self._outboxes = outboxes
        self._retired = False
        self._open: dict[int, _Opened] = {}
        self._job: Callable[[], Any] | None = None
        self.seen = 0

    def add(self, outbox: SpanOutbox) -> None:
        """Hand spans on to this one, too, from now on."""
        self._outboxes = (*self._outboxes, outbox)

    def before_next_span(self, job: Callable[[], Any]) -> None:
        """Run a job once, when the next span starts."""
        self._job = job

    def retire(self) -> None:
        """Do nothing more: a provider does not let go of a processor it once was given."""
        self._outboxes, self._retired = (), True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Decide to which session the span belongs, and write it on the span."""
        if self._retired:
            return
        with quietly("stamping a span"):
            job, self._job = self._job, None
            if job is not None:
                job()
            self._stamp(span, parent_context)

    def _stamp(self, span: Span, parent_context: Context | None) -> None:
        attributes = span.attributes or {}
        key = attributes.get(names.SESSION_ID)
        stamp: dict[str, Any] = {}
        if key is None:
            key = attributes.get("session.id")
            if key is None:
                session = sessions.current(parent_context)
                if session is not None:
                    key = session.key
                    stamp[names.SESSION_ID] = key
                elif len(sessions.active) > 1:
                    warn_once("several sessions are active and none is current: spans without a session stay alone")
        agent = sessions.agent(parent_context)
        if agent is not None and names.AGENT_ID not in attributes:
            stamp[names.AGENT_ID], stamp[names.AGENT_NAME] = agent
        if span.context is not None and (key is not None or is_agent_span(attributes)):
            self._remember(
                span.context.span_id, _Opened(None if key is None else str(key), names.SPAN_KIND in attributes)
            )
        if stamp:
            span.set_attributes(stamp)

    def _remember(self, span_id: int, opened: _Opened) -> None:
        if len(self._open) >= MOST_OPEN_SPANS:
            self._open.pop(next(iter(self._open)), None)
        self._open[span_id] = opened

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on. The stamp goes along beside the attributes, which may have lost it.

        What was seen at the start is not looked up again: attributes of a model call are made at the first look, which
        belongs to the exporter's thread.
        """
        if self._retired:
            return
        with quietly("queueing a span"):
            self.seen += 1
            opened = self._open.pop(span.context.span_id, None) if span.context else None
            if opened is None and not is_agent_span(span.attributes or {}):
                return
            key, urgent = opened or (None, False)
            if key is not None:
                setattr(span, STAMP, key)
                if budgets and not urgent and budgets.note(span, key):
                    urgent = True  # the other processes of the session are to see the cost
            for outbox in self._outboxes:
                outbox.put(span, urgent=urgent)

    def shutdown(self) -> None:
        """Called by the provider. The runtime closes the outboxes, within its own deadline."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Export all that is queued, within the timeout."""
        deadline = time.monotonic() + timeout_millis / 1000
        flushed = [outbox.flush(max(0.0, deadline - time.monotonic())) for outbox in self._outboxes]
        return all(flushed)
