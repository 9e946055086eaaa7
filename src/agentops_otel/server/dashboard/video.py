"""The video of a session: an address that whoever recorded the session gave, and that nobody has looked at."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

LONGEST_URL = 4096

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


class Video(NamedTuple):
    """Where a video is, and the origin that a page has to allow for it."""

    url: str
    origin: str
    host: str


def video_of(said: str | None) -> Video | None:
    """The video at an address, None for anything but plain http and https without a user's name.

    The origin is fit to stand in a content security policy: it is put together from what was understood, never cut
    out of the text.
    """
    if not said or len(said) > LONGEST_URL or re.search(r"[\x00-\x20\x7f\\]", said):
        return None
    try:
        parts = urlsplit(said)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.removesuffix(":")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host.lower()):
        return None
    where = host.lower() if port is None else f"{host.lower()}:{port}"
    return Video(said, f"{parts.scheme}://{where}", where)
