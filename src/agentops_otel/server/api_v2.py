"""AgentOps' v2 REST API, the writing half, and what its 0.4 SDK needs beside OTLP (v3 tokens, v4 uploads).

Shapes and statuses are AgentOps'; its published defects are not (lost links of errors, 500 for a joined session,
statistics that drift). Source: AgentOps server, main of March 2026; recordings of agentops 0.3.17, 0.3.26 and 0.4.21.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from agentops_otel import v2
from agentops_otel.errors import DecodeError
from agentops_otel.exports import cost_text
from agentops_otel.facts import EventFact, Fact
from agentops_otel.guard import logger
from agentops_otel.records import Event, Json, LLMCall, Session, decimal_text
from agentops_otel.server.auth import PARENT_KEY_HEADER, Caller, Gate, bearer_of, is_uuid
from agentops_otel.server.bodies import InFlight, decompressed, json_object
from agentops_otel.server.ingest import Ingest
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.base import EventQuery, Store
from agentops_otel.store.keys import Keys
from agentops_otel.translate import session_of_trace

MAX_UPLOAD = 25 * 1024 * 1024

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """One request of the v2 API, read: whose it is, for which session, and what it says."""

    caller: Caller
    session_id: str
    body: dict[str, Json]
    base_url: str

    @property
    def project_id(self) -> str:
        """The project of the caller."""
        return self.caller.project_id

    @property
    def session_url(self) -> str:
        """Where a person can look at the session."""
        return f"{self.base_url}/sessions/{self.session_id}"


class ApiV2:
    """The writing routes. Every answer is JSON, because the old clients take any other for a failure."""

    def __init__(self, store: Store, keys: Keys, gate: Gate, ingest: Ingest, in_flight: InFlight) -> None:
        self._store = store
        self._keys = keys
        self._gate = gate
        self._ingest = ingest
        self._in_flight = in_flight

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["AgentOps v2"])
        posts: dict[str, Callable[..., Any]] = {
            "/v2/create_session": self.create_session,
            "/v2/sessions": self.create_session,
            "/v2/reauthorize_jwt": self.reauthorize_jwt,
            "/v2/update_session": self.update_session,
            "/v2/create_agent": self.create_agent,
            "/v2/create_thread": self.create_thread,
            "/v2/create_events": self.create_events,
            "/v2/update_events": self.update_events,
            "/v2/developer_errors": self.developer_errors,
            "/v3/auth/token": self.project_token,
            "/v4/logs/upload/": self.upload_log,
            "/v4/objects/upload/": self.upload_object,
        }
        for path, route in posts.items():
            name = path.strip("/").replace("/", "_")
            router.add_api_route(
                path, route, methods=["POST"], response_class=JSONResponse, name=name, openapi_extra=_JSON_BODY
            )
        router.add_api_route("/v2/update_logs", self.update_logs, methods=["PUT"], openapi_extra=_JSON_BODY)
        router.add_api_route("/v4/objects/{object_id}", self.object, methods=["GET"], response_class=Response)
        return router

    # --- sessions ------------------------------------------------------------------------------------------------

    async def create_session(self, request: Request) -> Response:
        """Start a session, or join it if it exists in this project. Answers a token for a day."""
        return await self._by_key(request, self._create_session)

    def _create_session(self, asked: Asked) -> Json:
        session = _object(asked.body, "session")
        facts = v2.facts_of_start(session, asked.session_id, time.time_ns())
        self._ingest.append("v2", asked.project_id, [facts], 0)
        return {
            "status": "Success",
            "jwt": self._gate.token(asked.caller, asked.session_id),
            "session_url": asked.session_url,
        }

    async def reauthorize_jwt(self, request: Request) -> Response:
        """A fresh token for a session of this project."""
        return await self._by_key(request, self._reauthorize)

    def _reauthorize(self, asked: Asked) -> Json:
        if self._store.session(asked.project_id, asked.session_id) is None:
            raise Refusal(400, "Error reauthorizing Api Key: Invalid Session Id", "unknown_session")
        return {"status": "Success", "jwt": self._gate.token(asked.caller, asked.session_id)}

    async def update_session(self, request: Request) -> Response:
        """Tags, end, video and host environment of a session. Answers its cost so far."""
        return await self._by_token(request, self._update_session)

    def _update_session(self, asked: Asked) -> Json:
        known = self._store.session(asked.project_id, asked.session_id)
        session = _object(asked.body, "session")
        facts = v2.facts_of_update(session, asked.session_id, time.time_ns(), known)
        self._ingest.append("v2", asked.project_id, [facts], 0)
        return {"status": "success", "token_cost": _token_cost(known), "session_url": asked.session_url}

    # --- what happens in them ------------------------------------------------------------------------------------

    async def create_agent(self, request: Request) -> Response:
        """Make an agent of the session known, or rename it."""
        return await self._by_token(request, self._create_agent)

    def _create_agent(self, asked: Asked) -> Json:
        self._ingest.append("v2", asked.project_id, [v2.fact_of_agent(asked.body, asked.session_id, time.time_ns())], 1)
        return "Success"

    async def create_thread(self, request: Request) -> Response:
        """Accepted for old clients. Threads are what their events say: `thread_id`."""
        return await self._by_token(request, self._create_thread)

    def _create_thread(self, asked: Asked) -> Json:
        self._ingest.append("v2", asked.project_id, [v2.activity(asked.session_id, time.time_ns())], 1)
        return "Success"

    async def create_events(self, request: Request) -> Response:
        """Record events. An id that is known already is replaced; statistics follow."""
        return await self._by_token(request, self._create_events)

    def _create_events(self, asked: Asked) -> Json:
        now_ns = time.time_ns()
        facts: list[Fact] = [
            self._priced(v2.fact_of_event(event, asked.session_id, now_ns)) for event in _events(asked.body)
        ]
        self._append_events(asked, facts, now_ns)
        return "Success"

    async def update_events(self, request: Request) -> Response:
        """Change events by `id`; what an event object does not say stays as it was. Statistics follow."""
        return await self._by_token(request, self._update_events)

    def _update_events(self, asked: Asked) -> Json:
        now_ns = time.time_ns()
        facts: list[Fact] = [
            self._priced(EventFact(self._changed(asked, event), now_ns)) for event in _events(asked.body)
        ]
        self._append_events(asked, facts, now_ns)
        return "Success"

    def _changed(self, asked: Asked, change: Json) -> Event:
        event_id = change.get("id") if isinstance(change, dict) else None
        if not isinstance(event_id, str):
            raise DecodeError("event.id is missing; send the id of the event to change")
        found = self._store.events(asked.project_id, asked.session_id, EventQuery(event_id=event_id, told=True))
        known = next(iter(found), None)
        if known is None:
            raise DecodeError(f"there is no event {event_id!r} in this session")
        return v2.changed(known, change)

    def _append_events(self, asked: Asked, facts: list[Fact], now_ns: int) -> None:
        count = len(facts)
        self._ingest.append("v2", asked.project_id, [*facts, v2.activity(asked.session_id, now_ns)], count)

    def _priced(self, fact: EventFact) -> EventFact:
        event = fact.event
        if not isinstance(event, LLMCall) or event.cost:
            return fact
        # 0 is what clients send that know no price: it is unknown, unless a table has one
        unknown = replace(event, cost=None, price=None)
        return EventFact(self._ingest.price(unknown), fact.revision)

    # --- logs, errors, uploads -----------------------------------------------------------------------------------

    async def update_logs(self, request: Request) -> Response:
        """Append what a program printed to the log of its session."""
        return await self._by_token(request, self._update_logs)

    def _update_logs(self, asked: Asked) -> Json:
        logs = asked.body.get("logs")
        if not isinstance(logs, str):
            raise Refusal(400, "Logs data is missing")
        self._keys.append_log(asked.project_id, asked.session_id, logs)
        return {"status": "success", "logs_url": f"{asked.base_url}/v2/sessions/{asked.session_id}/logs"}

    async def developer_errors(self, request: Request) -> Response:
        """Errors of the SDK itself, written to the server's log."""
        async with self._in_flight.body(request) as body:
            said = json_object(decompressed(body, request.headers.get("content-encoding", "")))
        logger.warning(
            "an SDK reports %.200s: %.500s (version %.40s)",
            *(said.get(key) for key in ("type", "message", "sdk_version")),
        )
        return Response(status_code=204)

    async def upload_log(self, request: Request) -> Response:
        """The printed output of a trace, whose id the header Trace-Id gives in decimal digits."""
        text = request.headers.get("trace-id", "")
        if not text.isdecimal() or int(text) >= 2**128:
            raise Refusal(400, "the header Trace-Id is missing; send the trace id in decimal digits")
        session_id = session_of_trace(format(int(text), "032x"))

        def keep(caller: Caller, body: bytes) -> str:
            self._keys.append_log(caller.project_id, session_id, body.decode("utf-8", "replace"))
            return f"/v2/sessions/{session_id}/logs"

        return await self._upload(request, keep)

    async def upload_object(self, request: Request) -> Response:
        """Keep a body of any kind; the answer says where it can be read. The oldest of a project go beyond 256 MiB."""

        def keep(caller: Caller, body: bytes) -> str:
            return f"/v4/objects/{self._keys.put_object(caller.project_id, body)}"

        return await self._upload(request, keep)

    async def _upload(self, request: Request, keep: Callable[[Caller, bytes], str]) -> Response:
        caller = self._gate.by_headers(request.headers)
        async with self._in_flight.body(request, MAX_UPLOAD) as body:
            place = await self._ingest.run("v4", lambda: keep(caller, body))
            size = len(body)
        return JSONResponse({"url": f"{_base(request)}{place}", "size": size})

    def object(self, request: Request, object_id: str) -> Response:
        """An uploaded object, as it came. Only its own project may read it."""
        body = self._keys.object(self._gate.by_headers(request.headers).project_id, object_id)
        if body is None:
            raise Refusal(404, "there is no such object in this project", "unknown_object")
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(body, headers=headers, media_type="application/octet-stream")

    # --- tokens --------------------------------------------------------------------------------------------------

    async def project_token(self, request: Request) -> Response:
        """Exchange an API key for a token of its project, as the 0.4 SDK does before it sends spans."""
        async with self._in_flight.body(request) as body:
            key = json_object(body).get("api_key")
        if not isinstance(key, str):
            raise Refusal(422, "api_key is missing", "no_key")
        if not is_uuid(key):
            raise Refusal(400, "Invalid API key format", "bad_key")
        try:
            caller = self._gate.by_key(key)
        except Refusal as refusal:
            raise Refusal(403, "Invalid API key", refusal.reason) from None
        token = self._gate.token(caller)
        return JSONResponse({"token": token, "project_id": caller.project_id, "project_prem_status": "pro"})

    # --- reading a request ---------------------------------------------------------------------------------------

    async def _by_key(self, request: Request, work: Callable[[Asked], Json]) -> Response:
        """For the two calls that come before there is a token."""
        caller = _as_400(lambda: self._key_of(request.headers))
        return await self._read(request, caller, work, self._joined)

    def _key_of(self, headers: Headers) -> Caller:
        key = headers.get("x-agentops-api-key")
        if self._gate.is_open:
            return self._gate.by_key("")
        if not key:
            raise Refusal(400, "API Key is Missing", "no_key")
        if not is_uuid(key):
            raise Refusal(400, "Invalid API key format", "bad_key")
        return self._gate.by_key(key)

    def _joined(self, asked: Asked, headers: Headers) -> None:
        """Let the project of the parent key read the session too."""
        parent = headers.get(PARENT_KEY_HEADER)
        if not parent or self._gate.is_open:
            return
        reader = _as_400(lambda: self._gate.by_key(parent))
        if reader.project_id != asked.project_id:
            self._store.share(asked.project_id, asked.session_id, reader.project_id)

    async def _by_token(self, request: Request, work: Callable[[Asked], Json]) -> Response:
        token = bearer_of(request.headers)
        if token is not None and not self._gate.is_open:
            caller = self._gate.by_token(token) if token.count(".") == 2 else self._gate.by_key(token)
        elif self._gate.is_open or request.headers.get("x-agentops-api-key"):
            caller = self._gate.by_headers(request.headers)
        else:
            raise Refusal(400, "Bearer Token is Missing", "no_key")
        return await self._read(request, caller, work)

    async def _read(
        self,
        request: Request,
        caller: Caller,
        work: Callable[[Asked], Json],
        before: Callable[[Asked, Headers], None] | None = None,
    ) -> Response:
        headers = request.headers
        async with self._in_flight.body(request) as raw:

            def read_and_do() -> Json:
                body = json_object(decompressed(raw, headers.get("content-encoding", "")))
                asked = Asked(caller, caller.session_id or _session_id(body), body, _base(request))
                if before is not None:
                    before(asked, headers)
                return work(asked)

            return JSONResponse(await self._ingest.run("v2", read_and_do))


