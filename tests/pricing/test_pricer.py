"""The order of sources, what is never guessed, and how little a price costs the process."""

from __future__ import annotations

import decimal
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_cases import at_these_prices

from agentops_otel.pricing import Catalogue, Priced, Pricer, PriceTable, available
from agentops_otel.pricing.catalogue import MOST_REMEMBERED
from agentops_otel.records import LLMCall, Price, Usage, nanoseconds

NOVEMBER = nanoseconds("2026-11-18T11:06:40Z")
USAGE = Usage(input=1000, output=500)
CALL = LLMCall(
    event_id="e",
    session_id="s",
    name="chat",
    init_timestamp=NOVEMBER,
    provider="openai",
    model="gpt-4o",
    usage=USAGE,
)
GPT_4O = Price("genai-prices", "openai:gpt-4o", available())
OWN = PriceTable.parse({"version": "v", "prices": [{"model": "gpt-4o", "input": 1, "output": 2}]})


def test_a_reported_cost_wins_over_every_table() -> None:
    """Who sent the bill knows best."""
    found = Pricer(OWN).price("openai", "gpt-4o", USAGE, NOVEMBER, reported=Decimal("0.42"))
    assert found == Priced(Decimal("0.42"), Price("reported"))


def test_a_reported_zero_is_not_believed() -> None:
    """Many report 0 for "not priced"; where a table knows better it answers, else the cost is unknown."""
    pricer = Pricer()
    assert pricer.price("openai", "gpt-4o", USAGE, NOVEMBER, reported=Decimal(0)) == Priced(Decimal("0.0075"), GPT_4O)
    assert pricer.price("openai", "gpt-99", USAGE, NOVEMBER, reported=Decimal(0)) == Priced()


@pytest.mark.parametrize("model", [None, "", " ", "gpt-4o-" + "x" * 10_000, "\ud800", "/", "models/", "a/b/c/d", "*"])
def test_a_name_that_is_no_model_has_no_price(model: str | None) -> None:
    """Odd names are unknown models, never errors."""
    assert Pricer(OWN).price("openai", model, USAGE, NOVEMBER) == Priced()


@pytest.mark.parametrize("at_ns", [0, -1, 10**18 * 16, 10**30])
def test_a_moment_that_cannot_be_is_priced_by_the_nearest_that_can(at_ns: int) -> None:
    """Clocks may be wrong by centuries."""
    assert Pricer().price("openai", "o3", USAGE, at_ns).cost in {Decimal("0.03"), Decimal("0.006")}


def test_a_call_gets_its_cost_and_where_it_is_from() -> None:
    """Only cost and price change."""
    assert Pricer().priced(CALL) == replace(CALL, cost=Decimal("0.0075"), price=GPT_4O)


def test_the_model_that_was_asked_for_prices_a_call_whose_answer_names_none_that_is_known() -> None:
    """Deployments answer with names of their own, and clients ask with aliases; one of both usually has a price."""
    call = replace(CALL, model="prod-eu", request_model="gpt-4o")
    assert Pricer().priced(call) == replace(call, cost=Decimal("0.0075"), price=GPT_4O)


def test_a_reported_cost_stays_and_a_computed_one_is_computed_anew() -> None:
    """Pricing again with another table corrects what was computed, and nothing else."""
    reported = replace(CALL, cost=Decimal("0.42"), price=Price("reported"))
    computed = replace(CALL, cost=Decimal("9"), price=Price("genai-prices", "openai:gpt-4o", "0.0.1"))
    pricer = Pricer(OWN)
    assert pricer.priced(reported) == reported
    assert pricer.priced(computed) == replace(CALL, cost=Decimal("0.002"), price=Price("override", "gpt-4o", "v"))


def test_a_cost_that_is_no_longer_known_becomes_unknown() -> None:
    """A price that was withdrawn leaves no cost behind."""
    call = replace(CALL, model="gpt-99", cost=Decimal("1"), price=Price("override", "gpt-99", "old"))
    assert Pricer().priced(call) == replace(call, cost=None, price=None)


