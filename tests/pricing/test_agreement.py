"""Our arithmetic against genai-prices' own, over all of its models."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.pricing import Catalogue
from agentops_otel.pricing.catalogue import card_of
from agentops_otel.pricing.rates import BUCKETS
from agentops_otel.records import EXACT, Usage

genai_prices = pytest.importorskip("genai_prices")

MODELS = {
    f"{provider.id}:{model.id}": (provider, model)
    for provider in genai_prices.data_snapshot.get_snapshot().providers
    for model in provider.models
}
NOVEMBER = datetime(2026, 11, 18, 11, 6, 40, tzinfo=timezone.utc)


def their_price(provider: Any, model: Any, usage: Usage, at: datetime, context: dict[str, str] | None) -> Decimal:
    """What genai-prices answers for the same tokens, in its own, nested words."""
    read, write, hour = usage.cache_read or 0, usage.cache_write or 0, usage.cache_write_1h or 0
    theirs = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=read,
        cache_write_tokens=write + hour,
        cache_write_5m_tokens=write,
        cache_write_1h_tokens=hour,
        input_audio_tokens=usage.audio_in,
        input_image_tokens=usage.image,
        output_tokens=usage.completion_tokens,
        output_reasoning_tokens=usage.reasoning,
        output_audio_tokens=usage.audio_out,
        output_image_tokens=usage.image_out,
        cache_audio_read_tokens=0,
        cache_image_read_tokens=0,
        input_video_tokens=0,
        output_video_tokens=0,
    )
    answer = model.calc_price(theirs, provider, genai_request_timestamp=at, price_context=context)
    total: Decimal = answer.total_price
    return total


SMALL = Usage(1_001, 2_002, 303, 44, 5_005, 606, 77, 88, 909, 10)
LONG = replace(SMALL, cache_read=600_000)


def pairs(usage: Usage) -> dict[str, tuple[Decimal, Decimal | None]]:
    """Their price and ours, of every model in each of its tiers, where they are not the same."""
    different: dict[str, tuple[Decimal, Decimal | None]] = {}
    for name, (provider, model) in MODELS.items():
        for context in (None, *(variant.when for variant in model.price_variants or ())):
            card = card_of(model.get_prices(NOVEMBER, context), provider.id, model.id, model.id)
            if card is None or model.id.endswith(":free"):
                continue
            priced = replace(usage, **dict.fromkeys(set(BUCKETS) - card.rates.keys(), 0))
            both = their_price(provider, model, priced, NOVEMBER, context), card.cost(priced)
            if both[0] != both[1]:
                different[f"{name} {context}"] = both
    return different


@pytest.mark.parametrize("usage", [SMALL, LONG], ids=["short prompt", "long prompt"])
def test_every_model_costs_what_genai_prices_says(usage: Usage) -> None:
    """All models, all tiers, every bucket that has a rate: equal to the last digit."""
    assert pairs(usage) == {}


def test_nearly_every_model_has_a_price() -> None:
    """What is left unknown on purpose is the exception: less than 3 of 100 models, free ones aside."""
    unknown = [
        name
        for name, (provider, model) in MODELS.items()
        if card_of(model.get_prices(NOVEMBER), provider.id, model.id, model.id) is None
    ]
    assert len(unknown) < 0.03 * len(MODELS), unknown


tokens = st.integers(0, 2_000_000)
moments = st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc))
contexts = st.sampled_from(
    [None, {"processing": "batch"}, {"service_tier": "flex"}, {"service_tier": "priority"}, {"speed": "fast"}]
)
usages = st.builds(
    Usage,
    input=tokens,
    cache_read=st.just(0) | tokens,
    cache_write=st.just(0) | tokens,
    cache_write_1h=st.just(0) | tokens,
    output=tokens,
    reasoning=st.just(0) | tokens,
    audio_in=st.just(0) | tokens,
    audio_out=st.just(0) | tokens,
    image=st.just(0),
    image_out=st.just(0) | tokens,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(MODELS)), usages, moments, contexts)
def test_any_usage_costs_what_genai_prices_says_or_is_unknown(
    name: str, usage: Usage, at: datetime, context: dict[str, str] | None
) -> None:
    """Any tokens, any moment, any tier that the model has: tiers of context, dates and times of day included."""
    provider, model = MODELS[name]
    card = card_of(model.get_prices(at, context), provider.id, model.id, model.id)
    if card is not None and not model.id.endswith(":free"):
        usage = replace(usage, **dict.fromkeys(set(BUCKETS) - card.rates.keys(), 0))
        assert their_price(provider, model, usage, at, context) == card.cost(usage)


@settings(deadline=None)
@given(st.sampled_from(sorted(MODELS)), usages, usages)
def test_a_cost_is_additive_where_there_are_no_context_tiers(name: str, a: Usage, b: Usage) -> None:
    """Two calls cost what one call of their tokens does, less the second price per call."""
    provider, model = MODELS[name]
    card = card_of(model.get_prices(NOVEMBER), provider.id, model.id, model.id)
    if card is None or card.tiers:
        return
    both = Usage(*(getattr(a, name) + getattr(b, name) for name in Usage.__slots__))
    costs = [card.cost(usage) for usage in (a, b, both)]
    if None not in costs:
        one, other, joint = (cost for cost in costs if cost is not None)
        assert EXACT.add(one, other) == EXACT.add(joint, card.request)


def test_prices_change_at_full_minutes_only() -> None:
    """The catalogue remembers a price for a minute; a finer change would be missed."""
    finer = [
        (provider.id, model.id)
        for provider, model in MODELS.values()
        for dated in [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or [])]
        for time in (getattr(dated.constraint, "start_time", None), getattr(dated.constraint, "end_time", None))
        if time is not None and (time.second or time.microsecond)
    ]
    assert finer == []


def test_prices_that_an_update_brings_are_used_at_once() -> None:
    """A host that runs genai-prices' UpdatePrices is priced by the updated table, and its date is in the version."""
    from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    at_ns = int(NOVEMBER.timestamp()) * 10**9
    catalogue = Catalogue()
    before = catalogue.quote("openai", "gpt-4o", "", at_ns)
    match = MODELS["openai:gpt-4o"][1].match
    cheaper = ModelInfo("gpt-4o", match, prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2)))
    updated = [Provider("openai", "OpenAI", "", models=[cheaper])]
    try:
        set_custom_snapshot(DataSnapshot(updated, from_auto_update=True, timestamp=datetime(2026, 11, 20)))
        after = catalogue.quote("openai", "gpt-4o", "", at_ns)
    finally:
        set_custom_snapshot(None)
    assert before is not None
    assert after is not None
    assert (before.card.rates["input"], before.price.version) == (Decimal("0.0000025"), genai_prices.__version__)
    assert (after.card.rates["input"], after.price.version) == (
        Decimal("0.000001"),
        f"{genai_prices.__version__}+2026-11-20",
    )
    assert get_snapshot().from_auto_update is False
