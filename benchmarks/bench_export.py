"""Process CPU of a model call's span, export included: into the embedded store, against the same span exported nowhere.

    python benchmarks/bench_export.py [rounds]

The span has 15 attributes of the GenAI conventions with a 1 KB prompt and a 1 KB completion. Both subjects run in turn
in one process; each round ends with a flush.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context

from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.processor import AgentOpsSpanProcessor, SpanOutbox

SPANS = 400
ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-0123456789abcdef",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 300,
    "gen_ai.usage.input_tokens": 250,
    "gen_ai.usage.output_tokens": 240,
    "gen_ai.usage.cache_read.input_tokens": 128,
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "p" * 1024}]}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "c" * 1024}]}]),
}


class Nowhere(SpanExporter):
    """Drops every span."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take them."""
        return SpanExportResult.SUCCESS


def spans(tracer: Tracer) -> None:
    """One round, a session of its own."""
    parent = set_span_in_context(tracer.start_span("session"))
    for _ in range(SPANS):
        with tracer.start_as_current_span("chat gpt-4o-mini", parent, SpanKind.CLIENT) as span:
            span.set_attributes(ATTRIBUTES)


def cpu_us(tracer: Tracer, flush: Callable[[], object]) -> float:
    """Process CPU a span, flush included."""
    started = time.process_time()
    spans(tracer)
    flush()
    return (time.process_time() - started) / SPANS * 1e6


def main() -> None:
    """Print both figures and their ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    nowhere = TracerProvider(shutdown_on_exit=False)
    batches = BatchSpanProcessor(Nowhere())
    nowhere.add_span_processor(batches)
    with tempfile.TemporaryDirectory() as home:
        stored = TracerProvider(shutdown_on_exit=False)
        outbox = SpanOutbox(AgentOpsSpanExporter(home=home), capacity=512, delay_s=0.25)
        stored.add_span_processor(AgentOpsSpanProcessor(outbox))
        subjects = {
            "nowhere": (nowhere.get_tracer("bench"), batches.force_flush),
            "store": (stored.get_tracer("bench"), lambda: outbox.flush(60)),
        }
        taken: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(rounds + 1):
            for name, (tracer, flush) in subjects.items():
                taken[name].append(cpu_us(tracer, flush))
        medians = {name: statistics.median(values[1:]) for name, values in taken.items()}
        outbox.close(10)
    for name, value in medians.items():
        print(f"{name:10} {value:7.1f} µs CPU a span")
    print(f"{'ratio':10} {medians['store'] / medians['nowhere']:7.2f} x")


if __name__ == "__main__":
    main()
