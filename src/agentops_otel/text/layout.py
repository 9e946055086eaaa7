"""Characters and columns: what a text takes on a terminal, and tables that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 80
"""Terminal columns, where the caller does not say."""

ELLIPSIS = "…"
SHRUNK_AT_LEAST = 12
"""A column that shrinks keeps this many."""

ASCII = str.maketrans(
    {"–": "-", "…": "...", "≥": ">=", "×": "x", "✗": "x", "·": "-", "→": "->", "├": "|", "└": "`", "│": "|", "─": "-"}
)
"""What `str.translate` needs to write our own signs for a terminal that knows only ASCII."""


class Column(NamedTuple):
    """A column of `table`. One that `shrinks` is cut where the width is short; `drop` > 0 lets a column go before that,
    the smallest number first."""

    title: str
    cells: Sequence[str]
    right: bool = False
    shrinks: bool = False
    drop: int = 0

    @property
    def width(self) -> int:
        """Terminal columns of the widest cell."""
        return max(columns_of(cell) for cell in (self.title, *self.cells))


def table(columns: Sequence[Column], width: int = WIDTH) -> str:
    """Aligned columns under a header, two spaces apart, in so many terminal columns if that can be done."""
    columns = [column._replace(cells=[plain(cell) for cell in column.cells]) for column in columns]
    while needed(columns, SHRUNK_AT_LEAST) > width and any(column.drop for column in columns):
        first = min(column.drop for column in columns if column.drop)
        columns = [column for column in columns if column.drop != first]
    spare = width - needed([column for column in columns if not column.shrinks]) - 2
    widths = [min(column.width, max(SHRUNK_AT_LEAST, spare)) if column.shrinks else column.width for column in columns]
    rows = [[column.title for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    return "\n".join(
        "  ".join(
            padded(fitted(cell, size), size, right=column.right)
            for cell, size, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in rows
    )


def needed(columns: Sequence[Column], shrunk: int | None = None) -> int:
    """The width of a table; `shrunk` is the width of the columns that can shrink."""
    sizes = [min(one.width, shrunk) if shrunk and one.shrinks else one.width for one in columns]
    return sum(sizes) + 2 * (len(sizes) - 1)


# --- characters ------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """The text on one line and harmless to a terminal: white space becomes one space; control characters, direction
    marks and lone surrogates are escaped."""
    words = " ".join(text.split())
    return words if words.isprintable() else "".join(map(_harmless, words))


def _harmless(char: str) -> str:
    joins_emoji = char == "\u200d"
    return char if char.isprintable() or joins_emoji else char.encode("unicode_escape").decode("ascii")


def columns_of(text: str) -> int:
    """Terminal columns a text takes: East Asian wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """The text, cut with "…" where it takes more columns."""
    if columns_of(text) <= width:
        return text
    kept, used = "", 0
    for char in text:
        used += _columns(char)
        if used >= width:
            break
        kept += char
    return kept.rstrip() + ELLIPSIS


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces to so many columns."""
    space = " " * max(0, width - columns_of(text))
    return space + text if right else text + space
