"""Values of options that several commands take."""

from __future__ import annotations

import re
import time

import click

from agentops_otel.text.values import UNITS_S, moment_of

WHEN = "WHEN"


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`2h`, `3d` (that long ago) or an ISO 8601 date or time, UTC unless it says otherwise; in nanoseconds."""
    if value is None:
        return None
    try:
        return moment_of(value, time.time_ns())
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


UNITS_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`12h`, `30d`, `8w` in nanoseconds."""
    if value is None:
        return None
    said = re.fullmatch(r"([0-9]{1,9})([smhdw])", value)
    if not said:
        raise click.BadParameter(f"{value!r} is no age; say 12h, 30d or 8w", ctx, param)
    return int(said[1]) * UNITS_S[said[2]] * 1_000_000_000


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`500MB`, `5GB` in bytes."""
    if value is None:
        return None
    said = re.fullmatch(r"([0-9]{1,15})\s*([KMGT]?)B?", value.upper())
    if not said:
        raise click.BadParameter(f"{value!r} is no size; say 500MB or 5GB", ctx, param)
    return int(said[1]) * UNITS_BYTES[said[2]]
