"""Templates to answers, and what a browser may do with them.

Whatever a model or a user wrote is text: every template escapes, and the content security policy would not run what
slipped through.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agentops_otel._version import __version__
from agentops_otel.errors import StoreError
from agentops_otel.records import iso8601
from agentops_otel.server.dashboard.assets import assets
from agentops_otel.server.dashboard.conversation import pretty
from agentops_otel.server.dashboard.links import chosen_project, overview_url, session_url, sessions_url, url
from agentops_otel.server.dashboard.replay import clock, seconds
from agentops_otel.server.dashboard.video import video_of
from agentops_otel.server.refusals import Refusal
from agentops_otel.text import values
from agentops_otel.text.tree import event_name

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every page says about itself."""


def with_media(origin: str) -> dict[str, str]:
    """What a page says that shows a video of one other origin."""
    return {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; media-src {origin}"}


PARTS = ("list", "head", "rows", "more", "pane", "replay")
"""What can be asked of a page instead of the whole, as `part=`."""


@functools.lru_cache(maxsize=1)
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        asset=lambda name: assets()[name].url,
        change_url=lambda name: url(f"/change/{name}"),
        settings_url=lambda name="": url(f"/settings/{name}" if name else "/settings"),
        session_url=session_url,
        sessions_url=sessions_url,
        overview_url=overview_url,
        chosen_project=chosen_project.get,
        version=__version__,
        counted=values.counted,
        video_of=video_of,
    )
    templates.filters.update(
        cost=values.cost_text,
        percent=values.percent_text,
        pretty=pretty,
        count=lambda number: f"{number:,}",
        dollars=values.dollars,
        duration=values.duration_text,
        event_name=event_name,
        events=values.events_text,
        iso=iso8601,
        losses=values.losses_text,
        moment=values.moment_text,
        clock=clock,
        rounded=values.rounded_count,
        seconds=seconds,
        short_cost=values.short_cost,
        state=lambda session: values.state_text(session).capitalize(),
        tokens=values.tokens_text,
    )
    return templates


def html(template: str, **told: Any) -> Markup:
    """A template, filled; fit to be put into another one."""
    return Markup(_templates().get_template(template).render(**told))


def live(request: Request, part: str, content: str, url: str | None) -> Markup | None:
    """A part of a page that is asked for again and again at `url`, never again if that is None.

    Itself None where it is this part that is asked for, and the asker names the version it has seen.
    """
    version = hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()
    if request.query_params.get("part") == part and request.query_params.get("seen") == version:
        return None
    return html("live.html", part=part, content=content, url=f"{url}&seen={version}" if url else None)


def page(content: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """HTML as an answer."""
    return HTMLResponse(content, status, {**HEADERS, **(headers or {})})


def page_with(before: str, content: Callable[[], str], after: str, headers: dict[str, str] | None = None) -> Response:
    """HTML whose middle takes time to find: what is before it is sent, and shown, at once.

    Refusals must be raised before; a store that cannot be read any more is told where the content would be.
    """
    context = copy_context()  # has the project that the links keep; the rest is made on another thread

    def pieces() -> Iterator[str]:
        yield before
        try:
            found = context.run(content)
        except StoreError as error:
            found = html("unread.html", error=str(error))
        yield found + after

    return StreamingResponse(pieces(), headers={**HEADERS, **(headers or {})}, media_type="text/html")


def refused(request: Request, refusal: Refusal) -> Response:
    """What a person sees instead: the login where a key is missing, else what is wrong."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if refusal.status == 401:
        login = f"/login?{urlencode({'next': here})}"
        if is_part(request):
            return page("", 401, {"HX-Redirect": f"/login?{urlencode({'next': request.url.path})}"})
        return RedirectResponse(login, 303, HEADERS)
    title = "Not found" if refusal.status == 404 else "This did not work"
    return page(html("problem.html", title=title, message=refusal.message, open=None), refusal.status)


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page."""
    return request.query_params.get("part") in PARTS
