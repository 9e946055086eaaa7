"""The prices of genai-prices, looked up once a model and turned into rates of ours.

genai-prices (the extra `cost`) is imported when the first price is asked for: it takes 0.2 s. A call of its
`calc_price` costs 100 µs and more, so models are resolved once and the arithmetic is `rates.Card`; tests prove that the
result is the same. What the table cannot price right is unknown: tokens whose rate it does not have, units that are not
tokens, service tiers it does not know.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from typing import Any, NamedTuple, TypeVar

from agentops_otel.pricing.names import (
    OWN_MACHINE,
    gateway_prefix,
    only_its_maker_serves,
    provider_id,
    spellings,
)
from agentops_otel.pricing.rates import Card, Quote, may_hear, may_speak, per_million
from agentops_otel.records import EXACT, Price

STANDARD_TIERS = frozenset({"", "default", "standard", "standard_only", "auto", "on_demand"})
"""Words for being served as everybody is."""

_CONTEXTS = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
    "fast mode": {"speed": "fast"},
}
"""Service tiers, and how genai-prices selects their prices."""

_SAME_PRICE = frozenset({("groq", "flex")})
"""Tiers with the standard price. Source: console.groq.com/docs/flex-processing, read 2026-11."""

_PRICE_KEYS = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_in": ("input_audio_mtok",),
    "audio_out": ("output_audio_mtok",),
    "image": ("input_image_mtok", "input_mtok"),
    "image_out": ("output_image_mtok", "output_mtok"),
}
"""Where the rate of a bucket stands, the first that is there. Images are tokens like text where they have no rate of
their own; sound and one-hour cache writes are not."""

_SOUND_AS_TEXT = {"audio_in": "input_mtok", "audio_out": "output_mtok"}
"""Google charges one price for every modality of a model, where its price list names no other."""

_SEEN = (("image", "input_image_mtok", "input_video_mtok"), ("image_out", "output_image_mtok", "output_video_mtok"))

_UNDERSTOOD = frozenset(key for keys in _PRICE_KEYS.values() for key in keys) | {
    *("input_video_mtok", "output_video_mtok", "cache_audio_read_mtok", "cache_image_read_mtok"),
    *("requests_kcount", "web_searches_kcount", "storage_searches_kcount"),
}
"""Prices of anything else (hours, pages, characters, citations) need counts that usage does not have."""

_K = TypeVar("_K")
_V = TypeVar("_V")
MOST_REMEMBERED = 4096
_NOT_YET: Any = object()  # what is remembered may be None
_LATEST_S = 253_402_300_799  # the last second of the year 9999, which is as far as datetime goes
_NS_PER_MINUTE = 60_000_000_000


class Listing(NamedTuple):
    """A model as genai-prices lists it: the id of the provider and the ModelInfo."""

    provider: str
    model: Any


def available() -> str | None:
    """The version of genai-prices that is installed, None without the extra `cost`. Imports nothing of it."""
    try:
        return distribution_version("genai-prices")
    except PackageNotFoundError:
        return None


class Catalogue:
    """genai-prices, and what was looked up in it. Threads may share one."""

    def __init__(self) -> None:
        self._version = available()
        self._get_snapshot: Callable[[], Any] | None = None
        self._snapshot: Any = None
        self._listings: dict[tuple[str | None, str], Listing | None] = {}
        self._quotes: dict[tuple[str | None, str, str, int], Quote | None] = {}

    def quote(self, provider: str | None, model: str, tier: str, at_ns: int) -> Quote | None:
        """What a model costs at a moment, served in a tier; None if that is not known."""
        if self._version is None:
            return None
        listing = self.listing(provider, model)
        if listing is None:
            return None
        # Prices change at full minutes at the finest: deepseek's by time of day, the others by date.
        minute = 0 if tier in STANDARD_TIERS and _is_constant(listing.model.prices) else at_ns // _NS_PER_MINUTE
        key = (provider, model, tier, minute)
        found: Quote | None = self._quotes.get(key, _NOT_YET)
        if found is _NOT_YET:
            found = _remember(self._quotes, key, self._new_quote(listing, model, tier, at_ns))
        return found

    def listing(self, provider: str | None, model: str) -> Listing | None:
        """The entry that a provider's model has, found by its spellings; None if there is none."""
        data, key = self._data(), (provider, model)
        found: Listing | None = self._listings.get(key, _NOT_YET)
        if found is _NOT_YET:
            found = _remember(self._listings, key, _find(data.providers, provider_id(provider), model))
        return found

    def _data(self) -> Any:
        """The price data. A host that runs genai-prices' UpdatePrices gets the updated prices here too."""
        if self._get_snapshot is None:
            self._get_snapshot = importlib.import_module("genai_prices.data_snapshot").get_snapshot
        current = self._get_snapshot()
        if current is not self._snapshot:
            self._snapshot = current
            self._listings.clear()
            self._quotes.clear()
        return current

    def _new_quote(self, listing: Listing, model: str, tier: str, at_ns: int) -> Quote | None:
        moment = datetime.fromtimestamp(min(max(at_ns // 10**9, 0), _LATEST_S), timezone.utc)
        context: Mapping[str, str] | None = None
        if tier not in STANDARD_TIERS and (listing.provider, tier) not in _SAME_PRICE:
            context = _CONTEXTS.get(tier)
            if context is None or not _has_variant(listing, context, moment):
                return None
        card = card_of(listing.model.get_prices(moment, context), listing.provider, listing.model.id, model)
        if card is None:
            return None
        table = f"{listing.provider}:{listing.model.id}" + (f" {tier}" if context else "")
        updated = f"+{self._data().timestamp:%Y-%m-%d}" if self._data().from_auto_update else ""
        return Quote(card, Price("genai-prices", table, f"{self._version}{updated}"))


def _remember(cache: dict[_K, _V], key: _K, found: _V) -> _V:
    """Keep it for the next call. Names come from outside and may never end; what is forgotten is looked up again."""
    if len(cache) >= MOST_REMEMBERED:
        cache.clear()
    cache[key] = found
    return found


# --- which model -----------------------------------------------------------------------------------------------------


def _find(providers: list[Any], provider: str | None, model: str) -> Listing | None:
    if provider in OWN_MACHINE:
        return None
    names = spellings(model)
    known = {one.id: one for one in providers}
    for maker, name in _candidates(provider, names, known):
        found = known[maker].find_model(name, all_providers=providers)
        if found is not None:
            return Listing(maker, found)
    return None


def _candidates(provider: str | None, names: tuple[str, ...], known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Whom to ask for which name: the provider itself, the one before the slash, then the maker of the model.

    Open models cost what their host charges, so the maker's price is taken only for closed ones, or where no provider
    is named. "openai" may be its client pointed at anything that speaks its wire, so it counts as a gateway.
    """
    if provider is not None and provider in known:
        yield from ((provider, name) for name in names)
        if provider not in ("openai", "openrouter"):
            return
    names = tuple(name for name in names if provider is None or only_its_maker_serves(name))
    prefix = gateway_prefix(names[0]) if names else None
    if prefix is not None and prefix in known:
        yield from ((prefix, name) for name in names[1:])
    for name in names:
        yield from ((one.id, name) for one in known.values() if one.model_match and one.model_match.is_match(name))


def _is_constant(prices: Any) -> bool:
    return not isinstance(prices, list) or (len(prices) == 1 and prices[0].constraint is None)


# --- at which rates --------------------------------------------------------------------------------------------------


def _has_variant(listing: Listing, context: Mapping[str, str], moment: datetime) -> bool:
    """Whether the tier has a price of its own at that moment; without one, genai-prices would answer the standard."""
    return any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(moment))
        for variant in listing.model.price_variants or ()
    )


def card_of(prices: Any, provider: str, model_id: str, model: str) -> Card | None:
    """The card of a ModelPrice; None if it has no price, or one that tokens cannot tell."""
    given: dict[str, Any] = {key: value for key, value in vars(prices).items() if value is not None}
    if not given:
        free = model_id.endswith(":free") or model.lower().endswith(":free")
        return Card({bucket: Decimal(0) for bucket in _PRICE_KEYS}) if free else None
    if not given.keys() <= _UNDERSTOOD or given.keys() <= {"web_searches_kcount", "storage_searches_kcount"}:
        return None
    keys = _keys_of_buckets(given, provider, model_id)
    starts = sorted({tier.start for value in given.values() for tier in getattr(value, "tiers", ())})
    return Card(
        rates=_rates(given, keys, 0),
        tiers=tuple((start, _rates(given, keys, start + 1)) for start in starts),
        request=EXACT.scaleb(given.get("requests_kcount", Decimal(0)), -3),
        hears=may_hear(model) and keys.get("audio_in") != "input_mtok",
        speaks=may_speak(model) and keys.get("audio_out") != "output_mtok",
    )


def _keys_of_buckets(given: Mapping[str, Any], provider: str, model_id: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for bucket, candidates in _PRICE_KEYS.items():
        found: str | None = next((key for key in candidates if key in given), None)
        if found is None and provider == "google" and model_id.startswith("gemini"):
            found = _SOUND_AS_TEXT.get(bucket)
        if found is not None and found in given:
            keys[bucket] = found
    for bucket, image, film in _SEEN:
        if film in given and given[film] != given.get(image):
            keys.pop(bucket, None)  # it holds both, and they cost differently
    return keys


def _rates(given: Mapping[str, Any], keys: Mapping[str, str], prompt_tokens: int) -> dict[str, Decimal]:
    return {bucket: per_million(_amount(given[key], prompt_tokens)) for bucket, key in keys.items()}


def _amount(price: Any, prompt_tokens: int) -> Decimal:
    """A price, or of tiered prices the one for so long a prompt."""
    amount: Decimal = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if prompt_tokens > tier.start:
            amount = tier.price
    return amount
