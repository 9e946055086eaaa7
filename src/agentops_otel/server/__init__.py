"""The server: OTLP and AgentOps' REST API in, sessions out, over one store. Needs the extra `server`."""

from __future__ import annotations

from collections.abc import Callable

from agentops_otel.errors import ConfigurationError
from agentops_otel.server.options import ServerOptions

__all__ = ["ServerOptions", "serve"]


def serve(options: ServerOptions, ready: Callable[[str, int | None], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted. Blocks.

    `ready` is told the URL and the port of gRPC (None without) once both listen. Raises ConfigurationError where the
    options cannot be served: a port that is taken, an address others can reach while there is no key.
    """
    try:
        from agentops_otel.server.running import serve_here
    except ImportError as error:
        raise ConfigurationError(
            f"the server needs the package {error.name}; install agentops-otel-bridge[server]"
        ) from error
    serve_here(options, ready)
