"""Texts that were meant as JSON and are none: cut short by a limit of attributes, or written as Python shows a value.

What is there is read. `noted` tells which of both happened since it was asked last, on this thread.
"""

from __future__ import annotations

import ast
import re
import threading

from agentops_otel.records import Json
from agentops_otel.values import MAX_DEPTH, MAX_TEXT, is_cut

CUT = "a JSON text was cut short; what came before the cut was read"
SHORTENED = "a text was cut short, and ends with a mark that says so"
REPR = "a value came as Python shows it, not as JSON"

_LONGEST = MAX_TEXT + 100
_LONGEST_REPR = 100_000

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:(?P<closed>")|\\?\Z)|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_LITERAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|NaN|-?Infinity")
_PART_OF_ONE = re.compile(r"-?\d*\.?\d*(?:[eE][-+]?)?|t(?:ru?)?|f(?:al?s?)?|n(?:ul?)?|N(?:a)?|-?I[nfity]*")
_HALF_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")
_STRANGE_ESCAPE = re.compile(r"\\(?![\\'\"abfnrtvxuUN0-7\n])")


class _Notes(threading.local):
    def __init__(self) -> None:
        self.said: dict[str, None] = {}


_notes = _Notes()


def note(sentence: str) -> None:
    """Remember what was done, for whoever asks `noted`."""
    _notes.said[sentence] = None


def noted() -> list[str]:
    """What was done since this was asked last."""
    if not _notes.said:
        return []
    said, _notes.said = _notes.said, {}
    return list(said)


def completed(source: str) -> str | None:
    """The JSON text that `source` is the beginning of, as far as it goes; None if it is no such beginning.

    A text that breaks off keeps what it has; a name without its value and half a number go.
    """
    if is_cut(source):
        source = source[: source.rindex("… [")]
    if len(source) > _LONGEST:
        return None
    open_: list[str] = []
    end, tail, is_name = 0, "", False
    for token in _TOKEN.finditer(source):
        first = token[0][0]
        if first in "[{":
            open_.append("]" if first == "[" else "}")
            end, is_name = token.end(), first == "{"
        elif first in "]}":
            if not open_ or open_.pop() != first:
                return None
            end, is_name = token.end(), False
        elif first in ",:":
            is_name = first == "," and open_[-1:] == ["}"]
        elif first == '"':
            if not is_name:
                end, tail = _string(token)
        elif token.end() == len(source) and _PART_OF_ONE.fullmatch(token[0]):
            break
        elif is_name or not _LITERAL.fullmatch(token[0]):
            return None
        else:
            end = token.end()
        if not open_ or len(open_) >= MAX_DEPTH:
            return None
    return source[:end] + tail + "".join(reversed(open_))


def _string(token: re.Match[str]) -> tuple[int, str]:
    """Where a text ends, and what it lacks there; half an escape at its end goes."""
    if token["closed"]:
        return token.end(), ""
    half = _HALF_ESCAPE.search(token[0])
    return token.end() - (len(half[1]) if half else 0), '"'


def python_value(source: str) -> Json:
    """The list or dict that a Python repr shows; None if it shows none of plain values only."""
    if len(source) > _LONGEST_REPR or "'" not in source or _STRANGE_ESCAPE.search(source):
        return None
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
