"""The specification of cost: what providers send, the buckets it means, the dollars it costs."""

from __future__ import annotations

import pytest
from price_cases import CASES, VERSION, Case, at_these_prices

from agentops_otel.conventions.usage import Shape
from agentops_otel.pricing import Priced, Pricer
from agentops_otel.records import Price

PRICER = Pricer()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_payload_has_these_buckets(case: Case) -> None:
    """Each token of the payload is in one bucket, and in one only."""
    assert case.usage == case.shape.count(case.raw).usage


@at_these_prices
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_payload_costs_this_much(case: Case) -> None:
    """The cost is the sum worked out by hand, to the last digit, and says which entry of which table it is from."""
    found = PRICER.price(
        case.provider, case.model, case.usage, case.at_ns, service_tier=case.tier, operation=case.operation
    )
    price = Price("genai-prices", case.entry, VERSION) if case.sum is not None else None
    assert Priced(case.dollars, price) == found


def test_the_table_is_large_enough_to_be_the_specification() -> None:
    """Sixty cases at least, none of them twice, and every unknown cost with its reason."""
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert [case.name for case in CASES if bool(case.why) != (case.sum is None)] == []


def test_every_provider_family_is_in_the_table() -> None:
    """A shape of usage without a case would be priced on trust."""
    from agentops_otel.conventions.usage import SHAPES

    untested: list[Shape] = [shape for shape in SHAPES.values() if shape not in {case.shape for case in CASES}]
    assert [name for name, shape in SHAPES.items() if shape in untested] == ["pydantic-ai"]