@at_these_prices
@pytest.mark.parametrize(
    ("said", "model", "cost"),
    [
        ({"extra": {"openai.response.service_tier": "priority"}}, "gpt-4o", Decimal("0.01275")),
        ({"extra": {"gen_ai.openai.response.service_tier": "flex"}}, "gpt-4o", None),
        (
            {"extra": {"openai.request.service_tier": "flex", "openai.response.service_tier": "default"}},
            "gpt-4o",
            Decimal("0.0075"),
        ),
        ({"extra": {"openai.request.service_tier": "flex"}}, "gpt-4o", None),
        ({"params": {"service_tier": "On_Demand"}}, "gpt-4o", Decimal("0.0075")),
        ({"params": {"service_tier": 3}}, "gpt-4o", Decimal("0.0075")),
        ({"params": ["service_tier"]}, "gpt-4o", Decimal("0.0075")),
        ({"params": {"speed": "fast"}}, "claude-opus-4-8", Decimal("0.035")),
    ],
)
def test_a_call_is_priced_in_the_tier_that_served_it(said: dict[str, Any], model: str, cost: Decimal | None) -> None:
    """1000 x 4.25 + 500 x 17 for priority; 1000 x 10 + 500 x 50 for Anthropic's fast mode; none for gpt-4o's flex."""
    provider = "anthropic" if model.startswith("claude") else "openai"
    assert Pricer().priced(replace(CALL, model=model, provider=provider, **said)).cost == cost


def test_the_hosts_decimal_context_rounds_no_cost() -> None:
    """A program that computes with three digits, or traps inexact results, still gets exact costs."""
    calls = [
        ("openai", "gpt-4o", Usage(input=123_456_789, output=1), NOVEMBER),
        ("perplexity", "sonar", Usage(input=123_456_789, output=1), NOVEMBER),
    ]
    with decimal.localcontext(decimal.Context(prec=1, traps=[decimal.Inexact, decimal.Rounded])):
        found = [Pricer().price(*call).cost for call in calls]
    assert found == [Decimal("308.6419825"), Decimal("123.46879")]


texts = st.text(st.characters(codec="utf-8"), max_size=30)
words = st.none() | texts | st.sampled_from(["openai/", "gpt-4o", "us.", "ft:", "azure", "flex", "models/x"])
PRICER = Pricer(OWN)


@settings(deadline=None)
@given(words, words, words, st.integers(-(10**20), 10**20))
def test_nothing_that_a_span_can_say_makes_pricing_raise(
    provider: str | None, model: str | None, tier: str | None, at_ns: int
) -> None:
    """Whatever the names are, the answer is a cost of 0 or more, or none."""
    cost = PRICER.price(provider, model, USAGE, at_ns, service_tier=tier).cost
    assert cost is None or cost >= 0


def test_names_that_never_end_are_forgotten() -> None:
    """What was looked up is remembered within bounds, however many names come from outside."""
    catalogue = Catalogue()
    for nth in range(MOST_REMEMBERED + 10):
        catalogue.listing("ollama", f"model-{nth}")
    assert len(catalogue._listings) <= MOST_REMEMBERED


def test_threads_may_share_a_pricer() -> None:
    """The first calls of many threads at once, import included, get the one right answer."""
    pricer, found = Pricer(), []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        found.append(pricer.price("openai", "gpt-4o", USAGE, NOVEMBER))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Priced(Decimal("0.0075"), GPT_4O)] * 8


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


SETUP = (
    "import sys; from agentops_otel.pricing import *; from agentops_otel.records import Usage; u = Usage(1, output=1);"
)


def test_genai_prices_is_imported_with_the_first_price_only() -> None:
    """Neither the import nor a reported cost nor an entry of one's own loads it."""
    code = SETUP + (
        "own = PriceTable.parse({'prices': [{'model': 'm', 'input': 1, 'output': 1}]}); p = Pricer(own); available();"
        "p.price(None, 'm', u, 0); p.price(None, 'n', u, 0, reported=1); print('genai_prices' in sys.modules);"
        "p.price('openai', 'gpt-4o', u, 0); print('genai_prices' in sys.modules)"
    )
    assert run(code) == "False\nTrue"


def test_without_the_extra_the_cost_is_unknown_and_the_reason_can_be_asked() -> None:
    """A machine without genai-prices records calls all the same, and the user's table still works."""
    hidden = (
        "import importlib.metadata as m; real = m.version;\n"
        "def version(name):\n"
        "    if name == 'genai-prices': raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "import sys; sys.modules['genai_prices'] = None\n"
    )
    code = (
        hidden
        + SETUP
        + (
            "own = PriceTable.parse({'prices': [{'model': 'm', 'input': 1, 'output': 1}]}); p = Pricer(own);"
            "print(available(), p.price('openai', 'gpt-4o', u, 0).cost, p.price(None, 'm', u, 0).cost)"
        )
    )
    assert run(code) == "None None 0.000002"
