"""The command `agentops-otel`. Each command imports its room when it is called; click comes with the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NO_CLICK = "agentops-otel needs the package click; run: pip install 'agentops-otel-bridge[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (by default that of the process) and return its exit code; see docs/cli.md."""
    try:
        import click  # noqa: F401
    except ImportError:
        print(NO_CLICK, file=sys.stderr)
        return 2
    from agentops_otel.cli.app import run

    return run(sys.argv[1:] if arguments is None else arguments)
