"""The user's own table: what it says, which entry answers, and what a bad one is told."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentops_otel.errors import ConfigurationError
from agentops_otel.pricing import Priced, Pricer, PriceTable
from agentops_otel.records import Price, Usage, nanoseconds

NOVEMBER = nanoseconds("2026-11-18T11:06:40Z")
THOUSAND = Usage(input=1000, output=1000)


def table(*entries: dict[str, Any]) -> PriceTable:
    return PriceTable.parse({"version": "v", "prices": list(entries)})


def cost(own: PriceTable, model: str, provider: str | None = None, usage: Usage = THOUSAND) -> Decimal | None:
    return Pricer(own).price(provider, model, usage, NOVEMBER).cost


def test_a_file_is_read_exactly(tmp_path: Path) -> None:
    """Amounts are decimals: 0.1 is a tenth, and a price of many digits keeps them all."""
    file = tmp_path / "prices.json"
    file.write_text('\ufeff{"prices": [{"model": "m", "input": 0.1, "output": 0.123456789012345678901}]}', "utf-8")
    own = PriceTable.load(file)
    assert cost(own, "m") == Decimal("0.000100000000") + Decimal("0.000123456789012345678901")


def test_the_version_is_what_the_file_says_or_its_digest(tmp_path: Path) -> None:
    """Every cost can be traced to the very content of the table it is from."""
    file = tmp_path / "prices.json"
    versions = []
    for content in ({"version": 7, "prices": []}, {"prices": []}, {"prices": [{"model": "m", "input": 1}]}):
        file.write_text(json.dumps(content))
        versions.append(PriceTable.load(file).version)
    assert versions[0] == "7"
    assert len(set(versions)) == 3
    assert [len(version) for version in versions[1:]] == [12, 12]


def test_the_users_table_wins_and_says_so() -> None:
    """An entry beats genai-prices, and the cost names entry and version."""
    own = table({"model": "gpt-4o", "input": 1, "output": 2})
    assert Priced(Decimal("0.003"), Price("override", "gpt-4o", "v")) == Pricer(own).price(
        "openai", "gpt-4o", THOUSAND, NOVEMBER
    )


def test_a_model_that_the_table_does_not_name_is_asked_of_genai_prices() -> None:
    """The table adds to the built-in one."""
    own = table({"model": "our-model", "input": 1, "output": 2})
    assert cost(own, "gpt-4o", "openai") == Decimal("0.0125")


@pytest.mark.parametrize(
    ("entries", "model", "provider", "wins"),
    [
        ([("gpt-*", None), ("gpt-4o", None)], "gpt-4o", None, 1),
        ([("gpt-*", "azure"), ("gpt-4o", None)], "gpt-4o", "azure", 1),
        ([("gpt-4o", None), ("gpt-4o", "azure")], "gpt-4o", "azure", 1),
        ([("gpt-4o", "azure"), ("gpt-4o", None)], "gpt-4o", "openai", 1),
        ([("gpt-*", None), ("gpt-4*", None)], "gpt-4o", None, 0),
        ([("gpt-4o", "azure")], "gpt-4o", "azure.ai.openai", 0),
        ([("gpt-4o", "Azure OpenAI")], "gpt-4o", "azure", 0),
        ([("our-llama", "acme inc.")], "our-llama", "ACME Inc", 0),
        ([("gpt-4o", None)], "openai/GPT-4o", None, 0),
        ([("gpt-4o", None), ("openai/gpt-4o", None)], "openai/gpt-4o", None, 0),
        ([("us.anthropic.*", None)], "bedrock/us.anthropic.claude", None, 0),
        ([("gpt-4[op]", None)], "gpt-4o", None, 0),
    ],
)
def test_the_most_specific_entry_answers(
    entries: list[tuple[str, str | None]], model: str, provider: str | None, wins: int
) -> None:
    """Exact before pattern, its provider before any, first in the file before the rest; as gateways spell the names."""
    named = [{"model": name, "provider": maker} for name, maker in entries]
    own = table(*({**entry, "input": 0, "output": 0, "request": nth} for nth, entry in enumerate(named)))
    assert cost(own, model, provider) == wins


@pytest.mark.parametrize(
    ("entry", "model", "provider"),
    [
        ({"model": "our-model", "provider": "azure"}, "our-model", "openai"),
        ({"model": "our-model", "provider": "azure"}, "our-model", None),
        ({"model": "our-*"}, "my-model", None),
        ({"model": "our-model", "valid_from": "2026-11-19"}, "our-model", None),
    ],
)
def test_an_entry_about_something_else_does_not_answer(entry: dict[str, Any], model: str, provider: str | None) -> None:
    """Another provider, another name, a later date."""
    assert cost(table({**entry, "input": 1, "output": 1}), model, provider) is None


def test_prices_are_those_of_the_moment_of_the_call() -> None:
    """Of several entries of a model the latest that had begun answers, in whatever order they stand."""
    own = table(
        {"model": "m", "request": 3, "valid_from": "2026-11-18T11:06:41Z"},
        {"model": "m", "request": 1},
        {"model": "m", "request": 2, "valid_from": "2026-11-18"},
    )
    days = ["2026-11-17T23:59:59Z", "2026-11-18T00:00:00Z", "2026-11-18T11:06:41Z"]
    assert [Pricer(own).price(None, "m", Usage(), nanoseconds(day)).cost for day in days] == [1, 2, 3]


def test_buckets_that_an_entry_does_not_name_cost_what_contains_them() -> None:
    """Cached and seen tokens cost as input, reasoning and drawn ones as output, one-hour writes as writes."""
    own = table({"model": "m", "input": 1, "output": 10, "cache_write": 2})
    usage = Usage(input=1, cache_read=10, cache_write=100, cache_write_1h=1000, image=10_000, output=1, reasoning=10)
    assert cost(own, "m", usage=usage) == Decimal(1 + 10 + 2 * 1100 + 10_000 + 10 * 11) / 10**6


def test_sound_has_no_stand_in() -> None:
    """Sound costs a multiple of text, so it is unknown until the table says it."""
    usage = Usage(input=1, output=1, audio_in=1)
    assert cost(table({"model": "m", "input": 1, "output": 1}), "m", usage=usage) is None
    assert cost(table({"model": "m", "input": 1, "output": 1, "audio_in": 7}), "m", usage=usage) == Decimal("0.000009")


def test_what_the_table_cannot_price_is_not_priced_by_another() -> None:
    """Who names a model takes it over: half of a call at one price and half at another would be no price."""
    own = table({"model": "gpt-4o", "input": 1})
    assert cost(own, "gpt-4o", "openai") is None


def test_a_price_of_zero_is_a_price() -> None:
    """A model of one's own may be free, and then the cost is known."""
    assert cost(table({"model": "llama*", "input": 0, "output": 0}), "llama3.2", "ollama") == 0


