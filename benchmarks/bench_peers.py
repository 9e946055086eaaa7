"""What a watched model call costs its caller, by us and by the other instrumentors of the same client.

    python benchmarks/bench_peers.py [--calls 400] [--streams 40] [--chunks 200]

OpenTelemetry's genai-openai, OpenInference and OpenLLMetry are installed in environments of their own, kept under
`$AGENTOPS_TEST_CACHE`. In each of them the bare client, a hand-written span, the peer and ours take turns call by call
(bench_call.py says how); content is captured by all. Figures are the median of a subject less the median of the bare
client, in microseconds of the calling thread's CPU; the ratio is ours to the peer's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Peer(NamedTuple):
    """Another instrumentor of `openai`: what to install, and its class."""

    distribution: str
    module: str
    name: str = "OpenAIInstrumentor"


PEERS = {
    "OpenTelemetry genai-openai": Peer(
        "opentelemetry-instrumentation-genai-openai", "opentelemetry.instrumentation.genai.openai"
    ),
    "OpenInference": Peer("openinference-instrumentation-openai", "openinference.instrumentation.openai"),
    "OpenLLMetry": Peer("opentelemetry-instrumentation-openai", "opentelemetry.instrumentation.openai"),
}
CAPTURED = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "TRACELOOP_TRACE_CONTENT": "true",
}
OURS = ("openai", "opentelemetry-exporter-otlp", "opentelemetry-sdk", "wrapt", "psutil")


def measure(peer: Peer, calls: int, streams: int, chunks: int) -> dict[str, float]:
    """Run inside the peer's environment."""
    from bench_call import Bare, HandWritten, Nothing, client, medians_us
    from openai import OpenAI
    from openai.resources.chat.completions import Completions
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from agentops_otel.instruments.driver import Tower, watched
    from agentops_otel.instruments.openai import CHAT, PROVIDER
    from agentops_otel.privacy import Policy

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nothing()))
    tracer = provider.get_tracer("bench")
    create, request = Completions.create, OpenAI.request
    ours = watched(create, PROVIDER, CHAT, Tower(tracer, Policy()))
    getattr(importlib.import_module(peer.module), peer.name)().instrument(tracer_provider=provider)
    assert Completions.create is not create or OpenAI.request is not request, "the peer has patched something else"
    with client(chunks) as plain, client(chunks) as theirs:
        plain.request = request.__get__(plain)  # type: ignore[method-assign]  # OpenInference patches this one
        completions = plain.chat.completions
        bare = partial(create, completions)
        subjects = {
            "bare": Bare(bare),
            "span": HandWritten(bare, tracer),
            "peer": Bare(theirs.chat.completions.create),
            "ours": Bare(ours.__get__(completions)),
        }
        medians_us({name: one.call for name, one in subjects.items()}, calls // 10)
        call = medians_us({name: one.call for name, one in subjects.items()}, calls)
        stream = medians_us({name: one.stream for name, one in subjects.items()}, streams)
    provider.shutdown()
    out: dict[str, float] = {}
    for name in ("span", "peer", "ours"):
        out[f"{name}_call_us"] = call[name] - call["bare"]
        out[f"{name}_chunk_us"] = (stream[name] - stream["bare"] - out[f"{name}_call_us"]) / chunks
    return {name: round(value, 2) for name, value in out.items()}


def environment(peer: Peer) -> Path:
    """The Python of the environment that the peer is installed in; made once."""
    sys.path.insert(0, str(ROOT / "tests"))
    from server.environments import python_with

    return python_with(peer.distribution, *OURS)


def main() -> None:
    """Print a row for each peer."""
    parser = argparse.ArgumentParser(description="What a watched model call costs, by us and by others.")
    for name, default in (("calls", 400), ("streams", 40), ("chunks", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    numbers: Any = (options.calls, options.streams, options.chunks)
    if options.inside:
        print(json.dumps(measure(PEERS[options.inside], *numbers)))
        return
    for name, peer in PEERS.items():
        command = [str(environment(peer)), __file__, "--inside", name]
        command += [f"--{option}={getattr(options, option)}" for option in ("calls", "streams", "chunks")]
        env = {**os.environ, **CAPTURED, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        ratios = {
            f"{unit}_ratio": round(found[f"ours_{unit}_us"] / found[f"peer_{unit}_us"], 2) for unit in ("call", "chunk")
        }
        print(json.dumps({"peer": name, **found, **ratios}))


if __name__ == "__main__":
    main()
