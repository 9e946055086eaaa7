"""The reading half of the v2 API: sessions, their events, statistics and exports.

`/stats` and `/export` have AgentOps' shapes and statuses (400 for whatever is not this project's, with one message for
unknown and foreign sessions); the other routes answer our records (`records.to_json`) and 404.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from agentops_otel import exports
from agentops_otel.errors import InvalidValueError
from agentops_otel.facts import tags_said
from agentops_otel.records import END_STATES, EVENT_TYPES, Event, EventType, Json, Session, nanoseconds, to_json
from agentops_otel.server.auth import KEY_HEADER, Gate, bearer_of, is_uuid
from agentops_otel.server.refusals import Refusal
from agentops_otel.sessions import root_of
from agentops_otel.store.base import EventQuery, SessionQuery, SessionSort, Store, cursor_of
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.keys import Keys
from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs
from agentops_otel.v2 import END_STATE_NAMES

MOST_SESSIONS, MOST_EVENTS = 500, 1000
"""The longest page of each listing."""

MOST_MS = 10**15

_TEXT = "Words of prompts, completions, arguments, results or errors; or part of the id, a tag, the reason, an agent."

_SHARED = "Those of other projects that named this one as parent: them alone, or none of them; both if left out."

_PIECE = 128 * 1024


class Reads:
    """The reading routes. Blocking reads run on the thread pool of the web framework."""

    def __init__(self, store: Store, keys: Keys, span_logs: SqliteSpanLogs, gate: Gate) -> None:
        self._store = store
        self._keys = keys
        self._forgetting = Forgetting(store, keys, span_logs)
        self._gate = gate

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["Sessions"])
        session = "/v2/sessions/{session_id}"
        router.add_api_route("/v2/sessions", self.sessions, methods=["GET"])
        router.add_api_route("/v2/sessions/delete", self.delete_many, methods=["POST"])
        router.add_api_route(session, self.session, methods=["GET"])
        router.add_api_route(session, self.delete, methods=["DELETE"], status_code=204, response_class=Response)
        router.add_api_route(f"{session}/stats", self.stats, methods=["GET"])
        router.add_api_route(f"{session}/export", self.export, methods=["GET"])
        router.add_api_route(f"{session}/events", self.events, methods=["GET"])
        router.add_api_route(f"{session}/events/{{event_id}}", self.event, methods=["GET"])
        router.add_api_route(f"{session}/otlp", self.otlp, methods=["GET"])
        router.add_api_route(f"{session}/jsonl", self.jsonl, methods=["GET"])
        router.add_api_route(f"{session}/logs", self.logs, methods=["GET"])
        router.add_api_route(f"{session}/tags", self.tags, methods=["PATCH"])
        router.add_api_route("/v2/ttd/{ttd_id}", self.ttd, methods=["GET"])
        return router

    # --- AgentOps' shapes ----------------------------------------------------------------------------------------

    def stats(self, request: Request, session_id: str) -> Response:
        """The statistics of a session."""
        _, session = self._agentops_session(request, session_id)
        return _tagged(request, exports.agentops_stats(session))

    def export(self, request: Request, session_id: str) -> Response:
        """The whole session: AgentOps' rows by kind, statistics and agents; streamed, whatever its size."""
        project_id, session = self._agentops_session(request, session_id)
        chunks = exports.agentops_export_chunks(session, lambda kind: self._of_kind(project_id, session_id, kind))
        return _streamed(chunks, "application/json")

    def _of_kind(self, project_id: str, session_id: str, kind: EventType) -> Iterator[Event]:
        return self._store.events(project_id, session_id, EventQuery(types=(kind,)))

    def _agentops_session(self, request: Request, session_id: str) -> tuple[str, Session]:
        key = request.headers.get(KEY_HEADER) or bearer_of(request.headers)
        if not self._gate.is_open:
            if not key:
                raise Refusal(400, "API Key is Missing", "no_key")
            if not (is_uuid(key) or key.count(".") == 2):
                raise Refusal(400, "Invalid API key format", "bad_key")
        try:
            return self._found(request, session_id)
        except Refusal as refusal:
            if refusal.status == 404:
                raise Refusal(400, "Session does not belong to this project", "unknown_session") from None
            if refusal.status == 401:
                raise Refusal(400, "Invalid API Key", refusal.reason) from None
            raise

    # --- our records ---------------------------------------------------------------------------------------------

    def sessions(
        self,
        request: Request,
        tag: str | None = None,
        end_state: str | None = None,
        running: bool | None = None,
        model: str | None = None,
        provider: Annotated[str | None, Query(description="Of a model call, as openai.")] = None,
        host: Annotated[str | None, Query(description="The name of the machine of a process.")] = None,
        since: Annotated[str | None, Query(description="Earliest start, ISO 8601.")] = None,
        until: Annotated[str | None, Query(description="The start is before this, ISO 8601.")] = None,
        has_errors: bool | None = None,
        min_cost: str | None = None,
        max_cost: str | None = None,
        min_duration_ms: Annotated[float | None, Query(ge=0, le=MOST_MS)] = None,
        max_duration_ms: Annotated[float | None, Query(ge=0, le=MOST_MS)] = None,
        text: Annotated[str | None, Query(description=_TEXT)] = None,
        reason: Annotated[str | None, Query(description="Of the end, word for word; empty for none.")] = None,
        id_prefix: str | None = None,
        shared: Annotated[bool | None, Query(description=_SHARED)] = None,
        sort: Annotated[SessionSort, Query(description="What the largest comes first of.")] = "start",
        ascending: Annotated[bool, Query(description="The smallest first instead.")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST_SESSIONS)] = 50,
        cursor: str | None = None,
    ) -> Response:
        """Sessions that the project may read, newest first unless sorted otherwise. Every filter that is given must
        hold; `next_cursor` asks for more of the same order."""
        if end_state is not None and end_state not in END_STATE_NAMES:
            raise Refusal(400, f"end_state is {end_state!r}; it is one of {', '.join(END_STATES)}")
        query = SessionQuery(
            tag=tag,
            end_state=END_STATE_NAMES[end_state] if end_state else None,
            running=running,
            model=model,
            provider=provider,
            host=host,
            since_ns=_moment("since", since),
            until_ns=_moment("until", until),
            has_errors=has_errors,
            min_cost=_dollars("min_cost", min_cost),
            max_cost=_dollars("max_cost", max_cost),
            min_duration_ns=None if min_duration_ms is None else int(min_duration_ms * 1_000_000),
            max_duration_ns=None if max_duration_ms is None else int(max_duration_ms * 1_000_000),
            text=text or None,
            reason=reason,
            sort=sort,
            ascending=ascending,
            id_prefix=id_prefix or None,
            shared=shared,
            limit=limit,
            cursor=cursor,
        )
        project_id = self._gate.by_headers(request.headers).project_id
        try:
            page = self._store.sessions(project_id, query)
        except InvalidValueError as error:
            raise Refusal(400, str(error)) from None
        return _tagged(request, {"sessions": [to_json(one) for one in page.items], "next_cursor": page.next_cursor})

    def session(self, request: Request, session_id: str) -> Response:
        """One session."""
        return _tagged(request, to_json(self._found(request, session_id)[1]))

    def events(
        self,
        request: Request,
        session_id: str,
        types: Annotated[str | None, Query(description="Kinds to show, separated by commas.")] = None,
        payloads: bool = True,
        limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
        cursor: str | None = None,
    ) -> Response:
        """Events of a session by start. `payloads=false` leaves prompts, results and other large fields out."""
        project_id, _ = self._found(request, session_id)
        kinds = tuple(kind for kind in EVENT_TYPES if kind in (types or "").split(","))
        if types and len(kinds) != len(set(types.split(","))):
            raise Refusal(400, f"types is {types!r}; it names some of {', '.join(EVENT_TYPES)}")
        query = EventQuery(types=kinds, payloads=payloads, limit=limit + 1, cursor=cursor)
        try:
            found = list(self._store.events(project_id, session_id, query))
        except InvalidValueError as error:
            raise Refusal(400, str(error)) from None
        page = found[:limit]
        more = cursor_of(page[-1]) if len(found) > limit else None
        return _tagged(request, {"events": [to_json(event) for event in page], "next_cursor": more})

    def event(self, request: Request, session_id: str, event_id: str) -> Response:
        """One event with everything it carries."""
        project_id, _ = self._found(request, session_id)
        found = next(iter(self._store.events(project_id, session_id, EventQuery(event_id=event_id))), None)
        if found is None:
            raise Refusal(404, f"there is no event {event_id!r} in this session", "unknown_event")
        return _tagged(request, to_json(found))

    def otlp(self, request: Request, session_id: str) -> Response:
        """The session as OTLP/JSON again, ready to be sent to any collector; streamed."""
        project_id, session = self._found(request, session_id)

        def events_of(kinds: tuple[EventType, ...]) -> Iterator[Event]:
            return self._store.events(project_id, session_id, EventQuery(types=kinds, told=True))

        return _streamed(exports.otlp_json_chunks(session, root_of(session_id), events_of), "application/json")

    def jsonl(self, request: Request, session_id: str) -> Response:
        """The session as JSON lines: its record, then its events."""
        project_id, session = self._found(request, session_id)
        lines = exports.jsonl_lines(session, self._store.events(project_id, session_id, EventQuery(told=True)))
        return _streamed((line + "\n" for line in lines), "application/x-ndjson")

    def logs(self, request: Request, session_id: str) -> Response:
        """What the programs of a session printed, where their SDK sent it."""
        project_id, _ = self._found(request, session_id)
        return PlainTextResponse(self._keys.log(project_id, session_id) or "")

    def delete(self, request: Request, session_id: str) -> Response:
        """Remove a session with everything recorded in it. Only its own project may."""
        project_id = self._gate.by_headers(request.headers).project_id
        if not self._forgetting.forget(project_id, [session_id]):
            raise _unknown()
        return Response(status_code=204)

    def delete_many(
        self, request: Request, session_ids: Annotated[list[str], Body(embed=True, max_length=MOST_SESSIONS)]
    ) -> Response:
        """Remove many sessions with everything recorded in them; how many there were. Only their own project may."""
        project_id = self._gate.by_headers(request.headers).project_id
        return JSONResponse({"deleted": self._forgetting.forget(project_id, session_ids)})

    def tags(
        self,
        request: Request,
        session_id: str,
        set: Annotated[list[str] | None, Body(description="All tags, anew.")] = None,
        add: Annotated[list[str] | None, Body(description="Tags to append.")] = None,
    ) -> Response:
        """Replace the tags of a session, append to them, or both. Only its own project may."""
        project_id = self._gate.by_headers(request.headers).project_id
        if self._store.session(project_id, session_id) is None:
            raise _unknown()
        self._store.append(project_id, [tags_said(session_id, time.time_ns(), "rest", instead=set, more=add or ())])
        return _tagged(request, to_json(self._found(request, session_id)[1]))

    def ttd(self, request: Request, ttd_id: str) -> Response:
        """The model calls of a session in the shape from which old SDKs replay them ("time travel")."""
        if not self._gate.is_open and not request.headers.get(KEY_HEADER):
            return JSONResponse([])
        project_id = self._gate.by_headers(request.headers).project_id
        calls = self._store.events(project_id, ttd_id, EventQuery(types=("llms",)))
        return JSONResponse([_ttd_row(ttd_id, call) for call in calls])

    def _found(self, request: Request, session_id: str) -> tuple[str, Session]:
        """The session and the project it is in: the caller's, or the one that let the caller's read it."""
        own = self._gate.by_headers(request.headers).project_id
        for project_id in (own, self._store.owner_of_shared(own, session_id)):
            session = self._store.session(project_id, session_id) if project_id is not None else None
            if project_id is not None and session is not None:
                return project_id, session
        raise _unknown()


