"""Rates: US dollars per token by bucket, and the one multiplication that turns usage into a cost."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from agentops_otel.records import EXACT, Price, Usage

PROMPT_BUCKETS = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_in", "image")
COMPLETION_BUCKETS = ("output", "reasoning", "audio_out", "image_out")
BUCKETS = (*PROMPT_BUCKETS, *COMPLETION_BUCKETS)

_counts = operator.attrgetter(*BUCKETS)
_PROMPT = len(PROMPT_BUCKETS)
_NOTHING_KNOWN = (None,) * len(BUCKETS)

Rates = Mapping[str, Decimal]
"""US dollars per token, by bucket. A bucket that is not in it has no known rate."""

_HEARS = re.compile(r"audio|realtime|live|voice|sonic|transcribe")
_SPEAKS = re.compile(r"audio|realtime|live|voice|sonic")
"""Names of models whose tokens may be sound, which costs a multiple of text."""


@dataclass(frozen=True)
class Card:
    """What a model costs at one moment: rates, higher rates of long prompts, and what every call costs besides.

    `tiers` are (tokens, rates), ascending: once the prompt has more tokens than that, all tokens of the call have those
    rates. `hears` and `speaks` say that text and sound have to be told apart before a price can be.
    """

    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    request: Decimal = Decimal(0)
    hears: bool = False
    speaks: bool = False

    def cost(self, usage: Usage, *, completes: bool = True) -> Decimal | None:
        """The cost of a call in US dollars, exact; None if some of its tokens, or their rate, are not known.

        A side of the call (prompt, completion) of which no count is known is not free: it is unknown, unless this model
        charges nothing for that side, or the call is not one that `completes` anything, as embeddings do not.
        """
        counts = _counts(usage)
        prompt, completion = counts[:_PROMPT], counts[_PROMPT:]
        rates = self.rates_at(sum(filter(None, prompt))) if self.tiers else self.rates
        if (rates.get("input") and prompt == _NOTHING_KNOWN[:_PROMPT]) or (
            completes and rates.get("output") and completion == _NOTHING_KNOWN[_PROMPT:]
        ):
            return None
        if (self.hears and usage.audio_in is None and any(prompt)) or (
            self.speaks and usage.audio_out is None and any(completion)
        ):
            return None
        cost = self.request
        for bucket, tokens in zip(BUCKETS, counts, strict=True):
            if tokens:
                rate = rates.get(bucket)
                if rate is None:
                    return None
                # A context of our own: the host may have set a decimal context in which sums are rounded.
                cost = EXACT.fma(rate, tokens, cost)
        return cost

    def rates_at(self, prompt_tokens: int) -> Rates:
        """The rates of a call whose prompt has this many tokens."""
        rates = self.rates
        for start, higher in self.tiers:
            if prompt_tokens > start:
                rates = higher
        return rates


class Quote(NamedTuple):
    """A card, and where it comes from."""

    card: Card
    price: Price


def per_million(dollars: Decimal) -> Decimal:
    """US dollars per token, of a price per million tokens."""
    return EXACT.scaleb(dollars, -6)


def may_hear(model: str) -> bool:
    """Whether the name says that tokens of the prompt may be sound."""
    return _HEARS.search(model.lower()) is not None


def may_speak(model: str) -> bool:
    """Whether the name says that tokens of the completion may be sound."""
    return _SPEAKS.search(model.lower()) is not None