def test_a_price_per_call_needs_no_tokens() -> None:
    """Reranks and searches are charged by the call."""
    assert cost(table({"model": "rerank-v3.5", "request": 0.002}), "rerank-v3.5", usage=Usage()) == Decimal("0.002")


BAD_TABLES: list[tuple[Any, str]] = [
    ([], 'the file must be an object with a list "prices"'),
    ({}, 'the file must be an object with a list "prices"'),
    ({"prices": {}}, 'the file must be an object with a list "prices"'),
    ({"prices": [], "price": []}, 'the file has an unknown key \'price\'; only "version" and "prices" are known'),
    ({"prices": ["gpt-4o"]}, "entry 1 must be an object"),
    ({"prices": [{"input": 1}]}, 'entry 1 must have a "model": a name or a pattern such as "gpt-4o*"'),
    ({"prices": [{"model": " ", "input": 1}]}, 'entry 1 must have a "model": a name or a pattern such as "gpt-4o*"'),
    (
        {"prices": [{"model": "m", "input": 1}, {"model": "n", "inputs": 1}]},
        "entry 2 (n) has an unknown key 'inputs'; did you mean 'input'?",
    ),
    (
        {"prices": [{"model": "m", "provider": 3, "input": 1}]},
        'entry 1 (m) has provider 3; give a name such as "azure" or leave it out',
    ),
    (
        {"prices": [{"model": "m", "provider": "azure"}]},
        'entry 1 (m) has no price; give "input" and "output" in US dollars per million tokens',
    ),
    *(
        (
            {"prices": [{"model": "m", "output": bad}]},
            f"entry 1 (m) has output = {bad!r}; give US dollars per million tokens as a number from 0 to 1000000",
        )
        for bad in (-1, "2.50", True, None, [1], 10**7, float("nan"), float("inf"))
    ),
    (
        {"prices": [{"model": "m", "input": 1, "valid_from": "soon"}]},
        "entry 1 (m) has valid_from = 'soon'; give a date such as \"2026-11-01\"",
    ),
    (
        {"prices": [{"model": "m", "input": 1, "valid_from": 20261101}]},
        'entry 1 (m) has valid_from = 20261101; give a date such as "2026-11-01"',
    ),
    (
        {"prices": [{"model": "m", "input": 1}, {"model": "M", "input": 2}]},
        "entry 2 (m) repeats entry 1; remove one of them",
    ),
]


@pytest.mark.parametrize(("data", "message"), BAD_TABLES)
def test_a_bad_table_is_told_file_entry_and_remedy(data: Any, message: str) -> None:
    """Whoever wrote the table can mend it by the message alone."""
    with pytest.raises(ConfigurationError) as raised:
        PriceTable.parse(data, path="/etc/prices.json")
    assert f"prices file /etc/prices.json: {message}" == str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"prices": NaN', b"[" * 100_000])
def test_a_file_that_is_not_json_is_told_so(tmp_path: Path, content: bytes) -> None:
    """Cut, binary or absurdly nested content is named as what it is."""
    file = tmp_path / "prices.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not JSON"):
        PriceTable.load(file)


def test_an_amount_that_json_does_not_have_is_told_by_its_name(tmp_path: Path) -> None:
    """Python would read NaN and Infinity where JSON has no such numbers."""
    file = tmp_path / "prices.json"
    file.write_text('{"prices": [{"model": "m", "input": Infinity}]}')
    with pytest.raises(ConfigurationError, match=r"entry 1 \(m\) has input = 'Infinity'; give US dollars"):
        PriceTable.load(file)


def test_a_file_that_cannot_be_read_is_told_with_the_remedy(tmp_path: Path) -> None:
    """A missing file names the setting that leads to it."""
    missing = tmp_path / "missing.json"
    with pytest.raises(ConfigurationError) as raised:
        PriceTable.load(missing)
    reason = os.strerror(2)
    assert str(raised.value) == f"prices file {missing} cannot be read ({reason}); correct AGENTOPS_PRICES or unset it"
