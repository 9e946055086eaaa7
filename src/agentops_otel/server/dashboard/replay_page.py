"""The replay of a session: its waterfall, its conversation and its video at one moment, and a line to move it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from fastapi import Request
from markupsafe import Markup

from agentops_otel.records import Event, LLMCall, Session
from agentops_otel.server.dashboard.conversation import conversation
from agentops_otel.server.dashboard.links import session_url
from agentops_otel.server.dashboard.pages import html
from agentops_otel.server.dashboard.replay import Score, moment, said_around, seconds
from agentops_otel.server.dashboard.video import Video, video_of
from agentops_otel.store.base import EventQuery, Store

SPEEDS = ("0.5", "1", "2", "5", "10", "20")
ROWS_BEFORE, ROWS_AFTER = 100, 300
CALLS_BEFORE, CALLS_AFTER = 15, 25


class ReplayPage:
    """The replay at `at=` seconds. Its video is fetched only where `video=show` asks for it: whoever recorded a session
    must not learn that it is looked at."""

    def __init__(self, request: Request, store: Store, session: Session, score: Callable[[], Score]) -> None:
        self._asked = request.query_params
        self._store = store
        self._session = session
        self._find_score = score

    def whole(self) -> Markup:
        """The line, and what there is at the moment."""
        score, at_ns = self._score, self._at_ns
        before, after = score.steps(at_ns)
        return html(
            "replay.html",
            session=self._session,
            score=score,
            at_ns=at_ns,
            stage=self.stage(),
            before=self._url(before),
            after=self._url(after),
            gaps=score.gaps(),
            speeds=SPEEDS,
            video=self._video,
            shown=self.video,
            video_url=self._url(at_ns, show=None if self.video else "show"),
        )

    def stage(self) -> Markup:
        """What there is at the moment: the rows and the turns around it."""
        score, at_ns = self._score, self._at_ns
        rows = score.lines(at_ns, before=ROWS_BEFORE, after=ROWS_AFTER)
        calls = (event for event in self._events(EventQuery(types=("llms",))) if isinstance(event, LLMCall))
        talk = said_around(score, conversation(calls), at_ns, before=CALLS_BEFORE, after=CALLS_AFTER)
        ends = [part.until_ns for part in (rows, talk) if part.until_ns is not None]
        return html(
            "replay_stage.html",
            at_ns=at_ns,
            rows=rows.beats,
            talk=talk.beats,
            from_ns=max(rows.from_ns, talk.from_ns),
            until_ns=min(ends, default=None),
            place=at_ns * 1000 / max(1, score.duration_ns),
            row_url=self._url,
            failed_ns=score.failed_ns,
            event_url=lambda event_id: session_url(self._session.session_id, event=event_id),
        )

    @property
    def video(self) -> Video | None:
        """The video that the page is to fetch, None unless it is asked for."""
        return self._video if self._asked.get("video") == "show" else None

    @cached_property
    def _video(self) -> Video | None:
        return video_of(self._session.video)

    @cached_property
    def _score(self) -> Score:
        return self._find_score()

    @cached_property
    def _at_ns(self) -> int:
        return min(moment(self._asked.get("at")) or 0, self._score.duration_ns)

    def _url(self, at_ns: int | None, show: str | None = "") -> str | None:
        """The replay at another moment, with or without its video; None where there is no moment."""
        if at_ns is None:
            return None
        video = self._asked.get("video") if show == "" else show
        return session_url(self._session.session_id, tab="replay", at=seconds(at_ns), video=video)

    def _events(self, query: EventQuery) -> Iterator[Event]:
        return self._store.events(self._session.project_id, self._session.session_id, query)
