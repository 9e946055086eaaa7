"""Our options as options of `opentelemetry-instrument`: `--agentops_db FILE` sets `OTEL_PYTHON_AGENTOPS_DB`.

The tool makes an option of every name here that begins with `OTEL_` (opentelemetry-instrumentation 0.48 to 0.66); the
settings read what it sets. Secrets are left out: a command line is seen by every user of the machine.
"""

from agentops_otel.settings import OPTIONS

_SECRET = ("api_key", "parent_key")

globals().update(
    {
        f"OTEL_PYTHON_{option.metadata['env']}": f"OTEL_PYTHON_{option.metadata['env']}"
        for name, option in OPTIONS.items()
        if name not in _SECRET
    }
)
