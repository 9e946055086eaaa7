"""`agentops-otel prices` and `agentops-otel reprice`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from agentops_otel.cli.options import moment
from agentops_otel.cli.output import progress, remark, show, show_array, show_json, width
from agentops_otel.cli.stored import AS_JSON, Stored, on_store
from agentops_otel.facts import EventFact
from agentops_otel.records import EXACT, Event, Json, LLMCall, decimal_text
from agentops_otel.store.base import EventQuery, SessionQuery, cursor_of

if TYPE_CHECKING:
    from agentops_otel.pricing import Pricer

PAGE = 500
ALL = 10**12
LONG_FROM = 200
"""So many sessions take long enough for a progress bar."""


PRICES = click.option("--prices", metavar="FILE", help="Table of your own prices [default: $AGENTOPS_PRICES].")


def pricer_of(prices: str | None) -> Pricer:
    """Prices by the table that `--prices` or the environment names. Raises ConfigurationError if it is bad."""
    from agentops_otel.pricing import Pricer, PriceTable
    from agentops_otel.settings import from_environment

    path = prices or from_environment().prices
    return Pricer(PriceTable.load(path) if path else None)


def tell_if_nothing_is_listed() -> None:
    """Without the extra `cost` only one's own table has prices."""
    from agentops_otel.pricing import available

    if available() is None:
        remark("genai-prices is not installed; `pip install 'agentops-otel-bridge[cost]'` brings its prices.")


@click.group()
def prices() -> None:
    """What models cost, and how your own table compares."""


@prices.command("show")
@click.argument("model")
@click.option("--provider", metavar="NAME", help="Who serves it: openai, azure, aws.bedrock, ...")
@click.option("--tier", metavar="NAME", help="Service tier: flex, priority, batch, ...")
@click.option("--at", "at_ns", callback=moment, metavar="WHEN", help="Prices of that moment [default: now].")
@PRICES
@AS_JSON
def show_prices(
    model: str, provider: str | None, tier: str | None, at_ns: int | None, prices: str | None, as_json: bool
) -> int:
    """Show what a model costs, by your own table and by genai-prices; the first wins."""
    from agentops_otel.pricing.reports import show as shown_of
    from agentops_otel.text.prices import price_table

    found = shown_of(pricer_of(prices), provider, model, time.time_ns() if at_ns is None else at_ns, tier)
    if as_json:
        show_array(one.to_json() for one in found)
    else:
        show("\n\n".join(price_table(one, width()) for one in found))
    tell_if_nothing_is_listed()
    return int(all(one.quote is None for one in found))


@prices.command("check")
@click.option("--at", "at_ns", callback=moment, metavar="WHEN", help="Prices of that moment [default: now].")
@PRICES
@AS_JSON
def check_prices(at_ns: int | None, prices: str | None, as_json: bool) -> int:
    """Check your own table, and compare it with genai-prices."""
    from agentops_otel.pricing.reports import check
    from agentops_otel.text.prices import check_table

    pricer = pricer_of(prices)
    if pricer.own is None:
        remark("There is no table of your own; --prices or AGENTOPS_PRICES names one (docs/pricing.md).")
        return 1
    checked = check(pricer.own, pricer.catalogue, time.time_ns() if at_ns is None else at_ns)
    if as_json:
        show_array(one.to_json() for one in checked)
    elif checked:
        show(check_table(checked, width()))
    tell_if_nothing_is_listed()
    return 0


# --- reprice ---------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What pricing again did. `before` and `after` are the costs of the calls that changed."""

    calls: int = 0
    changed: int = 0
    unpriced: int = 0
    before: Decimal = field(default=Decimal(0))
    after: Decimal = field(default=Decimal(0))

    def take(self, old: LLMCall, new: LLMCall) -> None:
        """Count a call that was looked at."""
        self.calls += 1
        self.unpriced += new.cost is None
        if new is not old:
            self.changed += 1
            self.before = EXACT.add(self.before, old.cost or Decimal(0))
            self.after = EXACT.add(self.after, new.cost or Decimal(0))

    def to_json(self) -> dict[str, Json]:
        """Costs as decimal texts."""
        return {
            "calls": self.calls,
            "changed": self.changed,
            "unpriced": self.unpriced,
            "cost_before": decimal_text(self.before),
            "cost_after": decimal_text(self.after),
        }


@click.command()
@click.option("--since", callback=moment, metavar="WHEN", help="Only sessions started since: 2h, 3d, 2026-11-22.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@PRICES
@AS_JSON
@on_store
def reprice(stored: Stored, since: int | None, dry_run: bool, prices: str | None, as_json: bool) -> None:
    """Price recorded model calls again by today's tables; reported costs stay.

    Each call is priced at the rates of the moment it was made.
    """
    pricer, tally = pricer_of(prices), Tally()
    query = SessionQuery(since_ns=since, limit=ALL)
    with progress("reprice", stored.count(query), LONG_FROM) as advance:
        for session in stored.sessions(query):
            _reprice(stored, session.session_id, pricer, tally, write=not dry_run)
            advance(1)
    if as_json:
        show_json(tally.to_json())
        return
    verb = "would change" if dry_run else "changed"
    costs = f", from ${decimal_text(tally.before)} to ${decimal_text(tally.after)}" if tally.changed else ""
    show(f"{tally.calls:,} model calls: {tally.changed:,} {verb}{costs}; {tally.unpriced:,} have no known price")
    tell_if_nothing_is_listed()


def _reprice(stored: Stored, session_id: str, pricer: Pricer, tally: Tally, *, write: bool) -> None:
    from agentops_otel.pricing.reports import repriced

    for page in _pages(lambda query: stored.store.events(stored.project, session_id, query)):
        calls = [event for event in page if isinstance(event, LLMCall)]
        facts = list(repriced(calls, pricer, time.time_ns()))
        new = {fact.event.event_id: fact.event for fact in facts}
        for call in calls:
            priced: Any = new.get(call.event_id, call)
            tally.take(call, priced)
        if facts and write:
            stored.store.append(stored.project, [_as_told(stored, fact) for fact in facts])


def _as_told(stored: Stored, fact: EventFact) -> EventFact:
    """The new cost on the event as it was told: the event that was priced may have what only its twins know."""
    query = EventQuery(event_id=fact.event.event_id, told=True)
    told = next(stored.store.events(stored.project, fact.session_id, query), None)
    if not isinstance(fact.event, LLMCall) or not isinstance(told, LLMCall):
        return fact
    return EventFact(replace(told, cost=fact.event.cost, price=fact.event.price), fact.revision)


def _pages(events_of: Callable[[EventQuery], Iterator[Event]]) -> Iterator[list[Event]]:
    """Model calls by the page: nothing is being read while something is written, and few are in memory."""
    cursor = None
    while True:
        page = list(events_of(EventQuery(types=["llms"], limit=PAGE, cursor=cursor)))
        if page:
            yield page
        if len(page) < PAGE:
            return
        cursor = cursor_of(page[-1])
