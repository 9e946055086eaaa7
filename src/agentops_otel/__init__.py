"""Sessions of AI agents on OpenTelemetry."""

from agentops_otel._version import __version__

__all__ = ["__version__"]
