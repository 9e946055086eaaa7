"""Values of options that several commands take."""

from __future__ import annotations

import time

import click

from agentops_otel.text.values import age_of, moment_of, size_of

WHEN = "WHEN"


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`2h`, `3d` (that long ago) or an ISO 8601 date or time, UTC unless it says otherwise; in nanoseconds."""
    if value is None:
        return None
    try:
        return moment_of(value, time.time_ns())
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`12h`, `30d`, `8w` in nanoseconds."""
    if value is None:
        return None
    try:
        return age_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`500MB`, `5GB` in bytes."""
    if value is None:
        return None
    try:
        return size_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
