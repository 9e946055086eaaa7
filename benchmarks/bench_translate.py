"""What it costs to translate one span of 20 attributes, by where the span comes from. Prints microseconds a span.

    python benchmarks/bench_translate.py

The floor beside it parses the two message attributes as JSON and builds nothing: no translation can be faster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from agentops_otel.spans import FlatSpan
from agentops_otel.translate import translate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
QUESTION = "What is the weather in Paris? " * 20
PROMPT = json.dumps(
    [
        {"role": "system", "parts": [{"type": "text", "content": "You are a terse assistant."}]},
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
    ]
)
ANSWER = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": QUESTION}], "finish_reason": "stop"}])
GENAI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 128,
    "gen_ai.request.stream": True,
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 2101,
    "gen_ai.usage.output_tokens": 23,
    "gen_ai.usage.cache_read.input_tokens": 1536,
    "gen_ai.input.messages": PROMPT,
    "gen_ai.output.messages": ANSWER,
    "openai.response.service_tier": "default",
    "openai.response.system_fingerprint": "fp_1",
    "gen_ai.output.type": "text",
}
OURS = {**GENAI, "agentops.session.id": "0af76519-16cd-43dd-8448-eb211c80319c", "agentops.agent.name": "writer"}
del OURS["gen_ai.output.type"], OURS["server.port"]
MANUAL = {f"app.attribute.{n}": "a value of some length" for n in range(20)}
RESOURCE = {"service.name": "app", "telemetry.sdk.name": "opentelemetry", "process.pid": 7}
ROUNDS, SPANS = 100, 100


def flat(attributes: dict[str, object]) -> FlatSpan:
    return FlatSpan(TRACE, SPAN, "chat gpt-4o-mini", 1, 2, attributes=attributes, kind=3, resource=RESOURCE)


def microseconds(work: Callable[[], object]) -> float:
    """The processor time of one call, over a short round of many."""
    begin = time.thread_time_ns()
    for _ in range(SPANS):
        work()
    return (time.thread_time_ns() - begin) / SPANS / 1_000


def main() -> None:
    """Measure every kind of span in turn, round by round; print the best round and the median ratio to the floor."""
    works: dict[str, Callable[[], object]] = {"floor (json only)": lambda: (json.loads(PROMPT), json.loads(ANSWER))}
    for name, attributes in {"genai": GENAI, "ours": OURS, "manual": MANUAL}.items():
        works[name] = partial(translate, flat(attributes))
    rounds = [{name: microseconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    for name in works:
        ratio = median(one[name] / one["floor (json only)"] for one in rounds)
        print(f"{name:20}{min(one[name] for one in rounds):8.1f} us{ratio:8.1f} x floor")


if __name__ == "__main__":
    main()
