"""What a session cost by step, and what its caches saved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentops_otel.pricing import Pricer
from agentops_otel.records import Action, Event, LLMCall, ToolCall, Usage
from agentops_otel.server.dashboard.costs import Costs, Savings, costs_of

from .conftest import Recorded
from .test_waterfall import event


def costs(*events: Event) -> Costs:
    return costs_of(events, dict.fromkeys(one.event_id for one in events))


def call(event_id: str, parent: str | None, cost: str) -> Any:
    return event(LLMCall, event_id, 20, 25, parent, model="m", cost=Decimal(cost))


def test_a_step_costs_what_happened_in_it() -> None:
    """However deep; steps of one name are one line, and one in another of its name counts once."""
    found = costs(
        event(Action, "plan", 0, 100),
        event(Action, "ask", 10, 60, "plan"),
        event(Action, "ask2", 15, 30, "ask", name="ask"),
        call("a", "ask2", "0.2"),
        call("b", "ask", "0.1"),
        event(ToolCall, "t", 70, 75, "plan"),
        event(Action, "ask3", 80, 90, "plan", name="ask"),
        call("c", "ask3", "0.3"),
        call("d", None, "0.4"),
    )
    told = [(one.name, str(one.sums.cost), one.sums.llms, one.sums.tools, one.duration_ns) for one in found.by_step]
    assert told == [("plan", "0.6", 3, 1, 100), ("ask", "0.6", 3, 0, 60)]
    assert [round(one.part, 3) for one in found.by_step] == [0.6, 0.6]


def test_steps_that_are_around_themselves_come_to_an_end() -> None:
    """Each is in the other, as broken parents may have it."""
    circle = (event(Action, "x", 0, 9, "y"), event(Action, "y", 0, 9, "x"), call("a", "x", "0.1"))
    assert {one.name: str(one.sums.cost) for one in costs(*circle).by_step} == {"x": "0.1"}


def priced(usage: Usage, model: str = "claude-sonnet-4-20250514") -> Any:
    found = Pricer().price("anthropic", model, usage, 1_795_352_682_000_000_000)
    made = event(LLMCall, f"call {usage}", 1_795_352_682_000_000_000, None, model=model, provider="anthropic")
    return made.__class__(**{**vars(made), "usage": usage, "cost": found.cost, "price": found.price})


def test_the_cache_saved_what_uncached_tokens_would_have_cost_more() -> None:
    """At three dollars a million tokens, cached ones a tenth of it and those written to the cache a quarter more."""
    read = priced(Usage(input=1000, cache_read=1_000_000, output=10))
    written = priced(Usage(input=0, cache_write=100_000, output=10))
    assert costs(read).savings == Savings(Decimal("2.7"), 1, 0)
    assert costs(written).savings == Savings(Decimal("-0.075"), 1, 0)
    assert costs(read, written, priced(Usage(input=5, output=5))).savings == Savings(Decimal("2.625"), 2, 0)


@pytest.mark.parametrize("changed", [{"cost": Decimal("0.5")}, {"model": "in-house"}, {"cost": None}])
def test_what_a_cache_saved_at_other_prices_is_not_known(changed: dict[str, Any]) -> None:
    """Reported, made with a table of one's own, or of a model without a price."""
    read = priced(Usage(input=1000, cache_read=1_000_000, output=10))
    assert costs(read.__class__(**{**vars(read), **changed})).savings == Savings(Decimal(0), 0, 1)


def test_steps_and_savings_are_on_the_page(recorded: Recorded) -> None:
    """Beside the other tables."""
    words = recorded.session("research", "?tab=cost").words
    assert "The cache saved $0.001120 in 2 calls, compared with the same tokens uncached." in words
    assert "By step What happened in the steps" in words
    assert words.index("By step") < words.index("write summary $0.")