def _streamed(texts: Iterable[str], media_type: str) -> Response:
    """Text in pieces of some size: each piece is a journey between two threads, which costs more than an event."""
    return StreamingResponse(_pieces(texts), media_type=media_type)


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()


def _unknown() -> Refusal:
    return Refusal(404, "there is no such session in this project", "unknown_session")


def _moment(name: str, said: str | None) -> int | None:
    if not said:
        return None
    try:
        return nanoseconds(said)
    except ValueError:
        raise Refusal(400, f"{name} is {said!r}; send a moment in ISO 8601") from None


def _dollars(name: str, said: str | None) -> Decimal | None:
    if not said:
        return None
    try:
        amount = Decimal(said)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise Refusal(400, f"{name} is {said!r}; send an amount in US dollars")
    return amount


def _tagged(request: Request, content: Json) -> Response:
    """JSON with an ETag, or 304 where the client has it already."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _ttd_row(ttd_id: str, call: Event) -> Json:
    row = exports.event_row(call)
    named = ("session_id", "model", "prompt_tokens", "completion_tokens", "params", "returns")
    messages = {name: (row[name] or {}).get("messages", row[name]) for name in ("prompt", "completion")}
    rest = {"id": call.event_id, "ttd_id": ttd_id, "branch_name": "main", "llm_id": call.event_id}
    return rest | {name: row[name] for name in named} | messages | {"created_at": row["init_timestamp"]}
