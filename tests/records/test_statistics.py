"""records: what events add up to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentops_otel.records import LLMCall, Statistics, Usage

FAILED = {"otel": {"status": "error"}}


@pytest.mark.parametrize(
    ("fields", "unpriced"),
    [
        ({}, 1),
        ({"usage": Usage(input=3)}, 1),
        ({"cost": Decimal("0.1")}, 0),
        ({"cost": Decimal(0)}, 0),
        ({"extra": FAILED}, 0),
        ({"extra": FAILED, "usage": Usage(output=2)}, 1),
        ({"extra": FAILED, "response_id": "r"}, 1),
        ({"extra": FAILED, "completion": "half an answ"}, 1),
    ],
)
def test_a_call_without_a_price_makes_the_cost_a_lower_bound_unless_it_was_never_answered(
    fields: dict[str, Any], unpriced: int
) -> None:
    """A refused request costs nothing; a stream that broke in the middle does."""
    call = LLMCall(event_id="e", session_id="s", name="chat", init_timestamp=1, **fields)
    assert unpriced == Statistics.of(call).unpriced_llms
