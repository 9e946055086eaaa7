"""Running the server: one event loop for HTTP and gRPC, started and stopped as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn

from agentops_otel.errors import ConfigurationError
from agentops_otel.guard import logger
from agentops_otel.host import liveness
from agentops_otel.server.app import Parts, make_app
from agentops_otel.server.connections import allow_many_files, http_protocol
from agentops_otel.server.options import ServerOptions
from agentops_otel.server.translating import collect_garbage_rarely
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.store.sqlite.keys import SqliteKeys

SWITCH_S = 0.0005
"""How long a thread that translates a large batch keeps the interpreter: a small request passes from thread to thread
several times, and waits this long each time (Python's default is ten times that)."""


class HttpServer(uvicorn.Server):
    """uvicorn, telling when it listens and when it begins to end."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self._ending = ending

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM without raising them again: what was accepted is finished after this."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        if self.started:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell, and wait for the requests that are being answered."""
        self._ending()
        await super().shutdown(sockets)


async def run(parts: Parts, ready: Callable[[str, int | None], None] = lambda url, grpc_port: None) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted.

    `ready` is told the URL and the gRPC port once both listen. Raises ConfigurationError where a port is taken.
    """
    options = parts.options
    listener = _listen(options.host, options.port)
    url = f"{'https' if options.tls_cert else 'http'}://{_authority(options.host)}:{listener.getsockname()[1]}"
    with parts.upkeep.running():
        await _serve(parts, listener, lambda grpc_port: ready(url, grpc_port))
    await asyncio.get_running_loop().run_in_executor(None, parts.close)


async def _serve(parts: Parts, listener: socket.socket, ready: Callable[[int | None], None]) -> None:
    async with _grpc(parts) as grpc_port:
        server = HttpServer(_config(parts), lambda: ready(grpc_port), parts.stirring.end)
        await server.serve(sockets=[listener])


def _config(parts: Parts) -> uvicorn.Config:
    options = parts.options
    return uvicorn.Config(
        make_app(parts),
        http=http_protocol(parts.counters, options.head_timeout_s),
        log_config=None,
        log_level=options.log_level,
        access_log=False,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        timeout_graceful_shutdown=int(options.exit_timeout_s),
        server_header=False,
        lifespan="off",
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
    listener.listen(2048)
    return listener


def _authority(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.asynccontextmanager
async def _grpc(parts: Parts) -> AsyncIterator[int | None]:
    if parts.options.grpc_port is None:
        yield None
        return
    from agentops_otel.server.grpc_ingest import GrpcServer

    server = GrpcServer(parts.ingest, parts.gate, parts.counters)
    try:
        port = await server.start(parts.options.host, parts.options.grpc_port, _credentials(parts.options))
    except RuntimeError as error:
        raise ConfigurationError(
            f"cannot listen on {parts.options.host}:{parts.options.grpc_port} for gRPC; choose another --grpc-port"
        ) from error
    try:
        yield port
    finally:
        await server.stop(parts.options.exit_timeout_s)


def _credentials(options: ServerOptions) -> Any:
    if options.tls_cert is None or options.tls_key is None:
        return None
    import grpc  # type: ignore[import-untyped]

    pair = (options.tls_key.read_bytes(), options.tls_cert.read_bytes())
    return grpc.ssl_server_credentials([pair])


def log_to_stderr(level: str) -> None:
    """Structured lines of text on stderr: time, level, logger, message."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("agentops_otel", "uvicorn"):
        known = logging.getLogger(name)
        known.handlers, known.propagate = [handler], False
        known.setLevel(level.upper())
    logger.debug("logging at %s", level)


def serve_here(options: ServerOptions, ready: Callable[[str, int | None], None] | None = None) -> None:
    """Open the stores, serve, close them; see `server.serve`."""
    keys = SqliteKeys(options.db)
    store = SqliteStore(options.db, liveness=liveness, checkpoints=False)  # `Upkeep` does them
    try:
        options.check(any_key=keys.any_key())
        log_to_stderr(options.log_level)
        collect_garbage_rarely()
        allow_many_files()
        sys.setswitchinterval(SWITCH_S)
        asyncio.run(run(Parts(options, store, keys), ready or _announce))
    finally:
        store.close()
        keys.close()


def _announce(url: str, grpc_port: int | None) -> None:
    grpc = f", OTLP/gRPC on port {grpc_port}" if grpc_port else ""
    print(f"agentops-otel serves {url}{grpc}", flush=True)
