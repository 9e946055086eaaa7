"""`agentops-otel export` and `import`: many sessions out of a store, and into one."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from agentops_otel.cli.exporting import OUTPUT, Export, format_option
from agentops_otel.cli.options import moment
from agentops_otel.cli.output import progress, show, show_json
from agentops_otel.cli.stored import AS_JSON, DB, PROJECT, Stored, on_store, path_of
from agentops_otel.facts import Fact
from agentops_otel.store.base import SessionQuery, Store

EVERY_SESSION = 2**31
LONG_FROM = 100
"""So many sessions take long enough for a progress bar."""

LONG_FROM_BYTES = 20_000_000
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

    Of agentops and otlp-json each session is one line. `import` reads every form.
    """
    if not everything and tag is None and since is None:
        raise click.UsageError("say which sessions: --all, --tag or --since", click.get_current_context())
    export = Export(form, output)
    query = SessionQuery(tag=tag, since_ns=since, limit=EVERY_SESSION)
    with progress("export", stored.count(query), LONG_FROM, shown=export.leaves_terminal_alone) as advance:
        export.write(_each(stored, query, export, advance))


def _each(stored: Stored, query: SessionQuery, export: Export, advance: Callable[[int], None]) -> Iterator[str]:
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
    """Read sessions from files of any exported form, or from OTLP files; "-" is stdin.

    What is there already is not counted twice, so a file may be imported again.
    """
    from agentops_otel.host import liveness
    from agentops_otel.store import open_store

    store, done = open_store(path_of(db), liveness=liveness), Imported()
    try:
        for name in files:
            with _on_disk(name) as path:
                _import(path, store, project, done)
    finally:
        store.close()
    if as_json:
        show_json({"sessions": len(done.sessions), "new": done.new, "replaced": done.replaced})
    else:
        show(done.text())


@dataclass
class Imported:
    """What came in."""

    sessions: set[str] = field(default_factory=set)
    new: int = 0
    replaced: int = 0

    def text(self) -> str:
        """In one line."""
        from agentops_otel.text.values import counted

        replaced = f", {self.replaced:,} replaced" if self.replaced else ""
        return f"Imported {counted(len(self.sessions), 'session')}: {counted(self.new, 'new event')}{replaced}."


@contextmanager
def _on_disk(name: str) -> Iterator[Path]:
    """The file; of stdin a copy, because readers of files go back and forth."""
    if name != "-":
        yield Path(name).expanduser()
        return
    with tempfile.NamedTemporaryFile(prefix="stdin-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def _import(path: Path, store: Store, project: str, done: Imported) -> None:
    from agentops_otel.cli.prices import pricer_of
    from agentops_otel.imports import facts_of_file

    read = 0
    with progress(f"import {path.name}", path.stat().st_size, LONG_FROM_BYTES) as advance:
        waiting: list[Fact] = []
        for piece in facts_of_file(path, pricer_of(None).priced):
            waiting += piece.facts
            if len(waiting) >= BATCH:
                _append(store, project, waiting, done)
                waiting = []
            advance(piece.read_bytes - read)
            read = piece.read_bytes
        _append(store, project, waiting, done)


def _append(store: Store, project: str, facts: list[Fact], done: Imported) -> None:
    appended = store.append(project, facts)
    done.new += appended.new
    done.replaced += appended.replaced
    done.sessions |= {fact.session_id for fact in facts}
