"""Process CPU of a model call's span, export included: into the embedded store, against the same span exported nowhere.

    python benchmarks/bench_export.py [rounds]

*In place*: the real `openai` client over its mock transport, 1 KB of prompt and of answer. Each round makes 200 calls
with the bare client, 200 with a hand-written span of 15 attributes that is exported nowhere, 200 that are recorded
into the embedded store, and 200 recorded and exported nowhere; each share ends with a flush. A figure is a subject's
processor time of a call less the bare client's in the same round. *Hot loop*: spans of 15 attributes and nothing
between them. Both print the median with its quartiles; the ratio is to the span that goes nowhere.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from bench_call import Bare, HandWritten, Nothing, client
from openai.resources.chat.completions import Completions
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracer, SpanKind, Tracer, set_span_in_context

from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.instruments.registry import install
from agentops_otel.processor import AgentOpsSpanProcessor, SpanOutbox

CALLS, SPANS = 200, 400
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

Subjects = Mapping[str, Callable[[], object]]


@contextmanager
def outlet(outbox: SpanOutbox) -> Iterator[tuple[Tracer, Callable[[], object]]]:
    """A tracer of ours with this outbox, and its flush."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(AgentOpsSpanProcessor(outbox))
    yield provider.get_tracer("bench"), partial(outbox.flush, 60)
    outbox.close(10)


def nowhere() -> tuple[Tracer, Callable[[], object]]:
    """A tracer whose spans go through the stock processor to nobody, and its flush."""
    provider = TracerProvider(shutdown_on_exit=False)
    batches = BatchSpanProcessor(Nothing())
    provider.add_span_processor(batches)
    return provider.get_tracer("bench"), batches.force_flush


def hot_spans(tracer: Tracer, flush: Callable[[], object]) -> None:
    """A trace of spans, and a flush."""
    parent = set_span_in_context(tracer.start_span("session"))
    for _ in range(SPANS):
        with tracer.start_as_current_span("chat gpt-4o-mini", parent, SpanKind.CLIENT) as span:
            span.set_attributes(ATTRIBUTES)
    flush()


def calls(make: Callable[[], None], tracer: Tracer, flush: Callable[[], object]) -> None:
    """Model calls within one trace, which is a session, and a flush."""
    with tracer.start_as_current_span("session"):
        for _ in range(CALLS):
            make()
    flush()


def rounds_us(subjects: Subjects, rounds: int, each: int) -> list[dict[str, float]]:
    """Process CPU of one of `each` by round and subject, in microseconds; the first round is not counted."""
    taken: list[dict[str, float]] = []
    for number in range(rounds + 1):
        one: dict[str, float] = {}
        for name in list(subjects) if number % 2 else list(reversed(subjects)):
            begun = time.process_time_ns()
            subjects[name]()
            one[name] = (time.process_time_ns() - begun) / each / 1000
        taken.append(one)
    return taken[1:]


def told(place: str, rounds: list[dict[str, float]], base: str | None) -> None:
    """Print each subject of these rounds and its ratio to the span that goes nowhere."""
    added = [{name: us - (one[base] if base else 0) for name, us in one.items() if name != base} for one in rounds]
    limit = statistics.median(one["span, nowhere"] for one in added)
    for name in sorted(added[0], reverse=True):
        low, middle, high = statistics.quantiles([one[name] for one in added], n=4)
        print(f"{place:9} {name:16}{middle:7.1f} µs ({low:.0f}..{high:.0f})  {middle / limit:5.2f} x")


def in_place(
    rounds: int, stored: tuple[Tracer, Callable[[], object]], lost: tuple[Tracer, Callable[[], object]]
) -> None:
    """Between real model calls."""
    original = Completions.create
    tracer, flush = nowhere()
    with client(1) as answering:
        bare = partial(original, answering.chat.completions)
        subjects: dict[str, Callable[[], object]] = {
            "bare": partial(calls, Bare(bare).call, NoOpTracer(), lambda: None),
            "span, nowhere": partial(calls, HandWritten(bare, tracer).call, tracer, flush),
        }
        installations = []
        for name, (ours, flushed) in (("ours, stored", stored), ("ours, nowhere", lost)):
            Completions.create = original
            installations.append(install(ours))
            subjects[name] = partial(calls, Bare(answering.chat.completions.create).call, ours, flushed)
        told("in place", rounds_us(subjects, rounds, CALLS), "bare")


def main() -> None:
    """Print both tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    with (
        tempfile.TemporaryDirectory() as home,
        outlet(SpanOutbox(lambda: AgentOpsSpanExporter(home=home), capacity=2048, delay_s=0.25)) as stored,
        outlet(SpanOutbox(Nothing, capacity=2048, delay_s=0.25)) as lost,
    ):
        in_place(rounds, stored, lost)
        subjects = {
            "span, nowhere": partial(hot_spans, *nowhere()),
            "span, stored": partial(hot_spans, *stored),
        }
        told("hot loop", rounds_us(subjects, rounds, SPANS), None)


if __name__ == "__main__":
    main()
