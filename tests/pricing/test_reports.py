"""What a model costs, how one's own table compares, and pricing again what is in a store."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from price_cases import at_these_prices

from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.pricing import Catalogue, Pricer, PriceTable
from agentops_otel.pricing.reports import Compared, check, repriced, show
from agentops_otel.records import LLMCall, Price, ToolCall, Usage, nanoseconds
from agentops_otel.store import open_store

NOVEMBER = nanoseconds("2026-11-18T11:06:40Z")
CALL = LLMCall(
    event_id="e",
    session_id="s",
    name="chat",
    init_timestamp=NOVEMBER,
    provider="openai",
    model="our-model",
    usage=Usage(input=1000, output=500),
    prompt="Hello",
    extra={"kept": True},
)
OWN = PriceTable.parse({"version": "v", "prices": [{"model": "our-model", "input": 1, "output": 2}]})


@at_these_prices
def test_a_model_is_shown_with_its_prices_of_the_moment() -> None:
    """Per million tokens by bucket, of long prompts too, with the entry and version they are from."""
    [shown] = show(Pricer(), "anthropic", "claude-sonnet-4-5", NOVEMBER)
    assert shown.to_json() == {
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "at": "2026-11-18T11:06:40.000000Z",
        "source": "genai-prices",
        "table": "anthropic:claude-sonnet-4-5",
        "version": "0.2.3",
        "per_million_tokens": {
            "input": "3",
            "cache_read": "0.3",
            "cache_write": "3.75",
            "cache_write_1h": "6",
            "image": "3",
            "output": "15",
            "reasoning": "15",
            "image_out": "15",
        },
        "long_prompts": [
            {
                "over_tokens": 200000,
                "per_million_tokens": {
                    "input": "6",
                    "cache_read": "0.6",
                    "cache_write": "7.5",
                    "cache_write_1h": "12",
                    "image": "6",
                    "output": "22.5",
                    "reasoning": "22.5",
                    "image_out": "22.5",
                },
            }
        ],
        "per_call": "0",
    }


def test_a_model_of_ones_own_is_shown_before_what_is_listed() -> None:
    """Both sources are shown, the one that wins first; who does not know the model says so."""
    sources = [(shown.source, shown.quote is not None) for shown in show(Pricer(OWN), None, "our-model", NOVEMBER)]
    assert sources == [("override", True), ("genai-prices", False)]


def test_a_tier_is_shown_by_its_own_prices() -> None:
    """`service_tier` asks for flex, priority or batch."""
    [shown] = show(Pricer(), "openai", "gpt-5", NOVEMBER, "flex")
    assert shown.to_json()["per_million_tokens"]["input"] == "0.625"


def test_each_entry_is_compared_with_what_is_listed() -> None:
    """Equal, different by bucket (stand-ins included), unknown there, a pattern, not yet, no longer."""
    own = PriceTable.parse(
        {
            "prices": [
                {"model": "gpt-4o-mini", "provider": "openai", "input": 0.15, "cache_read": 0.075, "output": 0.6},
                {"model": "gpt-4o", "provider": "openai", "input": 2, "output": 10},
                {"model": "our-model", "input": 1},
                {"model": "gpt-*", "input": 1},
                {"model": "o3", "input": 1, "valid_from": "2026-12-01"},
                {"model": "o1", "input": 1},
                {"model": "o1", "input": 2, "valid_from": "2026-01-01"},
            ]
        }
    )
    found = check(own, Catalogue(), NOVEMBER)
    verdicts = ["same", "differs", "not listed", "pattern", "later", "replaced", "differs"]
    assert [one.verdict for one in found] == verdicts
    assert found[1].differences == {
        "input": Compared(Decimal(2), Decimal("2.5")),
        "cache_read": Compared(Decimal(2), Decimal("1.25")),
        "cache_write": Compared(Decimal(2), Decimal("2.5")),
        "image": Compared(Decimal(2), Decimal("2.5")),
    }
    assert found[6].to_json()["differences"]["output"] == {"yours": None, "listed": "60"}


def test_pricing_again_gives_only_the_calls_that_change() -> None:
    """Priced calls, reported ones and other events are left as they are."""
    reported = replace(CALL, event_id="r", cost=Decimal("0.42"), price=Price("reported"))
    done = replace(CALL, event_id="d", cost=Decimal("0.002"), price=Price("override", "our-model", "v"))
    tool = ToolCall(event_id="t", session_id="s", name="search", init_timestamp=NOVEMBER)
    facts = list(repriced([CALL, reported, done, tool], Pricer(OWN), 7))
    assert facts == [EventFact(replace(CALL, cost=Decimal("0.002"), price=done.price), 7)]


def test_a_store_is_priced_again_for_good(tmp_path: Path) -> None:
    """The sums of the session follow, everything else of the call stays, and late copies do not bring the old back."""
    store = open_store(str(tmp_path / "agentops.db"))
    late = [EventFact(CALL)]
    store.append("default", [SessionFacts("s", start_ns=NOVEMBER), *late])
    store.append("default", list(repriced(store.events("default", "s"), Pricer(OWN), NOVEMBER)))
    store.append("default", late)
    session = store.session("default", "s")
    events = list(store.events("default", "s"))
    again = list(repriced(events, Pricer(OWN), NOVEMBER + 1))
    store.close()
    assert session is not None
    assert (session.statistics.cost, session.statistics.unpriced_llms) == (Decimal("0.002"), 0)
    assert events == [replace(CALL, cost=Decimal("0.002"), price=Price("override", "our-model", "v"))]
    assert again == []
