"""What is on disk: the store and the prices."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agentops_otel.doctor.findings import Finding
from agentops_otel.errors import ConfigurationError, StoreError
from agentops_otel.records import total
from agentops_otel.settings import Settings
from agentops_otel.store.base import DEFAULT_PROJECT, SessionQuery
from agentops_otel.text.values import bytes_text, counted

if TYPE_CHECKING:
    from agentops_otel.sinks.spool import Spool
    from agentops_otel.store.sqlite import SqliteStore

CHECKED_UP_TO = 1_000_000_000
"""A larger store is not read from end to end."""

LITTLE_SPACE = 100_000_000
_MODELS_NAMED = 10


def store(settings: Settings) -> Iterator[Finding]:
    """Whether the file is there, sound, private and has room; what it says was dropped or has no price."""
    path = settings.db_path()
    if not path.exists():
        yield _not_there(path)
        return
    from agentops_otel.store.sqlite import SqliteStore

    opened = SqliteStore(path)
    try:
        yield from _examined(opened, path)
    except StoreError as error:
        message, _, remedy = str(error).rpartition("; ")
        yield Finding("store", "problem", message or str(error), remedy if message else None, {"path": str(path)})
    finally:
        opened.close()


def _not_there(path: Path) -> Finding:
    folder = next(parent for parent in path.parents if parent.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("store", "ok", f"{path} is made by the first session", detail={"path": str(path)})
    remedy = "make it writable, or set AGENTOPS_HOME to a folder that is"
    return Finding("store", "problem", f"{path} cannot be made: {folder} is not writable", remedy, {"path": str(path)})


def _examined(opened: SqliteStore, path: Path) -> Iterator[Finding]:
    health = opened.health()
    size = health.size_bytes
    damage = opened.damage() if size <= CHECKED_UP_TO else []
    detail = {
        "path": str(path),
        "size_bytes": size,
        "schema_version": health.schema_version,
        "sessions": health.sessions,
        "events": health.events,
        "journal_mode": health.journal_mode,
        "damage": damage,
    }
    about = f"{path}: {counted(health.sessions, 'session')}, {counted(health.events, 'event')}, {bytes_text(size)}"
    if damage:
        remedy = "restore a copy of it, or export the sessions that can be read and move it away"
        yield Finding("store", "problem", f"{about}, damaged: {'; '.join(damage)}", remedy, detail)
    else:
        checked = "sound" if size <= CHECKED_UP_TO else "too large to be checked here"
        yield Finding("store", "ok", f"{about}, schema {health.schema_version}, {checked}", detail=detail)
    yield from _permissions(path)
    yield from _space(path)
    yield from _recorded_losses(opened)
    yield from _unpriced(health.unpriced)


def _permissions(path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        remedy = f"chmod 600 {path}"
        yield Finding("store", "note", f"other users may open {path.name}, and it holds prompts", remedy)


def _space(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    if free < LITTLE_SPACE:
        yield Finding("store", "problem", f"only {bytes_text(free)} are free on its disk", "free some space")


def _recorded_losses(opened: SqliteStore) -> Iterator[Finding]:
    rows = opened.totals(DEFAULT_PROJECT, SessionQuery(), "end_state")
    sums = total(row.statistics for row in rows)
    if sums.dropped:
        yield Finding(
            "dropped",
            "problem",
            f"{counted(sums.dropped, 'span')} of the recorded sessions were dropped before they could be delivered",
            "raise max_queue_size (AGENTOPS_MAX_QUEUE_SIZE) in the programs that record so much",
            {"recorded_dropped": sums.dropped},
        )


def _unpriced(by_model: Mapping[str, int]) -> Iterator[Finding]:
    if not by_model:
        yield Finding("unpriced", "ok", "every recorded model call has a price")
        return
    models = sorted(by_model, key=lambda model: (-by_model[model], model))
    first = [f"{model or 'an unknown model'} ({counted(by_model[model], 'call')})" for model in models[:_MODELS_NAMED]]
    more = f" and {len(models) - _MODELS_NAMED} more" if len(models) > _MODELS_NAMED else ""
    yield Finding(
        "unpriced",
        "note",
        f"no price is known for {', '.join(first)}{more}; the cost of their sessions is a lower bound",
        "name their prices in a file (AGENTOPS_PRICES), then run agentops-otel reprice",
        {"models": dict(by_model)},
    )


def spool(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """What waits on disk for a server or a collector, and what had to be given up."""
    from agentops_otel.sinks.otlp import otlp_destination
    from agentops_otel.sinks.spool import Spool, destination_of

    path = Path(settings.folder()) / "spool.db"
    addresses = {"api": destination_of(settings.endpoint, settings.api_key), "otlp": otlp_destination(environ)}
    used = [name for name in addresses if name in settings.exporter]
    if not path.exists():
        yield Finding(
            "spool", "ok", "nothing waits to be sent" if used else "not used: exporter is neither api nor otlp"
        )
        return
    for name in used or ("api",):
        yield from _spooled(name, addresses[name].rpartition(" ")[0], Spool(path, addresses[name]))


def _spooled(exporter: str, address: str, opened: Spool) -> Iterator[Finding]:
    path = str(opened.path)
    try:
        waiting, lost = opened.waiting(), opened.lost()
    except StoreError as error:
        yield Finding("spool", "problem", str(error), "move the file away", {"path": path})
        return
    detail = {"path": path, "waiting": waiting, "lost": lost}
    if lost:
        message = f"{_batches(lost)} for {address} were given up: refused for good, too old, or {path} was full"
        yield Finding("spool", "problem", message, "see why the server does not answer", detail)
    if waiting:
        message = f"{_batches(waiting)} for {address} wait in {path}"
        yield Finding("spool", "note", message, f"the next program with exporter={exporter} delivers them", detail)
    elif not lost:
        yield Finding("spool", "ok", f"nothing waits for {address} in {path}", detail=detail)


def _batches(count: int) -> str:
    return f"{count:,} batch{'' if count == 1 else 'es'} of records"


def prices(settings: Settings) -> Iterator[Finding]:
    """Which tables cost comes from."""
    from agentops_otel.pricing import PriceTable, available

    if settings.prices is not None:
        try:
            PriceTable.load(settings.prices)
        except (ConfigurationError, OSError) as error:
            yield Finding("prices", "problem", f"your table cannot be used: {error}", "correct AGENTOPS_PRICES")
        else:
            yield Finding("prices", "ok", f"your table {settings.prices} wins", detail={"table": settings.prices})
    version = available()
    if version is not None:
        yield Finding("prices", "ok", f"genai-prices {version}", detail={"genai-prices": version})
        return
    yield Finding(
        "prices",
        "note",
        "genai-prices is not installed: a cost is known only where it was reported or your own table has it",
        "pip install 'agentops-otel-bridge[cost]'",
    )
