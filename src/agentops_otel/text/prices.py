"""Prices of models as tables."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from agentops_otel.pricing.rates import BUCKETS, Card
from agentops_otel.pricing.reports import Checked, Shown
from agentops_otel.records import EXACT, decimal_text
from agentops_otel.text.layout import WIDTH, Column, table
from agentops_otel.text.values import UNKNOWN, dollars, moment_text


def price_table(shown: Shown, width: int = WIDTH) -> str:
    """What one model costs: a line about where the prices are from, and a row for each kind of token."""
    whom = f"{shown.model} of {shown.provider}" if shown.provider else shown.model
    if shown.quote is None:
        return f"{whom}: {shown.source} has no price at {moment_text(shown.at_ns)} UTC"
    card, price = shown.quote
    head = f"{whom} at {moment_text(shown.at_ns)} UTC, by {price.table} of {shown.source} {price.version}"
    rows = table(_columns(card), width)
    per_call = f"\nand {dollars(card.request)} a call" if card.request else ""
    return f"{head}\n\n{rows}{per_call}"


def _columns(card: Card) -> list[Column]:
    buckets = [bucket for bucket in BUCKETS if bucket in card.rates]
    tiers = [("$ per million tokens", card.rates), *((f"over {start:,} in", rates) for start, rates in card.tiers)]
    amounts = [(title, [_amount(EXACT.scaleb(rates[one], 6)) for one in buckets]) for title, rates in tiers]
    return [Column("tokens", buckets), *(Column(title, cells, right=True) for title, cells in amounts)]


def check_table(checked: Sequence[Checked], width: int = WIDTH) -> str:
    """Every entry of the user's table, with a row for each price that is not the listed one."""
    rows: list[tuple[str, ...]] = []
    for one in checked:
        entry = (str(one.nth), one.entry.model, one.entry.provider or "", one.verdict)
        differences = [
            (bucket, _amount(pair.yours), _amount(pair.listed)) for bucket, pair in one.differences.items()
        ] or [("", "", "")]
        rows += [(*(entry if nth == 0 else ("",) * 4), *found) for nth, found in enumerate(differences)]
    entry_no, model, provider, verdict, tokens, yours, listed = zip(*rows, strict=True)
    return table(
        [
            Column("entry", entry_no, right=True),
            Column("model", model, shrinks=True),
            Column("provider", provider, drop=1),
            Column("verdict", verdict),
            Column("tokens", tokens),
            Column("yours", yours, right=True),
            Column("listed", listed, right=True),
        ],
        width,
    )


def _amount(amount: Decimal | None) -> str:
    return UNKNOWN if amount is None else str(decimal_text(amount))
