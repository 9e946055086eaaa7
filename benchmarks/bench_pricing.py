"""What it costs to price one call, against genai-prices called as its manual shows. Prints microseconds and the ratio.

    python benchmarks/bench_pricing.py

The ways are measured in turns, and the best round of each counts, so that other programs on the machine disturb little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

import genai_prices

from agentops_otel.pricing import Pricer
from agentops_otel.records import LLMCall, Usage

ROUNDS, CALLS = 15, 500
AT = datetime(2026, 11, 18, 11, 6, 40, tzinfo=timezone.utc)
AT_NS = int(AT.timestamp()) * 10**9
USAGE = Usage(input=565, cache_read=1536, output=308, reasoning=192)
THEIRS = genai_prices.Usage(input_tokens=2101, cache_read_tokens=1536, output_tokens=500)
CALL = LLMCall(
    event_id="e", session_id="s", name="chat", init_timestamp=AT_NS, provider="openai", model="gpt-5", usage=USAGE
)


def main() -> None:
    """Measure and print."""
    started = time.perf_counter()
    pricer = Pricer()
    first = pricer.price("openai", "gpt-5", USAGE, AT_NS)
    print(f"first price, table in memory already   {(time.perf_counter() - started) * 1e6:10.1f} µs")
    naive = genai_prices.calc_price(THEIRS, "gpt-5", provider_id="openai", genai_request_timestamp=AT)
    assert naive.total_price == first.cost
    ways: dict[str, Callable[[], object]] = {
        "genai_prices.calc_price": lambda: genai_prices.calc_price(
            THEIRS, "gpt-5", provider_id="openai", genai_request_timestamp=AT
        ),
        "Pricer.price": lambda: pricer.price("openai", "gpt-5", USAGE, AT_NS),
        "Pricer.price, price by time of day": lambda: pricer.price("deepseek", "deepseek-chat", USAGE, AT_NS),
        "Pricer.price, unknown model": lambda: pricer.price("openai", "gpt-99", USAGE, AT_NS),
        "Pricer.priced (a whole event)": lambda: pricer.priced(CALL),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            best[name] = min(best[name], _microseconds(way))
    floor = best["genai_prices.calc_price"]
    for name, found in best.items():
        print(f"{name:38} {found:10.1f} µs   {floor / found:6.1f} times as fast as calc_price")


def _microseconds(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        way()
    return (time.perf_counter() - started) / CALLS * 1e6


if __name__ == "__main__":
    main()
