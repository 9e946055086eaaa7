"""Sessions of past weeks, put straight into a store: nobody can record the past. For pictures and measurements."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from agentops_otel.facts import End, EndRank, EventFact, Fact, SessionFacts, Stamp
from agentops_otel.records import EndState, LLMCall, Usage

MODELS = {"gpt-4o": "2.5", "gpt-4.1": "2", "gpt-4o-mini": "0.15", "claude-sonnet-4": "3", "in-house-70b": None}
TAGS = ("nightly", "research", "support", "evaluation", "release-42")
REASONS = (
    "TimeoutError: the search did not answer within 10 s",
    "RateLimitError: 429 Too Many Requests",
    "ValidationError: the answer is not JSON",
    "",
)
DAY = 86_400_000_000_000


def history(now_ns: int, count: int, days: int = 30, calls: int = 3) -> Iterator[list[Fact]]:
    """The facts of each session, the same every time for the same moment."""
    chance = random.Random(42)
    for number in range(count):
        start = now_ns - int(chance.random() ** 1.3 * days * DAY) - 60_000_000_000
        yield session(f"past-{number:08d}", start, chance, calls)


def session(session_id: str, start: int, chance: random.Random, calls: int) -> list[Fact]:
    """One of them."""
    lasted = int(chance.lognormvariate(2.5, 1.0) * 1_000_000_000)
    state: EndState = chance.choices(("Success", "Failure", "Indeterminate"), (80, 14, 6))[0]
    reason = chance.choices(REASONS, (5, 3, 2, 1))[0] if state == "Failure" else ""
    end = End(EndRank.EXPLICIT, start + lasted, "past", state, reason)
    tags = tuple(chance.sample(TAGS, chance.randint(0, 2)))
    facts: list[Fact] = [SessionFacts(session_id, start, start + lasted, end, tags_set=(Stamp(start, "past"), tags))]
    for call in range(calls):
        model = chance.choices(list(MODELS), (8, 4, 6, 5, 1))[0]
        price, prompt = MODELS[model], chance.randint(200, 9000)
        cached = prompt // 2 if chance.random() < 0.4 else 0
        answer = chance.randint(20, 900)
        cost = None if price is None else Decimal(price) * (prompt - cached // 2 + 4 * answer) / 1_000_000
        facts.append(
            EventFact(
                LLMCall(
                    event_id=f"{session_id}-{call}",
                    session_id=session_id,
                    name=f"chat {model}",
                    init_timestamp=start + lasted * call // calls,
                    end_timestamp=start + lasted * (call + 1) // calls,
                    operation="chat",
                    model=model,
                    usage=Usage(input=prompt - cached, cache_read=cached, output=answer),
                    cost=cost,
                )
            )
        )
    return facts
