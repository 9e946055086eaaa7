"""The URLs of pages. A project that was chosen in a URL goes on into every link of the page."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from urllib.parse import quote, urlencode

chosen_project: ContextVar[str | None] = ContextVar("chosen_project", default=None)
"""The project that the request at hand chose, None for the one it has anyway."""


Asked = str | Sequence[str] | None
"""A value of a query; of several, each stands there under the name."""


def url(path: str, **asked: Asked) -> str:
    """A path of the dashboard with its query; what is empty is left out."""
    known = {name: value for name, value in {**asked, "project": chosen_project.get()}.items() if value}
    return f"{path}?{urlencode(known, doseq=True)}" if known else path


def sessions_url(**filters: Asked) -> str:
    """The list of sessions under these filters."""
    return url("/sessions", **filters)


def session_url(session_id: str, **asked: Asked) -> str:
    """The page of a session; `asked` is its query."""
    return url(f"/sessions/{quote(session_id, safe='')}", **asked)


def export_url(session_id: str, form: str) -> str:
    """A session as a file."""
    return url(f"/exports/{form}/{quote(session_id, safe='')}")


def overview_url(**asked: str | None) -> str:
    """The overview."""
    return url("/overview", **asked)
