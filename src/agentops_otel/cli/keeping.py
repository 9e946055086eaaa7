"""`agentops-otel store`: prune, index, compact; and the options that say how long sessions are kept."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from agentops_otel.cli.options import age, size
from agentops_otel.cli.output import progress, remark, show, show_json
from agentops_otel.cli.stored import AS_JSON, DB, opened
from agentops_otel.errors import StoreError

if TYPE_CHECKING:
    from agentops_otel.store.retention import Retention

AGE = click.option(
    "--max-age",
    callback=age,
    metavar="AGE",
    envvar="AGENTOPS_MAX_AGE",
    show_envvar=True,
    help="Remove sessions in which nothing happened for so long: 12h, 30d, 8w.",
)
SIZE = click.option(
    "--max-size",
    callback=size,
    metavar="SIZE",
    envvar="AGENTOPS_MAX_SIZE",
    show_envvar=True,
    help="Remove the oldest sessions until the store is so small: 500MB, 5GB.",
)
KEEP = click.option(
    "--keep-tag",
    "keep_tags",
    metavar="TAG",
    multiple=True,
    envvar="AGENTOPS_KEEP_TAGS",
    show_envvar=True,
    help="Never remove sessions with this tag.",
)


def with_retention(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `Retention`, and that as its argument `retention`."""

    @functools.wraps(command)
    def told(*args: Any, max_age: int | None, max_size: int | None, keep_tags: tuple[str, ...], **more: Any) -> Any:
        from agentops_otel.store.retention import Retention

        retention = Retention(max_age_ns=max_age, max_bytes=max_size, keep_tags=frozenset(keep_tags))
        return command(*args, retention=retention, **more)

    return AGE(SIZE(KEEP(told)))


@click.group()
def store() -> None:
    """Look after the store."""


@store.command()
@with_retention
@click.option("--yes", is_flag=True, help="Do not ask.")
@DB
@AS_JSON
def prune(retention: Retention, yes: bool, db: str | None, as_json: bool) -> None:
    """Remove sessions that are too old, or the oldest where there are too many. Running ones stay.

    In every project. A server that is given the same options does so every hour.
    """
    from agentops_otel.store.retention import prune as remove
    from agentops_otel.store.retention import too_old

    if not retention:
        raise click.UsageError("say what to remove: --max-age or --max-size", click.get_current_context())
    with opened(db) as stored:
        if stored.store is None:
            remark(f"Nothing to remove: there is no store at {stored.path}.")
            return
        now_ns, before = time.time_ns(), stored.store.size_bytes()
        old = sum(1 for _ in too_old(stored.store, retention, now_ns))
        large = retention.max_bytes is not None and before > retention.max_bytes
        if (old or large) and not yes:
            _ask(old, before if large else None, retention)
        with stored.forgetting() as forgetting:
            pruned = remove(forgetting, retention, now_ns)
        after = stored.store.size_bytes()
    if as_json:
        show_json({"deleted": pruned, "size_bytes": after})
    else:
        show(f"Removed {pruned:,} sessions; the store holds {after / 1e6:,.1f} MB, {before / 1e6:,.1f} MB before.")


def _ask(old: int, bytes_held: int | None, retention: Retention) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("add --yes to remove without being asked", click.get_current_context())
    what = [f"{old:,} old sessions"] if old else []
    if bytes_held is not None:
        what.append(f"the oldest until {bytes_held / 1e6:,.1f} MB become {(retention.max_bytes or 0) / 1e6:,.1f} MB")
    click.confirm(f"Remove {' and '.join(what)}?", abort=True, err=True)


@store.command()
@click.option("--drop", is_flag=True, help="Remove the index instead.")
@DB
def index(db: str | None, drop: bool) -> None:
    """Prepare searches by an index of the words in recorded texts, or go on with it.

    Searches find the same without, but read every text. A server keeps the index by itself.
    """
    with opened(db) as stored:
        if stored.store is None:
            remark(f"Nothing to index: there is no store at {stored.path}.")
            return
        if drop:
            stored.store.drop_index()
            show("Removed the index.")
            return
        _index(stored.store)


def _index(opened_store: Any) -> None:
    waiting = opened_store.texts_waiting()
    with progress("index", waiting, 1000) as advance:
        while opened_store.index_texts():
            left = opened_store.texts_waiting()
            advance(max(0, waiting - left))
            waiting = min(waiting, left)
    if waiting:
        raise StoreError("this SQLite was built without FTS5, so there is no index; searches read every text")
    show("The index has all texts.")


@store.command()
@DB
def compact(db: str | None) -> None:
    """Compress recorded texts, and give the room back to the disk. A server does so by itself."""
    with opened(db) as stored:
        if stored.store is None:
            remark(f"Nothing to compact: there is no store at {stored.path}.")
            return
        before = stored.store.size_bytes()
        while stored.store.compact():
            pass
        stored.store.give_back_room()
        show(f"The store holds {stored.store.size_bytes() / 1e6:,.1f} MB, {before / 1e6:,.1f} MB before.")
