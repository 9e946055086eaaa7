"""Times, costs and counts, as a person reads them."""

from __future__ import annotations

import re
from decimal import Decimal

from agentops_otel.records import Session, Statistics, iso8601, nanoseconds

UNKNOWN = "–"


def state_text(session: Session) -> str:
    """`running`, `Success`, `Failure` or `Indeterminate`."""
    return "running" if session.is_running else session.end_state


def moment_text(time_ns: int | None) -> str:
    """`2026-11-22 14:03:22`, in UTC."""
    return UNKNOWN if time_ns is None else iso8601(time_ns)[:19].replace("T", " ")


UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


UNITS_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def age_of(said: str) -> int:
    """`12h`, `30d`, `8w` in nanoseconds. Raises ValueError, naming value and remedy."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", said)
    if not found:
        raise ValueError(f"{said!r} is no age; say 12h, 30d or 8w")
    return int(found[1]) * UNITS_S[found[2]] * 1_000_000_000


def size_of(said: str) -> int:
    """`500MB`, `5GB` in bytes. Raises ValueError, naming value and remedy."""
    found = re.fullmatch(r"([0-9]{1,15})\s*([KMGT]?)B?", said.upper())
    if not found:
        raise ValueError(f"{said!r} is no size; say 500MB or 5GB")
    return int(found[1]) * UNITS_BYTES[found[2]]


def moment_of(said: str, now_ns: int) -> int:
    """`2h`, `3d` (that long ago) or an ISO 8601 date or time, UTC unless it says otherwise; in nanoseconds.

    Raises ValueError, naming value and remedy.
    """
    ago = re.fullmatch(r"([0-9]{1,9})([smhdw])", said)
    if ago:
        return max(0, now_ns - int(ago[1]) * UNITS_S[ago[2]] * 1_000_000_000)
    try:
        return nanoseconds(said)
    except (ValueError, OverflowError):
        raise ValueError(f"{said!r} is neither a time ago (30m, 2h, 3d) nor an ISO date or time (2026-11-22)") from None


def duration_text(duration_ns: int | None) -> str:
    """`0.3 ms`, `340 ms`, `4.2 s`, `2m 03s`, `1h 02m`, `3d 04h`: two digits or two units, no more."""
    if duration_ns is None:
        return UNKNOWN
    if duration_ns < 999_500_000:
        milliseconds = duration_ns / 1e6
        return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:.0f} ms"
    if duration_ns < 59_950_000_000:
        return f"{duration_ns / 1e9:.1f} s"
    minutes, seconds = divmod(round(duration_ns / 1e9), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def dollars(cost: Decimal) -> str:
    """`$12.34`; below a dollar six decimals, `$0.012305`. What is not nothing never looks like nothing."""
    if 0 < cost < Decimal("0.000001"):
        return "<$0.000001"
    return f"${cost:,.2f}" if cost >= 1 or not cost else f"${cost:.6f}"


def cost_text(statistics: Statistics) -> str:
    """`$0.012305`, or `≥ $0.012305 (3 calls unpriced)` where calls have no known price."""
    unpriced = statistics.unpriced_llms
    return short_cost(statistics) + (f" ({counted(unpriced, 'call')} unpriced)" if unpriced else "")


def short_cost(statistics: Statistics) -> str:
    """As `cost_text`, for a column: `≥ $0.012305`."""
    if statistics.cost_is_lower_bound and not statistics.cost:
        return UNKNOWN
    return f"{'≥ ' if statistics.cost_is_lower_bound else ''}{dollars(statistics.cost)}"


def tokens_text(statistics: Statistics) -> str:
    """`1,234 in (512 cached), 345 out (96 reasoning)`."""
    if not statistics.prompt_tokens and not statistics.completion_tokens:
        return UNKNOWN
    cached = _among((statistics.cache_read_tokens, "cached"), (statistics.cache_write_tokens, "written to the cache"))
    reasoning = _among((statistics.reasoning_tokens, "reasoning"))
    return f"{statistics.prompt_tokens:,} in{cached}, {statistics.completion_tokens:,} out{reasoning}"


def _among(*parts: tuple[int, str]) -> str:
    known = ", ".join(f"{count:,} {what}" for count, what in parts if count)
    return f" ({known})" if known else ""


def events_text(statistics: Statistics) -> str:
    """`7: 4 model calls, 1 tool, 2 actions`. API calls stand apart: they do not count as events."""
    kinds = [
        (statistics.llms, "model call"),
        (statistics.tools, "tool"),
        (statistics.actions, "action"),
        (statistics.errors, "error"),
    ]
    known = ", ".join(counted(count, what) for count, what in kinds if count)
    apis = f", and {counted(statistics.apis, 'API call')}" if statistics.apis else ""
    return f"{statistics.events:,}{': ' if known else ''}{known}{apis}"


def losses_text(statistics: Statistics) -> str:
    """What is missing from the record: `2 spans dropped, 1 value cut`; "" if nothing."""
    losses = [(statistics.dropped, "span", "dropped"), (statistics.truncated, "event", "with a value cut short")]
    return ", ".join(f"{counted(count, what)} {how}" for count, what, how in losses if count)


def tokens_count(count: int) -> str:
    """A sum of tokens; a sum of 0 means that no call reported any."""
    return f"{count:,}" if count else UNKNOWN


def rounded_count(count: int) -> str:
    """`987,654`, `12.3 M`, `2.96 G`: exact below ten million, three digits above."""
    if count < 10_000_000:
        return f"{count:,}"
    size, unit = (1e9, "G") if count >= 999_500_000 else (1e6, "M")
    places = max(0, 3 - len(str(round(count / size))))
    return f"{count / size:,.{places}f} {unit}"


def percent_text(part: float) -> str:
    """`12 %`; `<1 %` below one, so that what is not nothing never looks like it."""
    return "<1 %" if 0 < part < 0.01 else f"{part * 100:.0f} %"


def counted(count: int, what: str) -> str:
    """`1 call`, `1,234 calls`, `2 processes`."""
    plural = "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{'' if count == 1 else plural}"


def bytes_text(size: int) -> str:
    """`512 B`, `12.4 kB`, `3.1 GB`: powers of a thousand."""
    if size < 1000:
        return f"{size} B"
    value = size / 1000
    for unit in ("kB", "MB", "GB"):
        if value < 999.95:
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
