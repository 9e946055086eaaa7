"""The forms a session is exported in, as text in pieces: nothing holds all events at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from agentops_otel.cli.output import progress, show_pieces, write_pieces
from agentops_otel.cli.stored import Stored
from agentops_otel.records import Event, Session
from agentops_otel.store.base import EventQuery

LONG_FROM = 5_000
"""So many events take long enough for a progress bar."""

EventsOf = Callable[[EventQuery], Iterator[Event]]


@contextmanager
def counted(stored: Stored, session: Session, *, shown: bool) -> Iterator[EventsOf]:
    """What reads the events of the session; with a progress bar where that takes long, unless it is not `shown`."""
    total = session.statistics.events + session.statistics.apis
    label = f"export {session.session_id[:8]}"
    with progress(label, total, LONG_FROM, shown=shown) as advance:

        def events_of(query: EventQuery) -> Iterator[Event]:
            for event in stored.store.events(stored.project, session.session_id, query):
                yield event
                if query.payloads:
                    advance(1)

        yield events_of


class Export:
    """Where an export goes, and in which form."""

    def __init__(self, form: str, output: str | None) -> None:
        self._form = PIECES[form]
        self._file = None if output in (None, "-") else Path(str(output))

    @property
    def leaves_terminal_alone(self) -> bool:
        """Whether a progress bar does not run into what is written."""
        return self._file is not None or not sys.stdout.isatty()

    def pieces(self, stored: Stored, session: Session, *, shown: bool = False) -> Iterator[str]:
        """A session as text, with a progress bar if it is `shown` and long."""
        with counted(stored, session, shown=shown and self.leaves_terminal_alone) as events_of:
            yield from self._form(session, events_of)

    def write(self, pieces: Iterable[str]) -> None:
        """To stdout, or into the file as a whole: until it is done, what was there stays. Raises OSError."""
        if self._file is None:
            show_pieces(pieces)
            return
        part = self._file.with_name(self._file.name + ".part")
        try:
            with open(part, "wb") as file:
                write_pieces(file, pieces)
            os.replace(part, self._file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


# --- forms -----------------------------------------------------------------------------------------------------------


def _agentops(session: Session, events_of: EventsOf) -> Iterator[str]:
    from agentops_otel.exports import agentops_export_chunks

    return agentops_export_chunks(session, lambda kind: events_of(EventQuery(types=[kind])))


def _jsonl(session: Session, events_of: EventsOf) -> Iterator[str]:
    from agentops_otel.exports import jsonl_lines

    separator = ""
    for line in jsonl_lines(session, events_of(EventQuery(told=True))):
        yield separator + line
        separator = "\n"


def _otlp_json(session: Session, events_of: EventsOf) -> Iterator[str]:
    """One ExportTraceServiceRequest on one line, which is a line of an OTLP JSON file, too."""
    from agentops_otel.exports import otlp_json_chunks
    from agentops_otel.sessions import root_of

    return otlp_json_chunks(
        session, root_of(session.session_id), lambda kinds: events_of(EventQuery(types=kinds, told=True))
    )


def _html(session: Session, events_of: EventsOf) -> Iterator[str]:
    try:
        from agentops_otel.server.dashboard.report import report
    except ImportError:
        raise click.ClickException("--format html needs: pip install 'agentops-otel-bridge[server]'") from None
    return report(session, events_of)


PIECES: dict[str, Callable[[Session, EventsOf], Iterator[str]]] = {
    "agentops": _agentops,
    "jsonl": _jsonl,
    "otlp-json": _otlp_json,
    "html": _html,
}
IN_ONE_FILE = tuple(form for form in PIECES if form != "html")
"""The forms in which a file can hold several sessions."""


# --- options ---------------------------------------------------------------------------------------------------------


def format_option(
    default: str, forms: Sequence[str] = IN_ONE_FILE
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that chooses the form."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(tuple(forms)),
        default=default,
        show_default=True,
        help="agentops: JSON as AgentOps' /export; jsonl: the session, then an event a line; otlp-json: spans"
        f"{'; html: one page to read without a server' if 'html' in forms else ''}.",
    )


OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write there, not to stdout.",
)
