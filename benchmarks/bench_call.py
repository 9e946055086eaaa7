"""What a watched model call costs its caller, against a hand-written OpenTelemetry span of 15 attributes.

    python benchmarks/bench_call.py [--calls 2000] [--streams 150] [--chunks 200]

The real `openai` client over its mock transport; 1 KB of prompt, 1 KB of answer; content captured. Bare client,
hand-written span and ours take turns call by call, so that what the machine does meanwhile strikes all alike. Caller
CPU is `time.thread_time_ns` of the calling thread. Figures are the median of a subject less the median of the bare
client; the ratio is to the hand-written span.

The hand-written span: start_as_current_span, 15 attributes, BatchSpanProcessor, an exporter that does nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import openai
from openai.resources.chat.completions import Completions
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from agentops_otel.instruments.registry import install

try:
    import httpx2 as httpx
except ImportError:
    import httpx  # type: ignore[no-redef]

MESSAGES = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Why is the sky blue? " * 50}]
ANSWER = "Because of Rayleigh scattering. " * 32


class Nothing(SpanExporter):
    """Takes spans and does nothing with them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def client(chunks: int) -> openai.OpenAI:
    """A client whose transport answers at once."""
    head = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini-2024-07-18", "service_tier": "default"}
    usage = {"prompt_tokens": 260, "completion_tokens": 250, "total_tokens": 510}
    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    plain = json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    pieces = [
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Because "}}]}
    ] * chunks
    stream = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"

    def answer(request: Any) -> Any:
        if b'"stream":true' in request.content:
            return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})
        return httpx.Response(200, content=plain, headers={"content-type": "application/json"})

    transport = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(base_url="http://model.invalid/v1", api_key="offline", http_client=transport)


Create = Callable[..., Any]


class Bare:
    """The client alone."""

    def __init__(self, create: Create) -> None:
        self.create = create

    def call(self) -> None:
        self.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.2, max_tokens=300)

    def stream(self) -> None:
        for _ in self.create(model="gpt-4o-mini", messages=MESSAGES, stream=True):
            pass


class HandWritten(Bare):
    """A span by hand around the call, with 15 attributes."""

    def __init__(self, create: Create, tracer: Tracer) -> None:
        super().__init__(create)
        self._tracer = tracer

    def call(self) -> None:
        with self._tracer.start_as_current_span("chat gpt-4o-mini") as span:
            answer = self.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.2, max_tokens=300)
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.request.temperature": 0.2,
                    "gen_ai.request.max_tokens": 300,
                    "gen_ai.response.model": answer.model,
                    "gen_ai.response.id": answer.id,
                    "gen_ai.response.finish_reasons": [choice.finish_reason for choice in answer.choices],
                    "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
                    "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
                    "server.address": "model.invalid",
                    "server.port": 80,
                    "openai.response.service_tier": answer.service_tier,
                    "gen_ai.input.messages": json.dumps(MESSAGES),
                    "gen_ai.output.messages": json.dumps([answer.choices[0].message.content]),
                }
            )

    def stream(self) -> None:
        with self._tracer.start_as_current_span("chat gpt-4o-mini") as span:
            pieces = []
            for chunk in self.create(model="gpt-4o-mini", messages=MESSAGES, stream=True):
                pieces.append(chunk.choices[0].delta.content)
            span.set_attribute("gen_ai.output.messages", json.dumps(["".join(pieces)]))


def medians_us(subjects: Mapping[str, Callable[[], None]], times: int) -> dict[str, float]:
    """Median caller CPU of one run of each subject, in microseconds, the subjects taking turns."""
    taken: dict[str, list[int]] = {name: [] for name in subjects}
    for number in range(times):
        for name in list(subjects) if number % 2 else list(reversed(subjects)):
            run = subjects[name]
            begun = time.thread_time_ns()
            run()
            taken[name].append(time.thread_time_ns() - begun)
    return {name: statistics.median(values) / 1000 for name, values in taken.items()}


def measure(calls: int, streams: int, chunks: int) -> dict[str, dict[str, float]]:
    """What each subject adds to the bare client, in microseconds."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nothing()))
    tracer = provider.get_tracer("bench")
    original = Completions.create
    installation = install(tracer)
    with client(chunks) as answering:
        completions = answering.chat.completions
        bare = partial(original, completions)
        subjects = {"bare": Bare(bare), "span": HandWritten(bare, tracer), "ours": Bare(completions.create)}
        medians_us({name: subject.call for name, subject in subjects.items()}, calls // 10)
        call = medians_us({name: subject.call for name, subject in subjects.items()}, calls)
        stream = medians_us({name: subject.stream for name, subject in subjects.items()}, streams)
    installation.uninstall()
    provider.shutdown()
    return {
        name: {
            "bare_us": call["bare"],
            "call_us": call[name] - call["bare"],
            "bare_chunk_us": stream["bare"] / chunks,
            "chunk_us": (stream[name] - stream["bare"] - (call[name] - call["bare"])) / chunks,
        }
        for name in ("span", "ours")
    }


def main() -> None:
    """Print the table, one JSON object a line."""
    parser = argparse.ArgumentParser(description="What a watched model call costs its caller.")
    for name, default in (("calls", 2000), ("streams", 150), ("chunks", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    table = measure(options.calls, options.streams, options.chunks)
    limit = table["span"]
    for name, figures in table.items():
        ratios = {f"{key[:-3]}_ratio": figures[key] / limit[key] for key in ("call_us", "chunk_us")}
        print(json.dumps({"subject": name, **{key: round(value, 2) for key, value in {**figures, **ratios}.items()}}))


if __name__ == "__main__":
    main()
