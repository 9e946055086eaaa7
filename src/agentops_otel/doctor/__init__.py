"""The doctor: tells what is recorded, what is not, and why; each problem with its remedy.

    print(agentops_otel.doctor.report())          # inside a program: about this very process

`agentops-otel doctor` does the same from outside, about the environment, the installed packages and the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from agentops_otel import runtime
from agentops_otel.doctor.environment import capture, neighbours, variables, versions
from agentops_otel.doctor.findings import Finding, Report
from agentops_otel.doctor.process import delivery, instruments, provider
from agentops_otel.doctor.storage import prices, spool, store
from agentops_otel.settings import Settings, from_environment

__all__ = ["Finding", "Report", "report"]


def report(
    settings: Settings | None = None, environ: Mapping[str, str] = os.environ, *, rehearse: bool = False
) -> Report:
    """Examine this process if it records, else what one would do with these settings (default: the environment's).

    `rehearse` imports the model clients that are installed, to see what can be recorded of them; in a process that
    records they tell so themselves. Reads the store and opens no network connection. Never makes a file.
    """
    running = runtime.running()
    used = settings or (running.settings if running is not None else from_environment(environ))
    return Report(
        (
            *versions(),
            *provider(running, environ),
            *instruments(running, used, rehearse=rehearse),
            *neighbours(),
            *capture(used),
            *delivery(running, used),
            *spool(used, environ),
            *store(used),
            *prices(used),
            *variables(environ),
        )
    )
