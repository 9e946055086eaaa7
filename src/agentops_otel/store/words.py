"""What a search in recorded texts finds. Pure; a store may keep an index, but finds no more and no less.

The texts of an event are the strings in its parameters, results, prompt, completion, logs and error details. They are
compared by words in any case: letters and digits; a Chinese or Japanese character is a word, because nothing separates
words there. Each part of a query between spaces is looked for as a row of words, of which the last may go on
("weather-fore" finds "Weather forecast"); what stands in double quotes is looked for as it is. A session is found where
its events, all together, have every part.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentops_otel.records import Event

SEARCHED = ("params", "returns", "prompt", "completion", "logs", "details")
"""The fields of an event in which is searched."""

LONGEST_TEXT = 100_000
"""Of a longer text the first so many characters are searched."""

_DATA_FROM = 1000
"""An ASCII text that begins with so many characters and no space among them is data (base64), and not searched."""

_EAST = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_EAST}]|[^\\W_{_EAST}]+")
_ASCII = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()})
_IN_WORD = re.compile(f"[^\\W_{_EAST}]")
_PART = re.compile(r'"([^"]*)"|(\S+)')


class Phrase(NamedTuple):
    """Words in a row; `open`: the last one may go on."""

    words: tuple[str, ...]
    open: bool


def words_of(text: str) -> list[str]:
    """The words of a text, casefolded, in their order."""
    if text.isascii():  # ten times as fast
        return text.lower().translate(_ASCII).split()
    found: list[str] = _WORD.findall(text.casefold())
    return found


def vocabulary(texts: Iterable[str]) -> set[str]:
    """The different words of texts; much faster than one text after the other."""
    parts: set[str] = set()
    for text in texts:
        parts.update(text.casefold().split())
    plain = {part for part in parts if part.isascii() and part.isalnum()}
    return plain.union(*map(words_of, parts - plain))


def phrases_of(query: str) -> list[Phrase]:
    """What a query asks for; nothing if it has no word."""
    parts = ((quoted, loose) for quoted, loose in _PART.findall(query))
    found = [Phrase(tuple(words_of(quoted or loose)), not quoted) for quoted, loose in parts]
    return [phrase for phrase in found if phrase.words]


def texts_of(large: Mapping[str, Any]) -> Iterator[str]:
    """The texts among the large fields of an event."""
    waiting = [large.get(name) for name in SEARCHED]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if not _is_data(value):
                yield value[:LONGEST_TEXT]
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


def _is_data(text: str) -> bool:
    start = text[:_DATA_FROM]
    return len(start) == _DATA_FROM and start.isascii() and not any(map(str.isspace, start))


def says(texts: Iterable[str], phrase: Phrase) -> bool:
    """Whether one of the texts has the phrase."""
    pattern = _pattern(phrase)
    return any(_has(text.casefold(), pattern, phrase) for text in texts)


def _has(text: str, pattern: re.Pattern[str], phrase: Phrase) -> bool:
    """Looks for the words as they stand, rather than for all words of the text: ten times as fast."""
    found = pattern.search(text)
    while found:
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        begins = not (_IN_WORD.match(before) and _IN_WORD.match(phrase.words[0]))
        ends = phrase.open or not (_IN_WORD.match(after) and _IN_WORD.match(phrase.words[-1]))
        if begins and ends:
            return True
        found = pattern.search(text, found.start() + 1)
    return False


@functools.lru_cache(maxsize=64)
def _pattern(phrase: Phrase) -> re.Pattern[str]:
    """The words with what may stand between them; with nothing where one of two is a character that is a word."""
    pattern = phrase.words[0]
    for word, after in itertools.pairwise(phrase.words):
        pattern += ("[\\W_]+" if _IN_WORD.match(word) and _IN_WORD.match(after) else "[\\W_]*") + after
    return re.compile(pattern)


def tells(events: Iterable[Event], phrases: Sequence[Phrase]) -> bool:
    """Whether events, all together, say what a query asks for; nothing is never found."""
    missing = list(phrases)
    for event in events if phrases else ():
        texts = list(texts_of({name: getattr(event, name, None) for name in SEARCHED}))
        missing = [phrase for phrase in missing if not says(texts, phrase)]
        if not missing:
            return True
    return False
