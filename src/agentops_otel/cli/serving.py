"""`agentops-otel serve`, and who may use what is served: `keys` and `projects`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentops_otel.cli.keeping import with_retention
from agentops_otel.cli.output import remark, show, show_json, width
from agentops_otel.cli.stored import AS_JSON, DB, path_of
from agentops_otel.records import Json, iso8601
from agentops_otel.store.base import DEFAULT_PROJECT

if TYPE_CHECKING:
    from agentops_otel.store.keys import Key
    from agentops_otel.store.retention import Retention
    from agentops_otel.store.sqlite.keys import SqliteKeys

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8765, show_default=True, help="Port of HTTP; 0 takes a free one.")
@click.option("--grpc-port", type=PORT, default=4317, show_default=True, help="Port of OTLP over gRPC.")
@click.option("--no-grpc", is_flag=True, help="Serve HTTP only.")
@click.option("--name", "hosts", metavar="HOST", multiple=True, help="Another name of this server, as a proxy has it.")
@click.option(
    "--rate-limit", type=click.FloatRange(min=0), default=0, help="Requests a second and key; 0 for no limit."
)
@click.option("--tls-cert", type=FILE, help="Certificate, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM.")
@click.option("--prices", type=FILE, help="Your own table of prices [default: $AGENTOPS_PRICES].")
@click.option(
    "--ignore-span",
    "ignore_spans",
    metavar="PATTERN",
    multiple=True,
    help="Take no such spans outside of sessions: a scope, or ATTRIBUTE=VALUE [default: $AGENTOPS_IGNORE_SPANS].",
)
@click.option("--ignore-in-sessions", is_flag=True, help="Take no such spans in sessions, either.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    envvar="AGENTOPS_WORKERS",
    show_envvar=True,
    help="Processes that translate large requests; 0 for none [default: one a core, four at most].",
)
@click.option(
    "--log-level",
    type=click.Choice(("debug", "info", "warning", "error"), case_sensitive=False),
    default="info",
    show_default=True,
    help="How much is told on stderr.",
)
@click.option(
    "--index/--no-index",
    default=True,
    envvar="AGENTOPS_INDEX",
    show_envvar=True,
    help="Keep an index of the words in recorded texts, which makes searches fast.",
)
@DB
@with_retention
def serve(
    db: str | None,
    host: str,
    port: int,
    grpc_port: int,
    no_grpc: bool,
    hosts: tuple[str, ...],
    rate_limit: float,
    tls_cert: Path | None,
    tls_key: Path | None,
    prices: Path | None,
    ignore_spans: tuple[str, ...],
    ignore_in_sessions: bool,
    workers: int | None,
    log_level: str,
    index: bool,
    retention: Retention,
) -> None:
    """Serve the store by OTLP and REST, until Ctrl-C.

    Takes OTLP and AgentOps' REST API, answers sessions. Listens on this machine only, and needs no key there. For other
    machines: make a key, then name a --host.
    """
    from agentops_otel.server import ServerOptions
    from agentops_otel.server import serve as serve_store
    from agentops_otel.settings import from_environment

    told = from_environment()
    own = told.prices
    serve_store(
        ServerOptions(
            db=path_of(db),
            host=host,
            port=port,
            grpc_port=None if no_grpc else grpc_port,
            hosts=hosts,
            rate_limit=rate_limit,
            tls_cert=tls_cert,
            tls_key=tls_key,
            prices=prices or (Path(own) if own else None),
            ignore_spans=ignore_spans or told.ignore_spans,
            ignore_in_sessions=ignore_in_sessions or told.ignore_in_sessions,
            workers=workers,
            log_level=log_level,
            retention=retention,
            index=index,
        )
    )


# --- keys ------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened_keys(db: str | None) -> Iterator[SqliteKeys]:
    from agentops_otel.store.sqlite.keys import SqliteKeys

    keys = SqliteKeys(path_of(db))
    try:
        yield keys
    finally:
        keys.close()


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys of a server. A key selects its project."""


@keys.command("create")
@click.option("--project", default=DEFAULT_PROJECT, show_default=True, metavar="ID", help="Project the key is for.")
@click.option("--name", default="", help="What it is for, so that you know it again.")
@DB
@AS_JSON
def create_key(project: str, name: str, db: str | None, as_json: bool) -> None:
    """Make a key and print it. It is kept as a hash only: this is the one time it can be read."""
    with _opened_keys(db) as opened:
        key = opened.create_key(project, name)
    if as_json:
        show_json({"key": key, "project_id": project, "name": name})
        return
    show(key)
    remark(f"A key of project {project}. It is not shown again. Use it as AGENTOPS_API_KEY.")


@keys.command("list")
@click.option("--project", metavar="ID", help="Only keys of this project.")
@DB
@AS_JSON
def list_keys(project: str | None, db: str | None, as_json: bool) -> None:
    """List keys by their first characters."""
    found: list[Key] = []
    if path_of(db).exists():
        with _opened_keys(db) as opened:
            found = list(opened.keys(project))
    if as_json:
        show_json([_key_json(key) for key in found])
    elif found:
        show(_keys_text(found))
    else:
        remark("No keys: on this machine none is needed. `agentops-otel keys create` makes one.")


def _key_json(key: Key) -> dict[str, Json]:
    return {
        "prefix": key.prefix,
        "project_id": key.project_id,
        "name": key.name,
        "created_at": iso8601(key.created_ns),
        "revoked_at": None if key.revoked_ns is None else iso8601(key.revoked_ns),
    }


def _keys_text(found: list[Key]) -> str:
    from agentops_otel.text.layout import Column, table
    from agentops_otel.text.values import moment_text

    columns = [
        Column("key", [f"{key.prefix}…" for key in found]),
        Column("project", [key.project_id for key in found]),
        Column("created (UTC)", [moment_text(key.created_ns)[:16] for key in found]),
        Column("revoked (UTC)", ["" if key.revoked_ns is None else moment_text(key.revoked_ns)[:16] for key in found]),
        Column("name", [key.name for key in found], shrinks=True),
    ]
    return table(columns, width())


@keys.command("revoke")
@click.argument("key")
@DB
@AS_JSON
def revoke_key(key: str, db: str | None, as_json: bool) -> None:
    """Refuse a KEY from now on. Its first eight characters are enough."""
    with _opened_keys(db) as opened:
        revoked = opened.revoke_key(key)
    if as_json:
        show_json({"revoked": revoked.prefix, "project_id": revoked.project_id})
    else:
        show(f"Revoked the key {revoked.prefix}… of project {revoked.project_id}.")


# --- projects --------------------------------------------------------------------------------------------------------


@click.group()
def projects() -> None:
    """List and make the projects of a server."""


@projects.command("list")
@DB
@AS_JSON
def list_projects(db: str | None, as_json: bool) -> None:
    """List projects by name."""
    found = [DEFAULT_PROJECT]
    if path_of(db).exists():
        with _opened_keys(db) as opened:
            found = list(opened.projects())
    if as_json:
        show_json(found)
    else:
        show("\n".join(found))


@projects.command("create")
@click.argument("project_id", metavar="ID")
@DB
@AS_JSON
def create_project(project_id: str, db: str | None, as_json: bool) -> None:
    """Make a project. `keys create --project ID` does so, too."""
    with _opened_keys(db) as opened:
        opened.create_project(project_id)
    if as_json:
        show_json({"project_id": project_id})
    else:
        show(f"Made project {project_id}.")
