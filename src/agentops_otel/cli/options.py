"""Values of options that several commands take."""

from __future__ import annotations

import re
import time

import click

from agentops_otel.records import nanoseconds

WHEN = "WHEN"
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`2h`, `3d` (that long ago) or an ISO 8601 date or time, UTC unless it says otherwise; in nanoseconds."""
    if value is None:
        return None
    ago = re.fullmatch(r"(\d{1,9})([smhdw])", value)
    if ago:
        return max(0, time.time_ns() - int(ago[1]) * UNITS_S[ago[2]] * 1_000_000_000)
    try:
        return nanoseconds(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a time ago (30m, 2h, 3d) nor an ISO date or time (2026-11-22)", ctx, param
        ) from None
