"""The waterfall of a session: its rows, some at a time, and beside them the event that is picked."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from fastapi import Request
from markupsafe import Markup

from agentops_otel.records import USAGE_BUCKETS, Event, Failure, Json, LLMCall, Session, to_json
from agentops_otel.server.dashboard.collector import no_collection
from agentops_otel.server.dashboard.conversation import pretty, turns_of
from agentops_otel.server.dashboard.late import late_count, late_ns
from agentops_otel.server.dashboard.links import Asked, session_url
from agentops_otel.server.dashboard.minimap import Lane, Minimap, lanes_of, minimap
from agentops_otel.server.dashboard.pages import html, live
from agentops_otel.server.dashboard.recent import Recent
from agentops_otel.server.dashboard.replay import Score
from agentops_otel.server.dashboard.view import EVERYTHING, View, number, seconds
from agentops_otel.server.dashboard.waterfall import Scene, Waterfall
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.base import EventQuery, Store
from agentops_otel.text.tree import event_name

ROWS_AT_ONCE = 100
"""More than a screen shows: the first of them are to be there at once."""

MORE_ROWS = 300
"""Rows that come at once when the end of those is reached, and that are kept up to date while a session runs."""

MOST_AT_ONCE = 3000
"""A script that has loaded more rows than these sees fewer once it opens a fold."""

ERRORS_NAMED = 20
"""Errors that are named where no event is picked."""

KINDS = {"llms": "model calls", "tools": "tools", "actions": "actions", "apis": "API calls", None: "nothing recorded"}
"""What takes the time of the critical path, in words."""

_SLIM = EventQuery(payloads=False)


class Errors(NamedTuple):
    """Where an event stands among the errors of its session: the ones before and after it, and its number, from 1."""

    before: str | None
    after: str | None
    at: int | None
    total: int


class LaidOut(NamedTuple):
    """A session as it is looked at, whichever rows are asked for."""

    plan: Waterfall
    map: Minimap


class Remembered:
    """What is known of the sessions that were looked at last: the events of one, where they lie, and how they were laid
    out."""

    def __init__(self) -> None:
        self.events: Recent[list[Event]] = Recent(most=1)
        self.scenes: Recent[tuple[Scene, Sequence[Lane]]] = Recent(most=1)
        self.scores: Recent[Score] = Recent(most=1)
        self.layouts: Recent[LaidOut] = Recent(most=4)


class WaterfallPage:
    """The waterfall as a request asks for it (`View`), and the parts of it that scripts ask for."""

    def __init__(self, request: Request, store: Store, session: Session, remembered: Remembered) -> None:
        self._request = request
        self._store = store
        self._session = session
        self._remembered = remembered
        self._view = View.of(request.query_params)

    def whole(self) -> Markup:
        """Rows, and the pane beside them."""
        rows = self.rows()
        errors = [event for event in self.known() if isinstance(event, Failure)]
        return html("waterfall.html", rows=rows, pane=self._pane(errors), picked=self._view.event)

    def check(self) -> None:
        """Raises Refusal 404 where the event that is picked is not there."""
        if self._view.event:
            self._picked(self._view.event)

    # --- rows ----------------------------------------------------------------------------------------------------

    def rows(self) -> Markup | None:
        """The rows from `row=` on, or those around the event that is picked; live while all can be seen."""
        plan, overview = self._laid_out()
        view = self._view
        picked = plan.place_of(view.event) or 0
        first = picked - picked % ROWS_AT_ONCE if view.row is None or view.row >= plan.count else view.row
        apis = self._session.statistics.apis
        content = html(
            "waterfall_rows.html",
            page=self._page_of(plan, first, MORE_ROWS if self._session.is_running else ROWS_AT_ONCE),
            plan=plan,
            before=self._url(row=str(max(0, first - ROWS_AT_ONCE))) if first else None,
            apis=apis,
            apis_url=self._url(apis=None if view.apis else "yes", api=None) if apis else None,
            view=view,
            all_url=self._url(agent=None),
            first=first,
            errors=self._session.statistics.errors,
            errors_url=self._url(errors=None if view.failed else "only", event=view.event),
            shut_url=self._url(shut=None if view.shut else EVERYTHING, event=view.event),
            path_url=self._url(critical=None if view.path else "yes", event=view.event),
            gaps_url=self._url(gaps=None if view.closed else "closed", event=view.event),
            time_url=self._url(**{"from": None, "to": None}, event=view.event),
            map=overview,
            here=session_url(self._session.session_id),
            seconds=seconds,
            url=self._url,
            kinds=KINDS,
            running=self._session.is_running,
        )
        goes_on = self._session.is_running and plan.count <= MORE_ROWS
        again = self._url(part="rows", event=view.event, count=str(MORE_ROWS)) if goes_on else None
        return live(self._request, "rows", content, again)

    def more(self) -> Markup:
        """Some rows alone."""
        return self._page_of(self._laid_out().plan, self._view.row or 0, MORE_ROWS)

    def _page_of(self, plan: Waterfall, first: int, least: int) -> Markup:
        count = number(self._request.query_params.get("count"), at_most=MOST_AT_ONCE)
        more = first + max(least, count or 0)
        return html(
            "waterfall_page.html",
            rows=plan.rows_of(first, more),
            more=self._url(row=str(more)) if more < plan.count else None,
            left=plan.count - more,
            closed=bool(plan.axis.gaps),
            url=self._url,
            view=self._view,
            first=str(first) if first else None,
            around=plan.around(self._view.event),
        )

    def _laid_out(self) -> LaidOut:
        """All rows; nothing hides the picked event from then on."""
        maker = self._look().plan.made_by(self._view.event)
        if maker is not None:
            self._view = self._view._replace(calls=self._view.calls | {maker})
        hiding = self._look().plan.hiding(self._view.event)
        self._view = self._view.revealing(hiding)
        fold = self._look().plan.fold_of(maker or self._view.event)
        if fold is not None:
            self._view = self._view._replace(opened=self._view.opened | {fold})
        return self._look()

    def _look(self) -> LaidOut:
        return self._remembered.layouts.get((self._version, self._looked_at), self._lay_out)

    @property
    def _version(self) -> Hashable:
        """Another one as soon as the session is another."""
        session = self._session
        sums = session.statistics, session.last_activity_at, session.end_timestamp
        return session.project_id, session.session_id, sums

    @property
    def _looked_at(self) -> View:
        """What of the view makes another layout."""
        return self._view._replace(event=None, row=None)

    def _lay_out(self) -> LaidOut:
        with no_collection():
            key = self._version, self._view.shown_calls
            scene, lanes = self._remembered.scenes.get(key, self._scene)
            plan = Waterfall(scene, self._view, self._session.end_timestamp)
            return LaidOut(plan, minimap(lanes, plan.whole, plan.axis))

    def _scene(self) -> tuple[Scene, Sequence[Lane]]:
        scene = Scene(self.known(), apis=self._view.shown_calls)
        return scene, lanes_of(scene.ran, scene.axis)

    def late(self) -> int:
        """How many events were late."""
        return late_count(self._session, self.known)

    def score(self) -> Score:
        """The session in time."""
        with no_collection():
            return self._remembered.scores.get(self._version, lambda: Score(Scene(self.known(), apis=False)))

    def known(self) -> list[Event]:
        """All events, errors with their words and all else without its large fields."""
        with no_collection():
            return self._remembered.events.get(self._version, self._everything)

    def _everything(self) -> list[Event]:
        """Every event. Errors come with their words, all else without its large fields."""
        known = [event for event in self._events(_SLIM) if not isinstance(event, Failure)]
        return [*known, *self._errors()]

    # --- one event -----------------------------------------------------------------------------------------------

    def pane(self) -> Markup:
        """What is known of the event that is picked, and the way to the errors."""
        return self._pane(self._errors())

    def _pane(self, errors: Sequence[Failure]) -> Markup:
        picked = self._view.event
        if not picked:
            first = [(error, event_name(error)) for error in errors[:ERRORS_NAMED]]
            return html("pane_empty.html", errors=first, total=len(errors), url=self._url)
        event = self._picked(picked)
        met = [one for one in errors if picked in (one.event_id, one.trigger_event_id)]
        return html(
            "pane.html",
            event=event,
            name=event_name(event),
            session=self._session,
            met=met,
            late=late_ns(event, self._session.end_timestamp),
            around=_around(errors, event, met[0] if met else None),
            url=self._url,
            asked=turns_of(event.prompt, "user") if isinstance(event, LLMCall) else [],
            answered=turns_of(event.completion, "assistant") if isinstance(event, LLMCall) else [],
            buckets=_buckets(event),
            attributes=[(name, pretty(value)) for name, value in event.extra.items() if name != "otel"],
            links=_links(event),
            raw=pretty(to_json(event)),
        )

    def _picked(self, event_id: str) -> Event:
        event = next(self._events(EventQuery(event_id=event_id)), None)
        if event is None:
            raise Refusal(404, f"There is no event {event_id!r} in this session.", "unknown_event")
        return event

    # --- reading -------------------------------------------------------------------------------------------------

    def _url(self, **asked: Asked) -> str:
        return session_url(self._session.session_id, **{**self._view.kept, **asked})

    def _errors(self) -> list[Failure]:
        found = self._events(EventQuery(types=("errors",)))
        return [event for event in found if isinstance(event, Failure)]

    def _events(self, query: EventQuery) -> Iterator[Event]:
        return self._store.events(self._session.project_id, self._session.session_id, query)


def _around(errors: Sequence[Event], event: Event, met: Failure | None) -> Errors:
    """The errors before and after an event, in the order of time."""
    ids = [error.event_id for error in errors]
    if met is not None:
        at = ids.index(met.event_id)
        return Errors(ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None, at + 1, len(ids))
    earlier = sum(error.init_timestamp <= event.init_timestamp for error in errors)
    return Errors(ids[earlier - 1] if earlier else None, ids[earlier] if earlier < len(ids) else None, None, len(ids))


def _links(event: Event) -> list[Json]:
    """The spans that the span of an event is linked to."""
    otel = event.extra.get("otel")
    links = otel.get("links") if isinstance(otel, Mapping) else None
    return [one for one in links or [] if isinstance(one, Mapping) and {"trace_id", "span_id"} <= one.keys()]


def _buckets(event: Event) -> list[tuple[str, int]]:
    """The tokens of a call by bucket, in words; those nobody knows are left out."""
    if not isinstance(event, LLMCall):
        return []
    known = [(name, getattr(event.usage, name)) for name in USAGE_BUCKETS]
    return [(name.replace("_", " "), count) for name, count in known if count is not None]
