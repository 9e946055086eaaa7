"""The web application: its doors, and what holds for all of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from agentops_otel._version import __version__
from agentops_otel.errors import DecodeError, StoreError
from agentops_otel.guard import logger
from agentops_otel.server.api_docs import page_of
from agentops_otel.server.api_v2 import ApiV2
from agentops_otel.server.auth import Gate
from agentops_otel.server.bodies import InFlight
from agentops_otel.server.dashboard.routes import Dashboard
from agentops_otel.server.dashboard.stirring import Stirring
from agentops_otel.server.ingest import Ingest, OtlpDoors
from agentops_otel.server.kept import Kept
from agentops_otel.server.metrics import CONTENT_TYPE, Counters
from agentops_otel.server.options import ServerOptions, is_loopback
from agentops_otel.server.public_v1 import PublicV1
from agentops_otel.server.reads import Reads
from agentops_otel.server.refusals import Refusal, answer, busy
from agentops_otel.server.translating import Recipe
from agentops_otel.server.upkeep import Upkeep
from agentops_otel.server.workers import usual_count
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.keys import Keys
from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs
from agentops_otel.store.sqlite.store import SqliteStore

HELD_BYTES = 256 * 1024 * 1024
"""Most bytes of request bodies held at once."""


class Parts:
    """What one server is made of. `close` finishes what was accepted; the stores stay open for their owner."""

    def __init__(self, options: ServerOptions, store: SqliteStore, keys: Keys) -> None:
        self.options = options
        self.store = store
        self.keys = keys
        self.counters = Counters()
        self.gate = Gate(keys, is_local=options.is_local, per_second=options.rate_limit)
        self.span_logs = SqliteSpanLogs(options.db)
        recipe = Recipe(options.prices, options.ignore_spans, options.ignore_in_sessions)
        workers = usual_count() if options.workers is None else options.workers
        self.ingest = Ingest(store, self.span_logs, self.counters, recipe=recipe, workers=workers)
        self.in_flight = InFlight(HELD_BYTES, options.body_timeout_s)
        self.forgetting = Forgetting(store, keys, self.span_logs)
        self.stirring = Stirring(store.stamp)
        self.kept = Kept(options.db, options.retention)
        self.upkeep = Upkeep(
            self.forgetting, lambda: self.kept.retention, self.counters, index=options.index, busy=self.ingest.is_busy
        )

    def close(self) -> None:
        """Finish what was accepted."""
        self.ingest.close()
        self.span_logs.close()


def make_app(parts: Parts) -> FastAPI:
    """The application. It may be asked as soon as it is made."""
    app = FastAPI(title="agentops-otel", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(OtlpDoors(parts.ingest, parts.gate, parts.in_flight).router())
    v2 = ApiV2(parts.store, parts.keys, parts.gate, parts.ingest, parts.in_flight)
    app.include_router(v2.router())
    app.include_router(Reads(parts.store, parts.keys, parts.span_logs, parts.gate).router())
    app.include_router(PublicV1(parts.store, parts.gate).router())
    app.include_router(Dashboard(parts.forgetting, parts.gate, parts.options, parts.kept, parts.stirring).router())
    _add_own_routes(app, parts)
    _add_errors(app, parts)
    app.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=1)
    app.add_middleware(OnlyThisMachine, parts=parts)
    return app


def _add_own_routes(app: FastAPI, parts: Parts) -> None:
    @app.get("/health", tags=["Server"])
    async def health() -> JSONResponse:
        """Whether the server is up."""
        return JSONResponse({"message": "Server Up", "version": __version__})

    @app.get("/metrics", tags=["Server"], response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counters in the text format of Prometheus."""
        parts.counters.set("held_bytes", parts.in_flight.held)
        parts.counters.set("workers", parts.ingest.workers.alive)
        parts.counters.set("store_size_bytes", _size(parts.options.db))
        return Response(parts.counters.text(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))


def _size(db: Path) -> int:
    paths = (f"{db}{suffix}" for suffix in ("", "-wal"))
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))


def _add_errors(app: FastAPI, parts: Parts) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        parts.counters.add("rejected_requests", error.reason)
        return await answer(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(one) for one in first["loc"])
        return await refused(request, Refusal(422, f"{place}: {first['msg']}", "bad_parameter"))

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refusal = Refusal(error.status_code, str(error.detail), "unknown_route", headers=dict(error.headers or {}))
        return await refused(request, refusal)

    async def undecodable(request: Request, error: Exception) -> Response:
        return await refused(request, Refusal(400, str(error), "undecodable"))

    async def unreadable(request: Request, error: Exception) -> Response:
        logger.warning("the store cannot be read: %s", error)
        return await refused(request, busy(f"the store cannot be read: {error}", "store"))

    async def broken(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return await refused(request, Refusal(500, "Internal Server Error", "bug"))

    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        Refusal: refused,
        RequestValidationError: invalid,
        HTTPException: unknown,
        DecodeError: undecodable,
        StoreError: unreadable,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


class OnlyThisMachine:
    """Refuses, while no key is needed, requests that a foreign web page could make a browser send.

    A page can resolve its own name to 127.0.0.1 and then read what is here (DNS rebinding), which its Host header
    gives away; and it can post forms across origins, which the Origin header gives away.
    """

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or not self._parts.gate.is_open:
            return await self._app(scope, receive, send)
        request = Request(scope)
        for header in ("host", "origin"):
            said = request.headers.get(header)
            if said is not None and not self._is_ours(said):
                self._parts.counters.add("rejected_requests", f"foreign_{header}")
                refusal = Refusal(403, f"{header.title()} {said!r} is not this machine")
                return await (await answer(request, refusal))(scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_ours(self, said: str) -> bool:
        name = said.rpartition("://")[2]
        name = name if name.endswith("]") else name.rpartition(":")[0] or name
        return is_loopback(name) or name in self._parts.options.hosts
