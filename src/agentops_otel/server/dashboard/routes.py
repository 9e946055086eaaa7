"""The routes of the dashboard. Every state of a page is a URL; scripts ask for parts of the same pages (`part=`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from agentops_otel.comparison import compare
from agentops_otel.errors import InvalidValueError, StoreError
from agentops_otel.records import Session
from agentops_otel.server.auth import Caller, Gate
from agentops_otel.server.dashboard.assets import assets
from agentops_otel.server.dashboard.changes import Changes
from agentops_otel.server.dashboard.compare_page import ComparePage, compare_url
from agentops_otel.server.dashboard.filters import COLUMNS, RARE, STATES, TIMES, Filters
from agentops_otel.server.dashboard.first_steps import first_steps
from agentops_otel.server.dashboard.login import caller_of, form_of, log_in, log_out
from agentops_otel.server.dashboard.overview_page import SPANS, OverviewPage, query_of, span_of
from agentops_otel.server.dashboard.pages import HEADERS, html, live, page, refused
from agentops_otel.server.dashboard.recent import Recent
from agentops_otel.server.dashboard.said import Sayings, by_project
from agentops_otel.server.dashboard.session_page import SessionPage, exported, exported_together
from agentops_otel.server.dashboard.settings_page import Settings, retention_words
from agentops_otel.server.dashboard.stirring import Stirring
from agentops_otel.server.dashboard.waterfall_page import Remembered
from agentops_otel.server.kept import Kept
from agentops_otel.server.options import ServerOptions
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.base import SessionQuery, Store
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.overview import Overview
from agentops_otel.text.comparison import KINDS, LABELS, change_text, cost_change, sum_text
from agentops_otel.text.values import bytes_text

SESSIONS_AT_ONCE = 50

MOST_TAGS = 6
"""So many tags, and so many models, are named in a row of the list."""


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, its refusals answered as pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return refused(request, refusal)
            except StoreError as error:
                return refused(request, Refusal(503, f"The store cannot be read: {error}", "store"))

        return handled


class Dashboard:
    """The pages. Blocking reads run on the thread pool of the web framework."""

    def __init__(
        self,
        forgetting: Forgetting,
        gate: Gate,
        options: ServerOptions,
        kept: Kept,
        stirring: Stirring,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Store = forgetting.store
        self._keys = forgetting.keys
        self._changes = Changes(forgetting, gate, clock)
        self._kept = kept
        self._stirring = stirring
        self._settings = Settings(forgetting, gate, options, kept)
        self._gate = gate
        self._clock = clock
        self._recent: Recent[Overview] = Recent()
        self._remembered = Remembered()
        self._sayings = Sayings(self._store)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(route_class=PageRoute, include_in_schema=False)
        router.add_api_route("/", self.sessions, methods=["GET"])
        router.add_api_route("/sessions", self.sessions, methods=["GET"])
        router.add_api_route("/sessions/{session_id:path}", self.session, methods=["GET"])
        router.add_api_route("/overview", self.overview, methods=["GET"])
        router.add_api_route("/stirring", self.stirring, methods=["GET"])
        router.add_api_route("/compare", self.compare, methods=["GET"])
        router.add_api_route("/exports", self.export_picked, methods=["GET"])
        router.add_api_route("/exports/{form}/{session_id:path}", self.export, methods=["GET"])
        router.add_api_route("/login", self.login_page, methods=["GET"])
        router.add_api_route("/login", self.login, methods=["POST"])
        router.add_api_route("/logout", self.logout, methods=["POST"])
        self._changes.add_to(router)
        self._settings.add_to(router)
        router.add_api_route("/static/{digest}/{name}", self.static, methods=["GET"])
        return router

    # --- news ----------------------------------------------------------------------------------------------------

    async def stirring(self, request: Request) -> Response:
        """Events while the store is being written to, for pages that can be seen."""
        await run_in_threadpool(caller_of, request, self._gate)
        return self._stirring.answer(request)

    # --- sessions ------------------------------------------------------------------------------------------------

    def sessions(self, request: Request) -> Response:
        """The list: filtered by the URL, newest first, its first page live."""
        caller = caller_of(request, self._gate)
        asked = request.query_params
        filters, cursor = Filters.of(asked), asked.get("cursor")
        if not all(asked.values()):  # the fields of a form that nobody filled in
            return RedirectResponse(filters.url(cursor=cursor or None), 303, HEADERS)
        try:
            found = self._store.sessions(caller.project_id, filters.query(self._clock(), SESSIONS_AT_ONCE, cursor))
            sessions, more, wrong = found.items, found.next_cursor, None
        except InvalidValueError as error:
            sessions, more, wrong = [], None, str(error)
        rows = html(
            "sessions_live.html",
            sessions=sessions,
            said=self._sayings.of(sessions) if "said" in filters.columns else {},
            models=self._models(sessions),
            project_id=caller.project_id,
            filters=filters,
            columns=COLUMNS,
            most_tags=MOST_TAGS,
            next_url=filters.url(cursor=more) if more else None,
            first_url=filters.url() if cursor else None,
            wrong=wrong,
            first_steps=first_steps(str(request.base_url).rstrip("/"), needs_key=not self._gate.is_open),
        )
        part = live(request, "list", rows, filters.url(part="list") if cursor is None and wrong is None else None)
        if part is None or asked.get("part") == "list":
            return Response(status_code=204) if part is None else page(part)
        return page(
            html(
                "sessions.html",
                live=part,
                filters=filters,
                states=STATES,
                rare=bool(RARE & filters.values.keys()),
                times=TIMES,
                open=self._gate.is_open,
                columns=COLUMNS,
                here=filters.url(cursor=cursor),
                project_id=caller.project_id,
            )
        )

    def _models(self, sessions: Sequence[Session]) -> Mapping[str, Sequence[str]]:
        """The models of each session, where the store can tell."""
        models = getattr(self._store, "models", None)
        if models is None:
            return {}
        told = [models(project_id, ids) for project_id, ids in by_project(sessions).items()]
        return {session_id: called for one in told for session_id, called in one.items()}

    # --- overview ------------------------------------------------------------------------------------------------

    def overview(self, request: Request) -> Response:
        """All sessions of a span of time (`since=`) as tiles, charts and rankings."""
        caller, span = caller_of(request, self._gate), span_of(request.query_params.get("since"))
        query = query_of(span, self._clock())
        foreign = bool(self._store.sessions(caller.project_id, SessionQuery(shared=True, limit=1)).items)
        find = partial(self._store.overview, caller.project_id, query)  # type: ignore[attr-defined]
        return page(
            html(
                "overview.html",
                overview=OverviewPage(self._recent.get((caller.project_id, span), find), query, foreign=foreign),
                foreign=foreign,
                span=span,
                spans={name: label for name, (label, _, _) in SPANS.items()},
                open=self._gate.is_open,
                project_id=caller.project_id,
                projects=self._projects(caller),
                kept=[bytes_text(self._store.size_bytes()), *retention_words(self._kept.retention)],
            )
        )

    def _projects(self, caller: Caller) -> Sequence[str]:
        """The projects that may be looked at: all while no key is needed, else that of the key."""
        return sorted({caller.project_id, *self._keys.projects()}) if self._gate.is_open else [caller.project_id]

    # --- one session ---------------------------------------------------------------------------------------------

    def session(self, request: Request, session_id: str) -> Response:
        """A session: `tab=` is one of `TABS`; `event=` picks an event of the waterfall."""
        session = self._found(request, session_id)
        own = caller_of(request, self._gate).project_id == session.project_id
        shown = SessionPage(request, self._store, session, self._remembered, open_gate=self._gate.is_open, own=own)
        return shown.answer()

    def export(self, request: Request, form: str, session_id: str) -> Response:
        """A session as a file."""
        return exported(self._store, self._found(request, session_id), form)

    def export_picked(self, request: Request) -> Response:
        """The sessions of `session=`, each as lines of JSON."""
        caller = caller_of(request, self._gate)
        found = [self._readable(caller, one) for one in request.query_params.getlist("session")[:SESSIONS_AT_ONCE]]
        sessions = [session for session in found if session is not None]
        if not sessions:
            raise Refusal(400, "Pick the sessions that are to be exported.", "no_choice")
        return exported_together(self._store, sessions)

    def _found(self, request: Request, session_id: str) -> Session:
        session = self._readable(caller_of(request, self._gate), session_id)
        if session is None:
            raise Refusal(404, "There is no such session in this project.", "unknown_session")
        return session

    def _readable(self, caller: Caller, session_id: str) -> Session | None:
        """A session of the caller's project, or one that its client let this project read by a parent key."""
        session = self._store.session(caller.project_id, session_id)
        owner = None if session is not None else self._store.owner_of_shared(caller.project_id, session_id)
        return self._store.session(owner, session_id) if owner is not None else session

    def compare(self, request: Request) -> Response:
        """Two sessions side by side: `a` and `b` are their ids, `steps=all` shows those that are the same, too."""
        caller, asked = caller_of(request, self._gate), request.query_params
        if picked := asked.getlist("session"):
            return RedirectResponse(compare_url(picked[-1], picked[0] if len(picked) > 1 else ""), 303, HEADERS)
        a, b = asked.get("a", "").strip(), asked.get("b", "").strip()
        found = [self._readable(caller, one) if one else None for one in (a, b)]
        missing = [one for one, session in zip((a, b), found, strict=True) if one and session is None]
        shown = None
        if found[0] is not None and found[1] is not None:
            events = [self._store.events(one.project_id, one.session_id) for one in found if one is not None]
            everything = asked.get("steps") == "all"
            both = compare(found[0], events[0], found[1], events[1])
            shown = ComparePage(both, asked.get("from", ""), everything=everything)
        wrong = f"There is no session {' and no session '.join(missing)} in this project." if missing else None
        return page(
            html(
                "compare.html",
                a=a,
                b=b,
                wrong=wrong,
                shown=shown,
                labels=LABELS,
                kinds=KINDS,
                sum_text=sum_text,
                change_text=change_text,
                cost_change=cost_change,
                open=self._gate.is_open,
            ),
            404 if missing else 200,
        )

    # --- who looks -----------------------------------------------------------------------------------------------

    def login_page(self, request: Request) -> Response:
        """The form that takes a key; nobody needs it while the gate is open."""
        if self._gate.is_open:
            return RedirectResponse("/sessions", 303)
        return page(html("login.html", next=request.query_params.get("next", ""), wrong=None, open=None))

    async def login(self, request: Request) -> Response:
        """Take a key."""
        form = await form_of(request)
        return await run_in_threadpool(log_in, request, self._gate, form)

    async def logout(self, request: Request) -> Response:
        """Forget the key."""
        await form_of(request)
        return log_out()

    # --- files ---------------------------------------------------------------------------------------------------

    def static(self, digest: str, name: str) -> Response:
        """A file of the pages; its URL changes with its content, so it is kept for ever."""
        asset = assets().get(name)
        if asset is None or asset.url != f"/static/{digest}/{name}":
            raise Refusal(404, f"there is no file {name!r} here", "unknown_route")
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)
