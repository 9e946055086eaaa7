"""A body of spans becomes what the store writes; in the server, or in a process that does nothing else.

This is the program of such a process, too: it imports neither the web framework nor a database connection.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from agentops_otel import otlp
from agentops_otel.conventions.belonging import belonging
from agentops_otel.conventions.dialects import session_named_by
from agentops_otel.conventions.ignoring import Ignored
from agentops_otel.errors import ConfigurationError
from agentops_otel.facts import EventFact, Fact
from agentops_otel.guard import warn_once
from agentops_otel.pricing import Pricer, PriceTable
from agentops_otel.records import LLMCall
from agentops_otel.store.sqlite.appending import Batch, prepare
from agentops_otel.store.sqlite.span_logs import Waiting
from agentops_otel.translate import translate

YIELDING = 5
"""How much nicer than the server its workers are: who asks for little is answered while they work."""


class Recipe(NamedTuple):
    """What decides how spans are read: the user's own prices, and which spans are left out."""

    prices: Path | None = None
    ignore_spans: Sequence[str] = ()
    ignore_in_sessions: bool = False


class Translated(NamedTuple):
    """What a body says: encoded for the store, the model calls whose messages may come as log records, how many spans
    it had, a sentence for each that was refused, and whether some spans name a session and some do not."""

    batches: list[Batch]
    silent: list[Waiting]
    spans: int
    rejected: list[str]
    named: bool = False
    unnamed: bool = False


class OwnPrices:
    """The user's table as its file is now: what is written there holds for the next call that is priced. Raises
    ConfigurationError for a file that is no table at the start; later ones are warned of, and the last table holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._pricer = Pricer(PriceTable.load(path))

    def priced(self, call: LLMCall) -> LLMCall:
        """The call with its cost, if that is known."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._pricer = Pricer(PriceTable.load(self._path))
            except ConfigurationError as error:
                warn_once(f"the table of prices cannot be read, and the one before holds: {error}")
        return self._pricer.priced(call)


def _stamp(path: Path) -> object:
    """What is another whenever the file is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Translation:
    """From bodies of spans to what the store writes. Threads may share one."""

    def __init__(self, recipe: Recipe) -> None:
        self.price = OwnPrices(recipe.prices).priced if recipe.prices is not None else Pricer().priced
        self._ignored = Ignored(recipe.ignore_spans, in_sessions=recipe.ignore_in_sessions)

    def of(self, body: bytes, content_type: str) -> Translated:
        """Decode and translate a body. Raises DecodeError."""
        rejected: list[str] = []
        spans = otlp.decode_traces(body, content_type, rejected)
        facts: list[Fact] = []
        silent: list[Waiting] = []
        for span in self._ignored.kept(belonging(spans)):
            said = translate(span, price=self.price)
            facts += said
            if any(map(_is_silent, said)):
                silent.append(Waiting.of(span))
        names = {session_named_by(span.attributes) is not None for span in spans}
        return Translated(prepare(facts), silent, len(spans), rejected, True in names, False in names)


def whole(parts: Sequence[Translated]) -> Translated | None:
    """What parts of a body say together; None where that is not what the whole body says.

    To which session a span belongs may be said by another span, if not by itself; and a span that was refused is told
    by its place.
    """
    named, unnamed = any(part.named for part in parts), any(part.unnamed for part in parts)
    if len(parts) > 1 and ((named and unnamed) or any(part.rejected for part in parts)):
        return None
    return Translated(
        [batch for part in parts for batch in part.batches],
        [span for part in parts for span in part.silent],
        sum(part.spans for part in parts),
        [sentence for part in parts for sentence in part.rejected],
        named,
        unnamed,
    )


def _is_silent(fact: Fact) -> bool:
    """Whether this is a model call without its messages, which may come as log records."""
    event = fact.event if isinstance(fact, EventFact) else None
    return isinstance(event, LLMCall) and (event.prompt is None or event.completion is None)


def collect_garbage_rarely() -> None:
    """A batch makes some ten thousand objects that all live until it is written: looking at them now and then is waste.

    Measured on ingest of 500 spans a request: a seventh of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


# --- the program -----------------------------------------------------------------------------------------------------

PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from agentops_otel.server.translating import main; main()"
"""Its arguments are where the server finds its modules; of itself it would look into the current folder first."""

READY = "ready"


def main() -> None:
    """Answer what comes on standard input, until that is closed: by the server that ends, or by its death.

    Pickles of a `Recipe`, then of the arguments of `Translation.of`; answered are READY and a `Translated` each, or
    None where it could not be made: then the server tries by itself, and says why.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # they are sent to all of a group; the server finishes what it accepted
    with suppress(AttributeError, OSError):
        os.nice(YIELDING)
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what some library prints is no answer
    with suppress(EOFError, BrokenPipeError):
        translation = Translation(pickle.load(asked))
        collect_garbage_rarely()
        _say(answers, READY)
        while True:
            _say(answers, _attempt(translation, pickle.load(asked)))


def _attempt(translation: Translation, question: tuple[bytes, str]) -> Translated | None:
    try:
        return translation.of(*question)
    except Exception:  # noqa: BLE001 - whoever asked does it again, and meets the error where it can be told
        return None


def _say(answers: IO[bytes], answer: object) -> None:
    pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()
