"""The user's own prices: a JSON file that wins over the built-in table.

    {
      "version": "2026-11",
      "prices": [
        {"model": "our-llama", "input": 0.20, "output": 0.60},
        {"model": "gpt-4o*", "provider": "azure", "valid_from": "2026-07-01", "input": 2, "cache_read": 1, "output": 8}
      ]
    }

Prices are US dollars per million tokens, `request` per call; numbers are read as decimals, never as floats. Of the
entries that match a call, an exact name wins over a pattern, an entry of its provider over one of any, a later
`valid_from` over an earlier one, and what stands first in the file over the rest.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from agentops_otel.errors import ConfigurationError
from agentops_otel.pricing.names import provider_id, spellings
from agentops_otel.pricing.rates import Card, Quote, Rates, per_million
from agentops_otel.records import USAGE_BUCKETS, Json, Price, nanoseconds

_STANDS_IN = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "image": "input",
    "reasoning": "output",
    "image_out": "output",
}
"""Whose price a bucket has that an entry does not name. Sound has no such: it costs a multiple of text."""

_NAMES = ("model", "provider", "valid_from", "note")
_AMOUNTS = (*USAGE_BUCKETS, "request")
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Entry:
    """One line of the table: for which calls, from when on, at which rates."""

    model: str
    provider: str | None
    valid_from_ns: int
    named: frozenset[str]
    card: Card

    @property
    def is_pattern(self) -> bool:
        """Whether `model` is a glob and not a name."""
        return not _GLOB.isdisjoint(self.model)

    def matches(self, provider: str | None, names: tuple[str, ...], at_ns: int) -> bool:
        """Whether the entry holds for a model of these spellings, of this provider, at this moment."""
        if at_ns < self.valid_from_ns or self.provider not in (None, provider):
            return False
        if self.is_pattern:
            return any(fnmatch.fnmatchcase(name, self.model) for name in names)
        return self.model in names


@dataclass(frozen=True)
class PriceTable:
    """The user's own prices. `version` is what the file says, else a digest of its content."""

    entries: tuple[Entry, ...]
    version: str
    path: str = ""

    def quote(self, provider: str | None, model: str, at_ns: int) -> Quote | None:
        """The prices of a model at a moment, None if no entry is about it."""
        names, known = spellings(model), provider_id(provider)
        found = [entry for entry in self.entries if entry.matches(known, names, at_ns)]
        if not found:
            return None
        best = min(found, key=lambda entry: (entry.is_pattern, entry.provider is None, -entry.valid_from_ns))
        return Quote(best.card, Price("override", best.model, self.version))

    @classmethod
    def load(cls, path: str | Path) -> PriceTable:
        """Read a file. Raises ConfigurationError, which names the file, the entry and the remedy."""
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"prices file {path} cannot be read ({error.strerror}); correct AGENTOPS_PRICES or unset it"
            ) from error
        try:
            # A constant is Infinity or NaN, which JSON does not have; the amounts are checked one by one.
            data = json.loads(content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=str)
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ConfigurationError(f"prices file {path} is not JSON: {error}") from error
        return cls.parse(data, hashlib.sha256(content).hexdigest()[:12], str(path))

    @classmethod
    def parse(cls, data: Json, version: str = "", path: str = "prices") -> PriceTable:
        """A table of decoded JSON. Raises ConfigurationError; `path` is what its messages call the table."""
        if not isinstance(data, Mapping) or not isinstance(data.get("prices"), list):
            _refuse(path, "the file", 'must be an object with a list "prices"')
        unknown = [key for key in data if key not in ("version", "prices")]
        if unknown:
            _refuse(path, "the file", f'has an unknown key {unknown[0]!r}; only "version" and "prices" are known')
        entries = tuple(_entry(path, nth, item) for nth, item in enumerate(data["prices"], 1))
        _refuse_duplicates(path, entries)
        said = data.get("version", version)
        return cls(entries, str(said), path)


def _refuse(path: str, what: str, why: str) -> NoReturn:
    raise ConfigurationError(f"prices file {path}: {what} {why}")


def _entry(path: str, nth: int, item: Json) -> Entry:
    what = f"entry {nth}"
    if not isinstance(item, Mapping):
        _refuse(path, what, "must be an object")
    model = item.get("model")
    if not isinstance(model, str) or not model.strip():
        _refuse(path, what, 'must have a "model": a name or a pattern such as "gpt-4o*"')
    what = f"entry {nth} ({model})"
    for key in item:
        if key not in _NAMES and key not in _AMOUNTS:
            _refuse(path, what, f"has an unknown key {key!r}{_meant(key)}")
    provider = item.get("provider")
    if provider is not None and (not isinstance(provider, str) or not provider.strip()):
        _refuse(path, what, f'has provider {provider!r}; give a name such as "azure" or leave it out')
    amounts = {key: _amount(path, what, key, item[key]) for key in _AMOUNTS if key in item}
    if not amounts:
        _refuse(path, what, 'has no price; give "input" and "output" in US dollars per million tokens')
    request = amounts.pop("request", Decimal(0))
    return Entry(
        model=model.strip().lower(),
        provider=provider_id(provider),
        valid_from_ns=_moment(path, what, item.get("valid_from")),
        named=frozenset(amounts),
        card=Card(_rates(amounts), request=request),
    )


def _meant(key: str) -> str:
    near = difflib.get_close_matches(str(key), (*_NAMES, *_AMOUNTS), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join((*_NAMES, *_AMOUNTS))}"


def _amount(path: str, what: str, key: str, value: Json) -> Decimal:
    amount: Decimal | None = None
    if isinstance(value, (int, Decimal, float)) and not isinstance(value, bool):
        amount = Decimal(str(value))
    if amount is None or not amount.is_finite() or not 0 <= amount <= 1_000_000:
        _refuse(path, what, f"has {key} = {value!r}; give US dollars per million tokens as a number from 0 to 1000000")
    return amount


def _moment(path: str, what: str, value: Json) -> int:
    if value is None:
        return 0
    try:
        return nanoseconds(value)
    except (ValueError, TypeError, AttributeError):
        _refuse(path, what, f'has valid_from = {value!r}; give a date such as "2026-11-01"')


def _rates(amounts: Mapping[str, Decimal]) -> Rates:
    rates = dict(amounts)
    for bucket, other in _STANDS_IN.items():
        if bucket not in rates and other in rates:
            rates[bucket] = rates[other]
    return {bucket: per_million(amount) for bucket, amount in rates.items()}


def _refuse_duplicates(path: str, entries: tuple[Entry, ...]) -> None:
    seen: dict[tuple[str, str | None, int], int] = {}
    for nth, entry in enumerate(entries, 1):
        key = (entry.model, entry.provider, entry.valid_from_ns)
        if key in seen:
            _refuse(path, f"entry {nth} ({entry.model})", f"repeats entry {seen[key]}; remove one of them")
        seen[key] = nth
