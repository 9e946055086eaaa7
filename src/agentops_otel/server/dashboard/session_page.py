"""The page of one session: a header, and tabs that each have a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from markupsafe import Markup

from agentops_otel import exports
from agentops_otel.records import USAGE_BUCKETS, Event, EventType, Failure, Json, LLMCall, Session, Statistics, to_json
from agentops_otel.server.dashboard.agents import agents_of, owners_of
from agentops_otel.server.dashboard.agents_graph import graph_of
from agentops_otel.server.dashboard.conversation import conversation, pretty, turns_of
from agentops_otel.server.dashboard.costs import costs_of
from agentops_otel.server.dashboard.links import export_url, session_url
from agentops_otel.server.dashboard.pages import HEADERS, html, live, page
from agentops_otel.server.dashboard.waterfall import Waterfall, waterfall
from agentops_otel.server.refusals import Refusal
from agentops_otel.sessions import root_of
from agentops_otel.store.base import EventQuery, Store
from agentops_otel.text.tree import event_name

TABS = {"waterfall": "Waterfall", "chat": "Chat", "cost": "Cost", "agents": "Agents", "raw": "Raw"}
ROWS_AT_ONCE = 300
CALLS_AT_ONCE = 50
EXPORTS = {"agentops": "AgentOps JSON", "jsonl": "JSON lines", "otlp": "OTLP/JSON"}
_SLIM = EventQuery(payloads=False)


class Errors(NamedTuple):
    """Where an event stands among the errors of its session: the ones before and after it, and its number, from 1."""

    before: str | None
    after: str | None
    at: int | None
    total: int


class SessionPage:
    """One session as it is asked for. `open_gate` says that nobody needs a key, `own` that who asks may change it."""

    def __init__(self, request: Request, store: Store, session: Session, *, open_gate: bool, own: bool) -> None:
        self._own = own
        self._request = request
        self._asked = request.query_params
        self._store = store
        self._session = session
        self._open = open_gate
        tab = self._asked.get("tab", "waterfall")
        self._tab = tab if tab in TABS else "waterfall"

    def answer(self) -> Response:
        """The page, or the part of it that is asked for (`part=`); 204 where the asker has that already."""
        part = self._asked.get("part")
        made = {"head": self._head, "rows": self._rows, "more": self._more, "pane": self._pane}.get(part or "")
        if made is not None:
            found = made()
            return Response(status_code=204) if found is None else page(found)
        tabs = {
            "waterfall": self._waterfall,
            "chat": self._chat,
            "cost": self._cost,
            "agents": self._agents,
            "raw": self._raw,
        }
        return page(
            html(
                "session.html",
                session=self._session,
                head=self._head(),
                tab=self._tab,
                tabs=TABS,
                content=tabs[self._tab](),
                open=self._open,
                own=self._own,
            )
        )

    def _url(self, **asked: str | None) -> str:
        tab = None if self._tab == "waterfall" else self._tab
        return session_url(self._session.session_id, **{"tab": tab, **self._kept, **asked})

    @property
    def _kept(self) -> dict[str, str | None]:
        """What goes on into every link of the page."""
        return {name: self._asked.get(name) for name in ("apis", "agent")}

    def _events(self, query: EventQuery) -> Iterator[Event]:
        return self._store.events(self._session.project_id, self._session.session_id, query)

    def _head(self) -> Markup | None:
        content = html("session_head.html", session=self._session, environment=list(_flat(self._session.host_env)))
        return live(self._request, "head", content, self._url(part="head") if self._session.is_running else None)

    # --- waterfall -----------------------------------------------------------------------------------------------

    def _waterfall(self) -> Markup:
        return html("waterfall.html", rows=self._rows(), pane=self._pane(), picked=self._asked.get("event"))

    def _rows(self) -> Markup | None:
        """The rows from `from=` on, or those around the event that is picked; live while all can be seen."""
        plan, first = self._plan(), self._first()
        if "from" not in self._asked:
            first = self._place_of_picked(plan)
        apis = self._session.statistics.apis
        content = html(
            "waterfall_rows.html",
            page=self._page_of(plan, first),
            plan=plan,
            before=self._url(**{"from": str(max(0, first - ROWS_AT_ONCE))}) if first else None,
            apis=apis,
            apis_url=self._url(apis=None if self._with_apis else "yes") if apis else None,
            with_apis=self._with_apis,
            agent=self._asked.get("agent"),
            all_url=self._url(agent=None),
        )
        goes_on = self._session.is_running and len(plan.rows) <= ROWS_AT_ONCE
        here = self._url(part="rows", event=self._asked.get("event"))
        return live(self._request, "rows", content, here if goes_on else None)

    def _more(self) -> Markup:
        return self._page_of(self._plan(), self._first())

    def _page_of(self, plan: Waterfall, first: int) -> Markup:
        more = first + ROWS_AT_ONCE
        return html(
            "waterfall_page.html",
            rows=plan.rows[first:more],
            more=self._url(**{"from": str(more)}) if more < len(plan.rows) else None,
            left=len(plan.rows) - more,
            url=self._url,
            picked=self._asked.get("event"),
        )

    def _plan(self) -> Waterfall:
        """Every row. Errors come with their words, all else without its large fields."""
        known = [event for event in self._events(_SLIM) if not isinstance(event, Failure)]
        events = [*known, *self._events(EventQuery(types=("errors",)))]
        return waterfall(events, apis=self._with_apis, agent=self._asked.get("agent") or None)

    @property
    def _with_apis(self) -> bool:
        return self._asked.get("apis") == "yes"

    def _first(self) -> int:
        said = self._asked.get("from", "0")
        return int(said) if re.fullmatch("[0-9]{1,7}", said) else 0

    def _place_of_picked(self, plan: Waterfall) -> int:
        """Where the page of rows begins that holds the picked event."""
        picked = self._asked.get("event")
        at = next((at for at, row in enumerate(plan.rows) if picked in row.ids), 0)
        return at - at % ROWS_AT_ONCE

    # --- one event -----------------------------------------------------------------------------------------------

    def _pane(self) -> Markup:
        """What is known of the event that is picked, and the way to the errors."""
        picked = self._asked.get("event")
        errors = list(self._events(EventQuery(types=("errors",))))
        if not picked:
            return html("pane_empty.html", errors=[(error, event_name(error)) for error in errors[:20]], url=self._url)
        event = next(self._events(EventQuery(event_id=picked)), None)
        if event is None:
            raise Refusal(404, f"There is no event {picked!r} in this session.", "unknown_event")
        met = [one for one in errors if isinstance(one, Failure) and picked in (one.event_id, one.trigger_event_id)]
        around = _around(errors, event, met[0] if met else None)
        return html(
            "pane.html",
            event=event,
            name=event_name(event),
            session=self._session,
            met=met,
            around=around,
            url=self._url,
            asked=turns_of(event.prompt, "user") if isinstance(event, LLMCall) else [],
            answered=turns_of(event.completion, "assistant") if isinstance(event, LLMCall) else [],
            buckets=_buckets(event),
            raw=pretty(to_json(event)),
        )

    # --- the other tabs ------------------------------------------------------------------------------------------

    def _chat(self) -> Markup:
        calls = (event for event in self._events(EventQuery(types=("llms",))) if isinstance(event, LLMCall))
        first = self._first()
        found = list(islice(conversation(calls), first, first + CALLS_AT_ONCE + 1))
        more = self._url(**{"from": str(first + CALLS_AT_ONCE)}) if len(found) > CALLS_AT_ONCE else None
        before = self._url(**{"from": str(max(0, first - CALLS_AT_ONCE))}) if first else None
        event_url = {one.call.event_id: self._url(tab=None, event=one.call.event_id) for one in found}
        return html("chat.html", exchanges=found[:CALLS_AT_ONCE], more=more, before=before, event_url=event_url)

    def _cost(self) -> Markup:
        events = list(self._events(_SLIM))
        return html("cost.html", session=self._session, costs=costs_of(events, owners_of(events)))

    def _agents(self) -> Markup:
        agents = agents_of(list(self._events(_SLIM)))
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
    else:
        raise Refusal(404, f"there is no export {form!r}; there are {', '.join(EXPORTS)}", "unknown_route")
    name = f"session-{re.sub('[^A-Za-z0-9-]', '_', session_id)[:64]}"
    return _file(pieces, f"{name}.jsonl" if form == "jsonl" else f"{name}.json")


def exported_together(store: Store, sessions: Sequence[Session]) -> Response:
    """Sessions in one file, each as lines of JSON, which `agentops-otel import` reads."""
    lines = (
        f"{line}\n"
        for session in sessions
        for line in exports.jsonl_lines(session, store.events(session.project_id, session.session_id))
    )
    return _file(lines, "sessions.jsonl")


def _file(pieces: Iterator[str], name: str) -> Response:
    media_type = "application/x-ndjson" if name.endswith(".jsonl") else "application/json"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, headers=headers, media_type=media_type)


def _around(errors: Sequence[Event], event: Event, met: Failure | None) -> Errors:
    """The errors before and after an event, in the order of time."""
    ids = [error.event_id for error in errors]
    if met is not None:
        at = ids.index(met.event_id)
        return Errors(ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None, at + 1, len(ids))
    earlier = sum(error.init_timestamp <= event.init_timestamp for error in errors)
    return Errors(ids[earlier - 1] if earlier else None, ids[earlier] if earlier < len(ids) else None, None, len(ids))


def _buckets(event: Event) -> list[tuple[str, int]]:
    """The tokens of a call by bucket, in words; those nobody knows are left out."""
    if not isinstance(event, LLMCall):
        return []
    known = [(name, getattr(event.usage, name)) for name in USAGE_BUCKETS]
    return [(name.replace("_", " "), count) for name, count in known if count is not None]


def _flat(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested objects, each with its path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path} › {key}" if path else str(key))
    elif path:
        yield path, pretty(value)
