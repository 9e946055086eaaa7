"""The files that pages need, each under a URL that changes with its content."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import NamedTuple

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}


class Asset(NamedTuple):
    """A file of `static/` and where it is served."""

    url: str
    content: bytes
    media_type: str


@functools.lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Every file, by name."""
    return {
        file.name: _asset(file.name, file.read_bytes())
        for file in resources.files(__package__).joinpath("static").iterdir()
    }


def _asset(name: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{digest}/{name}", content, TYPES[name[name.rindex(".") :]])