_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def _session_id(body: dict[str, Json]) -> str:
    """The session a body names, for callers whose token names none."""
    holder = body.get("session")
    if isinstance(holder, dict):
        return v2.session_id_of(holder)
    events = body.get("events")
    if "session_id" not in body and isinstance(events, list) and events and isinstance(events[0], dict):
        return v2.session_id_of({"session_id": events[0].get("session_id")})
    return v2.session_id_of({"session_id": body.get("session_id")})


def _object(body: dict[str, Json], name: str) -> dict[str, Json]:
    found = body.get(name)
    if not isinstance(found, dict):
        raise DecodeError(f"{name} is missing; send an object")
    return found


def _events(body: dict[str, Json]) -> list[Json]:
    events = body.get("events")
    if not isinstance(events, list):
        raise DecodeError("events is missing; send a list of events")
    return events


def _token_cost(session: Session | None) -> str | None:
    """The cost as old clients read it: exact text, `0.00` for nothing, null while no call has a known price."""
    if session is None:
        return "0.00"
    statistics = session.statistics
    if not statistics.cost:
        return None if statistics.unpriced_llms else cost_text(statistics.cost)
    return decimal_text(statistics.cost)


def _as_400(look: Callable[[], Caller]) -> Caller:
    """The v2 API answers 400 to a key it does not know."""
    try:
        return look()
    except Refusal as refusal:
        if refusal.status != 401:
            raise
        raise Refusal(400, refusal.message, refusal.reason) from None


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
