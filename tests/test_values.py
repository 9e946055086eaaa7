"""values: any Python value as JSON, with marks where something could not be carried."""

import json
import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel import values

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Hostile:
    """An object that raises whenever it is looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


CYCLE: list[Any] = [1]
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, {"$type": "float", "$repr": "nan"}),
        (b"\x00ab", {"$type": "bytes", "$repr": "b'\\x00ab'", "$size": 3}),
        (2**70, 2**70),
        ([1 << 20_000], [{"$type": "int", "$repr": "(repr raised ValueError)"}]),
        (timedelta(seconds=3), {"$type": "datetime.timedelta", "$repr": "datetime.timedelta(seconds=3)"}),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00"),
        (Decimal("0.10"), "0.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, "a"), [1, "a"]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: "x", None: "y"}, {"1": "x", "null": "y"}),
        ("\udc80", "\\udc80"),
        ("na\u00efve \U0001f642", "na\u00efve \U0001f642"),
        (CYCLE, [1, {"$type": "list", "$repr": "(cycle)"}]),
        ({"deep": {"nan": math.inf}}, {"deep": {"nan": {"$type": "float", "$repr": "inf"}}}),
    ],
)
def test_what_json_cannot_carry_is_marked(value: Any, expected: Any) -> None:
    """Each odd value becomes readable JSON that tells its type; the rest of its container is unharmed."""
    assert expected == json.loads(values.dumps(value))


def test_an_object_that_raises_when_looked_at_is_marked() -> None:
    """A hostile object costs its own value only."""
    assert {"$type": f"{__name__}.Hostile", "$repr": "(repr raised RuntimeError)"} == values.carried(Hostile())


@given(PLAIN)
def test_plain_values_come_back_unchanged(value: Any) -> None:
    """dumps and loads are inverse on everything JSON can carry."""
    text = values.dumps(value)
    assert values.loads(text) == json.loads(json.dumps(json.loads(text)))


def test_a_long_text_is_cut_with_a_mark() -> None:
    """Ten megabytes become the configured size and say how long they were."""
    got = values.loads(values.dumps({"prompt": "x" * 10_485_760}, max_text=100))
    assert got == {"prompt": "x" * 100 + "… [10485760 characters]"}
    assert values.is_cut(got["prompt"])
    assert not values.is_cut("plain")


def test_a_deep_nest_is_bounded() -> None:
    """Nesting beyond the recursion limit is cut instead of raising."""
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    assert isinstance(values.loads(values.dumps(nest)), list)
