"""Usage to cost. Exact, in `Decimal` US dollars; what is not known is None, never 0.

The first that answers: the cost that was reported with the call, the user's own table, genai-prices, nobody.

    pricer = Pricer(PriceTable.load("prices.json"))
    pricer.price("openai", "gpt-4o", Usage(input=1000, output=500), at_ns).cost   # Decimal("0.0075")
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from agentops_otel.conventions.genai import service_tier as tier_of
from agentops_otel.pricing.catalogue import Catalogue, available
from agentops_otel.pricing.rates import Card, Quote
from agentops_otel.pricing.table import PriceTable
from agentops_otel.records import LLMCall, Price, Usage, plain_decimal

__all__ = ["Card", "Catalogue", "PriceTable", "Priced", "Pricer", "Quote", "available"]

_COMPLETE_NOTHING = frozenset({"embeddings", "rerank"})


class Priced(NamedTuple):
    """A cost in US dollars and where it comes from; both None if it is not known."""

    cost: Decimal | None = None
    price: Price | None = None


class Pricer:
    """Gives calls their cost. Remembers what it looked up; threads may share one.

    `own` is the user's table. `catalogue` is genai-prices; without the extra `cost` it knows nothing.
    """

    def __init__(self, own: PriceTable | None = None, catalogue: Catalogue | None = None) -> None:
        self.own = own
        self.catalogue = catalogue or Catalogue()

    def price(
        self,
        provider: str | None,
        model: str | None,
        usage: Usage,
        at_ns: int,
        *,
        reported: Decimal | None = None,
        service_tier: str | None = None,
        operation: str | None = None,
    ) -> Priced:
        """What a call cost that began at `at_ns`, at the rates of that moment.

        A `reported` cost of 0 is taken for "not priced", as many reporters mean it. `service_tier` is the one the call
        was served in, as the provider writes it ("default", "flex", "priority", "batch"; "fast mode" is Anthropic's
        `speed="fast"`); one that has no known price makes the cost unknown. `operation` is the GenAI operation;
        embeddings and reranks complete nothing, so that their completion need not be reported.
        """
        if reported:
            return Priced(reported, Price("reported"))
        quote = self.quote(provider, model, at_ns, service_tier=service_tier)
        cost = quote.card.cost(usage, completes=operation not in _COMPLETE_NOTHING) if quote is not None else None
        return Priced() if quote is None or cost is None else Priced(plain_decimal(cost), quote.price)

    def quote(
        self, provider: str | None, model: str | None, at_ns: int, *, service_tier: str | None = None
    ) -> Quote | None:
        """The rates of a model at a moment; the user's table wins, whatever the tier. None if nobody knows it."""
        if not model:
            return None
        mine = self.own.quote(provider, model, at_ns) if self.own is not None else None
        return mine or self.catalogue.quote(provider, model, (service_tier or "").lower(), at_ns)

    def priced(self, call: LLMCall) -> LLMCall:
        """The call with its cost. A cost that was computed before is computed anew; a reported one stays.

        The model that answered is priced, or the one that was asked for if that has no price.
        """
        reported = call.cost if call.price is None or call.price.source == "reported" else None
        found, tier = Priced(), tier_of(call)
        for model in dict.fromkeys((call.model, call.request_model)):
            found = self.price(
                call.provider,
                model,
                call.usage,
                call.init_timestamp,
                reported=reported,
                service_tier=tier,
                operation=call.operation,
            )
            if found.cost is not None:
                break
        return call if found == (call.cost, call.price) else _with(call, found)


def _with(call: LLMCall, found: Priced) -> LLMCall:
    """What `dataclasses.replace` does, which takes 8 µs for so many fields, and is on the path of every call."""
    copy = object.__new__(type(call))
    vars(copy).update(vars(call), cost=found.cost, price=found.price)
    return copy
