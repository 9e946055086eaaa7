"""What commands print: text that fits the terminal, JSON as UTF-8, complaints on stderr."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

import click

from agentops_otel.records import Json
from agentops_otel.text.layout import ASCII

PIPED_WIDTH = 160
"""Columns where no terminal says otherwise: what is piped is searched, so little is cut."""


def width() -> int:
    """Columns of the terminal, or `COLUMNS`."""
    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns


def show(text: str) -> None:
    """Print lines on stdout, in colours where a person looks."""
    click.echo(_toned(written(text, sys.stdout)), color=_colourful())


def complain(message: str, code: int) -> int:
    """One line on stderr; returns the exit code."""
    click.echo(written(f"error: {' '.join(message.split())}", sys.stderr), err=True)
    return code


def remark(text: str) -> None:
    """Print beside the output, on stderr."""
    click.echo(written(text, sys.stderr), err=True)


@contextmanager
def progress(label: str, length: int, long_from: int, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """What takes steps of long work; with a bar on stderr where there are many of them and a person waits."""
    if not shown or length < long_from or not sys.stderr.isatty():
        yield lambda steps: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, update_min_steps=length // 200) as bar:
        yield bar.update
        bar.finish()
        bar.render_progress()  # click 8.1 leaves the last steps out where they are fewer than update_min_steps


def written(text: str, stream: TextIO) -> str:
    """The text in characters that the stream can write."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def show_json(value: Json) -> None:
    """Print one JSON value, indented."""
    show_pieces([json.dumps(value, ensure_ascii=False, indent=2)])


def show_array(items: Iterable[Json]) -> None:
    """Print a JSON array, an item a line, as they come."""
    show_pieces(json_array(items))


def json_array(items: Iterable[Json]) -> Iterator[str]:
    """A JSON array in pieces, an item a line."""
    separator = "[\n"
    for item in items:
        yield separator + json.dumps(item, ensure_ascii=False)
        separator = ",\n"
    yield "[]" if separator == "[\n" else "\n]"


def show_pieces(pieces: Iterable[str]) -> None:
    """Print JSON text and a line end."""
    sys.stdout.flush()
    write_pieces(sys.stdout.buffer, pieces)
    sys.stdout.buffer.flush()


def write_pieces(stream: BinaryIO, pieces: Iterable[str]) -> None:
    """JSON text and a line end, as UTF-8 whatever the locale is. A lone surrogate becomes its JSON escape."""
    for piece in pieces:
        stream.write(piece.encode("utf-8", "backslashreplace"))
    stream.write(b"\n")


def _colourful() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_TONES: tuple[tuple[re.Pattern[str], dict[str, Any]], ...] = (
    (re.compile(r"^(?:session|event|model) .*(?:cost|tags).*$"), {"bold": True}),
    (re.compile(r"^.* ✗(?:  .*)?$"), {"fg": "red"}),
    (re.compile(r"(?<=  )Success(?=  |$)|(?<=^state    )Success$"), {"fg": "green"}),
    (re.compile(r"(?<=  )Failure(?=  |$)|(?<=^state    )Failure$|^problem(?=  )"), {"fg": "red"}),
    (re.compile(r"^note(?=   )"), {"fg": "yellow"}),
    (re.compile(r"(?<=  )running(?=  |$)|(?<=^state    )running$"), {"fg": "cyan"}),
)


def _toned(text: str) -> str:
    """Headers bold, failures red, success green."""
    return "\n".join(map(_toned_line, text.split("\n"))) if _colourful() else text


def _toned_line(line: str) -> str:
    for pattern, style in _TONES:
        found = pattern.search(line)
        if found:
            return line[: found.start()] + click.style(found.group(), **style) + line[found.end() :]
    return line
