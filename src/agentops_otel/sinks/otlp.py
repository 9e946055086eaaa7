"""Spans through the stock OTLP exporter, kept on disk until it has delivered them.

The stock exporter tries a batch for ten seconds and then drops it, and its end waits for as long. Behind a spool the
end of a process waits for nobody who does not answer, and a later process of the same user delivers what is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import context as otel_context
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentops_otel.errors import DeliveryError
from agentops_otel.guard import strict, warn_once
from agentops_otel.privacy import Policy
from agentops_otel.settings import Settings
from agentops_otel.sinks.spool import Spool, Spooled, destination_of

DEFAULT_ENDPOINT = "http://localhost:4318"


class SpooledSpanExporter(SpanExporter):
    """A `SpanExporter` in front of a stock one. `export` writes to disk and returns; a daemon thread delivers from it.

    The file is opened by the first `export`. The stock exporter is made on the thread: what it imports takes longer
    than a burst of spans can wait.
    """

    def __init__(self, make_stock: Callable[[], SpanExporter], spool: Spool, policy: Policy | None = None) -> None:
        self._stock = _Stock(make_stock)
        self._policy = policy or Policy()
        self._spool = spool
        self._spooled: Spooled[ReadableSpan] | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """SUCCESS once the spans are on disk; FAILURE where the disk refuses."""
        try:
            self._open().append(self._allowed(spans))
        except Exception as error:
            if strict():
                raise
            warn_once(f"could not keep spans for OTLP: {error}", exc_info=error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def _allowed(self, spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
        """The spans as the policy lets them leave; those of other instrumentors have not been looked at before."""
        if self._policy.captures and not self._policy.changes:
            return spans
        from agentops_otel.sinks.allowed import span_as

        return [span_as(self._policy, span) for span in spans]

    def _open(self) -> Spooled[ReadableSpan]:
        if self._spooled is None:
            from agentops_otel.otlp.as_sdk import restored

            self._spooled = Spooled(self._stock, self._spool, _packed, restored)
        return self._spooled

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until all is delivered; True at once where that cannot be soon, because it is on disk then."""
        return self._spooled is None or self._spooled.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """End the delivering; what is left waits for the next process."""
        if self._spooled is not None:
            self._spooled.close()
            self._stock.shutdown()


class _Stock:
    """A stock exporter as the destination of a spool."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._made: SpanExporter | None = None

    def append(self, batch: Sequence[ReadableSpan], /) -> None:
        """Raises DeliveryError: the stock exporter does not tell whether a batch was refused for good."""
        exporter = self._made = self._made or self._make()
        # as the SDK's own processor does: an instrumented HTTP client must not make spans of sending spans
        quiet = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            result = exporter.export(batch)
        finally:
            otel_context.detach(quiet)
        if result is not SpanExportResult.SUCCESS:
            raise DeliveryError(f"the OTLP exporter could not deliver {len(batch)} spans")

    def shutdown(self) -> None:
        """End the stock exporter, if there is one."""
        if self._made is not None:
            self._made.shutdown()


def _packed(spans: Sequence[ReadableSpan]) -> bytes:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    return bytes(encode_spans(spans).SerializeToString())


def spooled_otlp(settings: Settings, environ: Mapping[str, str] = os.environ) -> SpooledSpanExporter:
    """The stock OTLP/HTTP exporter, as its own environment variables configure it, behind the spool of this user."""
    spool = Spool(os.path.join(settings.home, "spool.db"), otlp_destination(environ))
    return SpooledSpanExporter(_stock_exporter, spool, Policy.of(settings))


def _stock_exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def otlp_destination(environ: Mapping[str, str]) -> str:
    """The name under which the spool keeps what the stock exporter is to send: its address and, hashed, its headers."""
    endpoint = environ.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or environ.get(OTEL_EXPORTER_OTLP_ENDPOINT)
    headers = environ.get(OTEL_EXPORTER_OTLP_TRACES_HEADERS) or environ.get(OTEL_EXPORTER_OTLP_HEADERS)
    return "otlp " + destination_of(endpoint or DEFAULT_ENDPOINT, headers)
