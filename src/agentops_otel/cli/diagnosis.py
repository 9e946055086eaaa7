"""`agentops-otel doctor`."""

from __future__ import annotations

import click

from agentops_otel.cli.output import show, show_json, width
from agentops_otel.cli.stored import AS_JSON, DB


@click.command()
@DB
@AS_JSON
def doctor(db: str | None, as_json: bool) -> int:
    """Tell what is recorded, what is not, and why.

    Each problem has its remedy; the exit code is 1 if there is any.
    """
    from agentops_otel.doctor import report
    from agentops_otel.settings import from_environment

    found = report(from_environment().replace(db=db), rehearse=True)
    if as_json:
        show_json(found.to_json())
    else:
        show(found.text(min(width(), 120)))
    return 1 if found.problems else 0
