"""Values of options that several commands take."""

from __future__ import annotations

import time

import click

from agentops_otel.text.values import moment_of

WHEN = "WHEN"


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`2h`, `3d` (that long ago) or an ISO 8601 date or time, UTC unless it says otherwise; in nanoseconds."""
    if value is None:
        return None
    try:
        return moment_of(value, time.time_ns())
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
