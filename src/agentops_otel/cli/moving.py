"""`agentops-otel export` and `import`: many sessions out of a store, and into one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import click

from agentops_otel.cli.exporting import OUTPUT, Export, format_option
from agentops_otel.cli.options import moment
from agentops_otel.cli.output import progress, show, show_json
from agentops_otel.cli.stored import AS_JSON, DB, PROJECT, Stored, on_store, path_of
from agentops_otel.errors import DecodeError
from agentops_otel.facts import EventFact, Fact
from agentops_otel.records import Json, event_from_json, session_from_json
from agentops_otel.store.base import SessionQuery

EVERY_SESSION = 2**31
LONG_FROM = 100
"""So many sessions take long enough for a progress bar."""

BATCH = 500


# --- export ----------------------------------------------------------------------------------------------------------


@click.command("export")
@click.option("--all", "everything", is_flag=True, help="Every session.")
@click.option("--tag", help="Only sessions with this tag.")
@click.option("--since", callback=moment, metavar="WHEN", help="Only sessions started since: 2h, 3d, 2026-11-22.")
@format_option("jsonl")
@OUTPUT
@on_store
def export_sessions(
    stored: Stored, everything: bool, tag: str | None, since: int | None, form: str, output: str | None
) -> None:
    """Write many sessions with all their events, the newest first.

    jsonl is what `import` reads. Of the other formats each session is one line.
    """
    if not everything and tag is None and since is None:
        raise click.UsageError("say which sessions: --all, --tag or --since", click.get_current_context())
    export = Export(form, output)
    query = SessionQuery(tag=tag, since_ns=since, limit=EVERY_SESSION)
    with progress("export", stored.count(query), LONG_FROM, shown=export.leaves_terminal_alone) as advance:
        export.write(_each(stored, query, export, advance))


def _each(stored: Stored, query: SessionQuery, export: Export, advance: Any) -> Iterator[str]:
    separator = ""
    for listed in stored.sessions(query):
        session = stored.store.session(stored.project, listed.session_id)  # listings leave host_env out
        if session is None:  # deleted since
            continue
        yield separator
        yield from export.pieces(stored, session)
        separator = "\n"
        advance(1)


# --- import ----------------------------------------------------------------------------------------------------------


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@PROJECT
@DB
@AS_JSON
def import_files(files: tuple[str, ...], project: str, db: str | None, as_json: bool) -> None:
    """Read sessions from files that `export` wrote as jsonl or otlp-json; "-" is stdin.

    What is there already is not counted twice, so a file may be imported again.
    """
    from agentops_otel.host import liveness
    from agentops_otel.store import open_store

    store = open_store(path_of(db), liveness=liveness)
    done, sessions = {"new": 0, "replaced": 0}, set()
    try:
        for name in files:
            facts = _facts_of(name)
            while batch := list(islice(facts, BATCH)):
                appended = store.append(project, batch)
                done["new"] += appended.new
                done["replaced"] += appended.replaced
                sessions |= {fact.session_id for fact in batch}
    finally:
        store.close()
    if as_json:
        show_json({"sessions": len(sessions), **done})
    else:
        show(_imported_text(len(sessions), done))


def _imported_text(sessions: int, done: dict[str, int]) -> str:
    from agentops_otel.text.values import counted

    replaced = f", {done['replaced']:,} replaced" if done["replaced"] else ""
    return f"Imported {counted(sessions, 'session')}: {counted(done['new'], 'new event')}{replaced}."


def _facts_of(name: str) -> Iterator[Fact]:
    """What the lines of a file say. Raises DecodeError, which names file and line."""
    if name == "-":
        yield from _facts_of_lines("stdin", sys.stdin)
        return
    with open(Path(name).expanduser(), encoding="utf-8") as file:
        yield from _facts_of_lines(name, file)


def _facts_of_lines(name: str, file: TextIO) -> Iterator[Fact]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            facts = list(_facts_of_json(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DecodeError(f"{name}, line {number}: {_said(error)}; export sessions with --format jsonl") from error
        yield from facts


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _facts_of_json(data: Json) -> Iterable[Fact]:
    if not isinstance(data, dict):
        raise ValueError("a JSON object is expected")
    if "resourceSpans" in data:
        return _facts_of_spans(data)
    if "event_type" in data:
        return [EventFact(event_from_json(data))]
    if "session_id" in data and "statistics" in data:
        return _facts_of_session(data)
    raise ValueError("this is neither a session, nor an event, nor an OTLP request")


def _facts_of_spans(data: Json) -> Iterator[Fact]:
    from agentops_otel.cli.prices import pricer_of
    from agentops_otel.otlp import traces_of_json
    from agentops_otel.translate import translate

    price = pricer_of(None).priced
    for span in traces_of_json(data):
        yield from translate(span, price=price)


def _facts_of_session(data: Json) -> Iterator[Fact]:
    from agentops_otel.conventions.writeback import session_spans
    from agentops_otel.sessions import root_of
    from agentops_otel.translate import translate

    session = session_from_json(data)
    for span in session_spans(session, *root_of(session.session_id)):
        yield from translate(span)
