"""The page of one session: a header, and tabs that each have a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from markupsafe import Markup

from agentops_otel import exports
from agentops_otel.records import Event, EventType, Json, LLMCall, Session, Statistics, to_json
from agentops_otel.server.dashboard.agents import agents_of, owners_of
from agentops_otel.server.dashboard.agents_graph import graph_of
from agentops_otel.server.dashboard.conversation import conversation, pretty
from agentops_otel.server.dashboard.costs import costs_of
from agentops_otel.server.dashboard.links import export_url, session_url
from agentops_otel.server.dashboard.pages import HEADERS, html, live, page, page_with, with_media
from agentops_otel.server.dashboard.replay_page import ReplayPage
from agentops_otel.server.dashboard.report import report
from agentops_otel.server.dashboard.view import number
from agentops_otel.server.dashboard.waterfall_page import Remembered, WaterfallPage
from agentops_otel.server.refusals import Refusal
from agentops_otel.sessions import root_of
from agentops_otel.store.base import EventQuery, Store

TABS = {"waterfall": "Waterfall", "chat": "Chat", "cost": "Cost", "agents": "Agents", "replay": "Replay", "raw": "Raw"}
CALLS_AT_ONCE = 50
EXPORTS = {"agentops": "AgentOps JSON", "jsonl": "JSON lines", "otlp": "OTLP/JSON", "html": "HTML report"}
_MEDIA_TYPES = {"json": "application/json", "jsonl": "application/x-ndjson", "html": "text/html"}
LONG = 1000
"""From so many events on the header of a session is sent before the rest is looked for."""

_CONTENT = Markup("<!-- content -->")
"""Where the rest stands. Nothing that is shown can look like it: what others wrote is escaped."""


class SessionPage:
    """One session as it is asked for. `open_gate` says that nobody needs a key, `own` that who asks may change it."""

    def __init__(
        self,
        request: Request,
        store: Store,
        session: Session,
        remembered: Remembered,
        *,
        open_gate: bool,
        own: bool,
    ) -> None:
        self._own = own
        self._request = request
        self._asked = request.query_params
        self._store = store
        self._session = session
        self._open = open_gate
        tab = self._asked.get("tab", "waterfall")
        self._tab = tab if tab in TABS else "waterfall"
        self._rows = WaterfallPage(request, store, session, remembered)

    def answer(self) -> Response:
        """The page, or the part of it that is asked for (`part=`); 204 where the asker has that already."""
        part = self._asked.get("part")
        rows = self._rows
        replay = ReplayPage(self._request, self._store, self._session, rows.score)
        parts = {"head": self._head, "rows": rows.rows, "more": rows.more, "pane": rows.pane, "replay": replay.stage}
        made = parts.get(part or "")
        if made is not None:
            found = made()
            return Response(status_code=204) if found is None else page(found)
        tabs: dict[str, Callable[[], Markup]] = {
            "waterfall": rows.whole,
            "chat": self._chat,
            "cost": self._cost,
            "agents": self._agents,
            "replay": replay.whole,
            "raw": self._raw,
        }
        video = replay.video if self._tab == "replay" else None
        headers = with_media(video.origin) if video else None
        if self._session.statistics.events < LONG:
            return page(self._page(tabs[self._tab]()), headers=headers)
        if self._tab == "waterfall":
            rows.check()
        before, after = self._page(_CONTENT).split(_CONTENT)
        return page_with(before, tabs[self._tab], after, headers)

    def _page(self, content: Markup) -> Markup:
        return html(
            "session.html",
            session=self._session,
            head=self._head(),
            tab=self._tab,
            tabs=TABS,
            content=content,
            open=self._open,
            own=self._own,
        )

    def _url(self, **asked: str | None) -> str:
        tab = None if self._tab == "waterfall" else self._tab
        return session_url(self._session.session_id, **{"tab": tab, **asked})

    def _events(self, query: EventQuery) -> Iterator[Event]:
        return self._store.events(self._session.project_id, self._session.session_id, query)

    def _head(self) -> Markup | None:
        environment = list(_flat(self._session.host_env))
        content = html("session_head.html", session=self._session, environment=environment, late=self._rows.late())
        return live(self._request, "head", content, self._url(part="head") if self._session.is_running else None)

    # --- the other tabs ------------------------------------------------------------------------------------------

    def _chat(self) -> Markup:
        calls = (event for event in self._events(EventQuery(types=("llms",))) if isinstance(event, LLMCall))
        first = number(self._asked.get("from")) or 0
        found = list(islice(conversation(calls), first, first + CALLS_AT_ONCE + 1))
        more = self._url(**{"from": str(first + CALLS_AT_ONCE)}) if len(found) > CALLS_AT_ONCE else None
        before = self._url(**{"from": str(max(0, first - CALLS_AT_ONCE))}) if first else None
        event_url = {one.call.event_id: self._url(tab=None, event=one.call.event_id) for one in found}
        return html("chat.html", exchanges=found[:CALLS_AT_ONCE], more=more, before=before, event_url=event_url)

    def _cost(self) -> Markup:
        events = self._rows.known()
        return html(
            "cost.html", session=self._session, costs=costs_of(events, owners_of(events)), cut=0, included=len(events)
        )

    def _agents(self) -> Markup:
        agents = agents_of(self._rows.known())
        return html("agents.html", session=self._session, agents=agents, graph=graph_of(agents), no_sums=Statistics())

    def _raw(self) -> Markup:
        session_id, base = self._session.session_id, str(self._request.base_url).rstrip("/")
        key = "" if self._open else " -H 'X-Agentops-Api-Key: your-key'"
        curl = f"curl --compressed{key} '{base}/v2/sessions/{quote(session_id, safe='')}/export'"
        files = {label: export_url(session_id, form) for form, label in EXPORTS.items()}
        return html("raw.html", curl=curl, files=files, record=pretty(to_json(self._session)))


def exported(store: Store, session: Session, form: str) -> Response:
    """The session as a file, in one of `EXPORTS`, streamed whatever its size. Raises Refusal 404 for other forms."""
    project_id, session_id = session.project_id, session.session_id

    def events_of(kinds: tuple[EventType, ...]) -> Iterator[Event]:
        return store.events(project_id, session_id, EventQuery(types=kinds))

    pieces: Iterator[str]
    if form == "agentops":
        pieces = exports.agentops_export_chunks(session, lambda kind: events_of((kind,)))
    elif form == "jsonl":
        pieces = (f"{line}\n" for line in exports.jsonl_lines(session, store.events(project_id, session_id)))
    elif form == "otlp":
        pieces = exports.otlp_json_chunks(session, root_of(session_id), events_of)
    elif form == "html":
        pieces = report(session, lambda query: store.events(project_id, session_id, query))
    else:
        raise Refusal(404, f"there is no export {form!r}; there are {', '.join(EXPORTS)}", "unknown_route")
    name = f"session-{re.sub('[^A-Za-z0-9-]', '_', session_id)[:64]}"
    return _file(pieces, f"{name}.{form if form in ('jsonl', 'html') else 'json'}")


def exported_together(store: Store, sessions: Sequence[Session]) -> Response:
    """Sessions in one file, each as lines of JSON, which `agentops-otel import` reads."""
    lines = (
        f"{line}\n"
        for session in sessions
        for line in exports.jsonl_lines(session, store.events(session.project_id, session.session_id))
    )
    return _file(lines, "sessions.jsonl")


def _file(pieces: Iterator[str], name: str) -> Response:
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, headers=headers, media_type=_MEDIA_TYPES[name.rpartition(".")[2]])


def _flat(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested objects, each with its path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path} › {key}" if path else str(key))
    elif path:
        yield path, pretty(value)
