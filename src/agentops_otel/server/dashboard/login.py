"""Who looks: nobody needs to say while the gate is open; else a key, given once and kept as a token in a cookie."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from agentops_otel.server.auth import KEY_HEADER, PROJECT_TOKEN_S, Caller, Gate, bearer_of
from agentops_otel.server.dashboard.links import chosen_project
from agentops_otel.server.dashboard.pages import HEADERS, html, page
from agentops_otel.server.refusals import Refusal

COOKIE = "agentops_dashboard"
_LONGEST_FORM = 4096
LONGEST_CHANGE = 256 * 1024
"""The longest form that changes something, in bytes."""


def caller_of(request: Request, gate: Gate) -> Caller:
    """Who asks: by API key as everywhere, else by the cookie of `log_in`. Raises Refusal 401.

    While no key is needed a URL may choose the project (`project=`), and the links of the page keep it; a key has one.
    """
    if gate.is_open:
        chosen = request.query_params.get("project") or None
        chosen_project.set(chosen)
        caller = gate.by_headers(request.headers)
        return replace(caller, project_id=chosen) if chosen else caller
    said = request.headers.get(KEY_HEADER) or bearer_of(request.headers)
    token = request.cookies.get(COOKIE)
    return gate.by_token(token) if token and not said else gate.by_headers(request.headers)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small form that a page of ours sent. Raises Refusal as `fields_of`."""
    return {name: values[0] for name, values in (await fields_of(request, _LONGEST_FORM)).items()}


async def fields_of(request: Request, longest: int = LONGEST_CHANGE) -> dict[str, list[str]]:
    """The fields of a form that a page of ours sent, each with its values. Raises Refusal 403 for foreign pages, 413
    for large forms.

    A browser names in `Origin` the page that sends a form, and in `Sec-Fetch-Site` whether it is of the same origin;
    a page can forge neither, so that a foreign one changes nothing.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not ours or site not in ("same-origin", "none"):
        raise Refusal(403, "this form was not sent by the dashboard", "foreign_origin")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise Refusal(413, "this form is too long", "too_large")
    return parse_qs(body.decode("utf-8", "replace"))


def log_in(request: Request, gate: Gate, form: dict[str, str]) -> Response:
    """Exchange a key for the cookie and go on to `next`, or ask again."""
    following = own_path(form.get("next", ""))
    try:
        caller = gate.by_key(form.get("key", "").strip())
    except Refusal as refusal:
        if refusal.status != 401:
            raise
        wrong = "There is no active key like this."
        return page(html("login.html", next=following, wrong=wrong, open=None), 401)
    answer = RedirectResponse(following, 303, HEADERS)
    answer.set_cookie(
        COOKIE,
        gate.token(caller),
        max_age=PROJECT_TOKEN_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def log_out() -> Response:
    """Forget the cookie."""
    answer = RedirectResponse("/login", 303, HEADERS)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def own_path(said: str) -> str:
    """Where to go after a form: a path of this server, else the list."""
    harmless = said.startswith("/") and not said.startswith("//") and "\\" not in said and said.isprintable()
    return said if harmless else "/sessions"
