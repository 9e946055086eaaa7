"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from agentops_otel.errors import ConfigurationError
from agentops_otel.store.retention import KEEP_ALL, Retention


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where to listen and what to serve. Port 0 takes a free port; `grpc_port=None` serves no gRPC.

    `hosts` are further names under which this machine is asked (a reverse proxy's); `rate_limit` is requests per second
    and key, 0 for none. `tls_cert` and `tls_key` are PEM files, `prices` is the user's own table of prices.
    `retention` says which sessions are removed, at the start and every hour;
    `index` keeps an index of the words in recorded texts. `ignore_spans`
    are patterns of spans that are not taken, `ignore_in_sessions` extends them to sessions (`conventions.ignoring`).
    `workers` are processes that translate large requests: None for one a core (where there are several, four at most),
    0 to translate in the server. `head_timeout_s` and `body_timeout_s` are how long a client may take to send the head
    and the body of a request.
    """

    db: Path
    host: str = "127.0.0.1"
    port: int = 8765
    grpc_port: int | None = 4317
    log_level: str = "info"
    hosts: tuple[str, ...] = ()
    rate_limit: float = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    prices: Path | None = None
    retention: Retention = KEEP_ALL
    index: bool = True
    ignore_spans: tuple[str, ...] = ()
    ignore_in_sessions: bool = False
    workers: int | None = None
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    exit_timeout_s: float = 10.0

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    def check(self, *, any_key: bool) -> None:
        """Raises ConfigurationError for what must not be served."""
        if not self.is_local and not any_key:
            raise ConfigurationError(
                f"--host {self.host} can be reached from other machines, and there is no API key yet; make one with "
                "`agentops-otel keys create --project default`, or listen on 127.0.0.1"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigurationError("TLS needs both --tls-cert and --tls-key")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
