"""What people ask about prices: what a model costs, how their table compares, and pricing again what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from agentops_otel.facts import EventFact
from agentops_otel.pricing import Catalogue, Pricer
from agentops_otel.pricing.rates import BUCKETS, Card, Quote, Rates
from agentops_otel.pricing.table import Entry, PriceTable
from agentops_otel.records import EXACT, Event, Json, LLMCall, decimal_text, iso8601, plain_decimal

# --- prices show -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What one model costs at one moment, by one source; `quote` is None if that source does not know it."""

    provider: str | None
    model: str
    at_ns: int
    source: Literal["override", "genai-prices"]
    quote: Quote | None

    def to_json(self) -> dict[str, Json]:
        """Prices per million tokens as decimal texts; of long prompts too, and per call."""
        quote = self.quote
        return {
            "provider": self.provider,
            "model": self.model,
            "at": iso8601(self.at_ns),
            "source": self.source,
            "table": quote.price.table if quote else None,
            "version": quote.price.version if quote else None,
            "per_million_tokens": dollars(quote.card.rates) if quote else None,
            "long_prompts": _long_prompts(quote.card) if quote else [],
            "per_call": decimal_text(quote.card.request) if quote else None,
        }


def show(pricer: Pricer, provider: str | None, model: str, at_ns: int, service_tier: str | None = None) -> list[Shown]:
    """What the user's table and genai-prices say of a model, in the order in which they are asked."""
    mine = pricer.own.quote(provider, model, at_ns) if pricer.own is not None else None
    listed = pricer.catalogue.quote(provider, model, (service_tier or "").lower(), at_ns)
    theirs = Shown(provider, model, at_ns, "genai-prices", listed)
    return [theirs] if mine is None else [Shown(provider, model, at_ns, "override", mine), theirs]


def dollars(rates: Rates) -> dict[str, Json]:
    """Rates as decimal texts per million tokens, by bucket."""
    return {bucket: decimal_text(_per_million(rates[bucket])) for bucket in BUCKETS if bucket in rates}


def _long_prompts(card: Card) -> list[Json]:
    return [{"over_tokens": start, "per_million_tokens": dollars(rates)} for start, rates in card.tiers]


def _per_million(rate: Decimal) -> Decimal:
    return plain_decimal(EXACT.scaleb(rate, 6))


# --- prices check ----------------------------------------------------------------------------------------------------


class Compared(NamedTuple):
    """The price of a bucket in US dollars per million tokens: the user's, and what genai-prices lists."""

    yours: Decimal | None
    listed: Decimal | None


@dataclass(frozen=True)
class Checked:
    """One entry of the user's table beside genai-prices.

    "not listed": genai-prices does not know the model, so that the entry is its only price. "pattern": it cannot be
    compared as a whole. "later": not in force yet. "replaced": another entry of the same name has come into force.
    `differences` are the buckets whose prices are not the same, stand-ins included.
    """

    nth: int
    entry: Entry
    verdict: Literal["same", "differs", "not listed", "pattern", "later", "replaced"]
    differences: Mapping[str, Compared]

    def to_json(self) -> dict[str, Json]:
        """Differences as decimal texts per million tokens."""
        return {
            "entry": self.nth,
            "model": self.entry.model,
            "provider": self.entry.provider,
            "verdict": self.verdict,
            "differences": {
                bucket: {"yours": decimal_text(one.yours), "listed": decimal_text(one.listed)}
                for bucket, one in self.differences.items()
            },
        }


def check(own: PriceTable, catalogue: Catalogue, at_ns: int) -> list[Checked]:
    """Every entry of the user's table, in its order, against genai-prices at that moment."""
    return [_checked(nth, entry, own, catalogue, at_ns) for nth, entry in enumerate(own.entries, 1)]


def _checked(nth: int, entry: Entry, own: PriceTable, catalogue: Catalogue, at_ns: int) -> Checked:
    if entry.valid_from_ns > at_ns:
        return Checked(nth, entry, "later", {})
    if any(_replaces(other, entry, at_ns) for other in own.entries):
        return Checked(nth, entry, "replaced", {})
    if entry.is_pattern:
        return Checked(nth, entry, "pattern", {})
    listed = catalogue.quote(entry.provider, entry.model, "", at_ns)
    if listed is None:
        return Checked(nth, entry, "not listed", {})
    differences = _differences(entry.card.rates, listed.card.rates)
    return Checked(nth, entry, "differs" if differences else "same", differences)


def _replaces(other: Entry, entry: Entry, at_ns: int) -> bool:
    same = (other.model, other.provider) == (entry.model, entry.provider)
    return same and entry.valid_from_ns < other.valid_from_ns <= at_ns


def _differences(yours: Rates, listed: Rates) -> dict[str, Compared]:
    found: dict[str, Compared] = {}
    for bucket in BUCKETS:
        pair = [_per_million(rates[bucket]) if bucket in rates else None for rates in (yours, listed)]
        if pair[0] != pair[1] and bucket in listed:
            found[bucket] = Compared(*pair)
    return found


# --- reprice ---------------------------------------------------------------------------------------------------------


def repriced(events: Iterable[Event], pricer: Pricer, now_ns: int) -> Iterator[EventFact]:
    """The model calls among `events` whose cost changes, as facts for `Store.append`; reported costs stay.

    `events` must have their payloads, for a fact carries the whole event. `now_ns` becomes the revision, so that what
    is delivered again with an older price does not come back.
    """
    for event in events:
        if isinstance(event, LLMCall):
            priced = pricer.priced(event)
            if priced is not event:
                yield EventFact(priced, now_ns)
