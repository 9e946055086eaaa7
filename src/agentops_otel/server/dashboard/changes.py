"""What the pages change: tags, and sessions that are deleted. Every change is a form of ours (`fields_of`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from agentops_otel.facts import tags_said
from agentops_otel.server.auth import Gate
from agentops_otel.server.dashboard.links import sessions_url, url
from agentops_otel.server.dashboard.login import caller_of, fields_of, own_path
from agentops_otel.server.dashboard.pages import HEADERS, html, page
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.forgetting import Forgetting

if TYPE_CHECKING:
    from fastapi import APIRouter

LONGEST_TAG = 256

Fields = dict[str, list[str]]


class Changes:
    """The forms of the list and of the session page. Only the project a session is in may change it."""

    def __init__(self, forgetting: Forgetting, gate: Gate, clock: Callable[[], int] = time.time_ns) -> None:
        self._forgetting = forgetting
        self._store = forgetting.store
        self._gate = gate
        self._clock = clock

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        for path, change in (("tag", self.tag), ("tags", self.tags), ("delete", self.delete)):
            router.add_api_route(f"/change/{path}", self._form(change), methods=["POST"])

    def _form(self, change: Callable[[Request, str, Fields], Response]) -> Callable[..., object]:
        """A route that takes a form, asks who sent it, and works on the thread pool."""

        async def answer(request: Request) -> Response:
            fields = await fields_of(request)
            return await run_in_threadpool(self._changed, change, request, fields)

        return answer

    def _changed(
        self, change: Callable[[Request, str, Fields], Response], request: Request, fields: Fields
    ) -> Response:
        return change(request, caller_of(request, self._gate).project_id, fields)

    def tag(self, request: Request, project_id: str, fields: Fields) -> Response:
        """Add a tag to the sessions that were picked."""
        added = _tags(fields.get("new_tag", []))
        facts = [tags_said(one, self._clock(), "page", more=added) for one in self._picked(project_id, fields)]
        if not added or not facts:
            raise Refusal(400, "Pick sessions, and write the tag that they are to have.", "no_choice")
        self._store.append(project_id, facts)
        return _back(fields)

    def tags(self, request: Request, project_id: str, fields: Fields) -> Response:
        """Give one session the tags that were written, one a line, instead of those it has."""
        written = _tags([line for text in fields.get("tags", []) for line in text.splitlines()])
        for session_id in self._picked(project_id, fields)[:1]:
            self._store.append(project_id, [tags_said(session_id, self._clock(), "page", instead=written)])
            return _back(fields)
        raise Refusal(404, "There is no such session in this project.", "unknown_session")

    def delete(self, request: Request, project_id: str, fields: Fields) -> Response:
        """Ask whether the sessions that were picked are to go; they go once that is said."""
        picked = self._picked(project_id, fields)
        if not picked:
            raise Refusal(400, "Pick the sessions that are to be deleted.", "no_choice")
        if fields.get("sure") == ["yes"]:
            self._forgetting.forget(project_id, picked)
            return _back(fields)
        sessions = [session for one in picked if (session := self._store.session(project_id, one)) is not None]
        following = own_path(fields.get("next", [""])[0])
        action = url("/change/delete")
        asked = html("delete.html", sessions=sessions, action=action, next=following, open=self._gate.is_open)
        return page(asked)

    def _picked(self, project_id: str, fields: Fields) -> list[str]:
        """The sessions of a form that are there. Raises Refusal 403 where one is another project's."""
        asked = fields.get("session", [])
        found = [one for one in asked if self._store.session(project_id, one) is not None]
        for one in asked:
            owner = None if one in found else self._store.owner_of_shared(project_id, one)
            if owner is not None:
                raise Refusal(403, f"Session {one} is of project {owner}; only that may change it.", "not_yours")
        return found


def _tags(written: Sequence[str]) -> list[str]:
    return [tag.strip()[:LONGEST_TAG] for tag in written if tag.strip()]


def _back(fields: Fields) -> Response:
    """Where the form says, else to the list."""
    following = fields.get("next", [""])[0]
    return RedirectResponse(own_path(following) if following else sessions_url(), 303, HEADERS)
