"""The store a command works on. Looking never makes a file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentops_otel.errors import SessionNotFoundError, StoreError
from agentops_otel.records import Session
from agentops_otel.store.base import DEFAULT_PROJECT, SessionQuery

if TYPE_CHECKING:
    from agentops_otel.store.forgetting import Forgetting

PAGE = 500
CANDIDATES = 10


@dataclass(frozen=True)
class Stored:
    """An open store and the project to look at; `store` is None while there is no file."""

    path: Path
    project: str
    store: Any

    def session(self, prefix: str) -> Session:
        """The session with this id, or the only one whose id begins so. Raises SessionNotFoundError."""
        if self.store is None:
            raise SessionNotFoundError(f"no session {prefix!r}: there is no store at {self.path} yet")
        found: Session | None = self.store.session(self.project, prefix)
        if found is None:
            found = self.store.session(self.project, self._completed(prefix))
        if found is None:  # it was deleted since
            raise SessionNotFoundError(f"no session {prefix!r} in {self.path}")
        return found

    def _completed(self, prefix: str) -> str:
        ids: list[str] = self.store.find_session_ids(self.project, prefix, CANDIDATES + 1) if prefix else []
        if not ids:
            raise SessionNotFoundError(
                f"no session id begins with {prefix!r} in {self.path}; `agentops-otel sessions list` shows what does"
            )
        if len(ids) > 1:
            more = ", ..." if len(ids) > CANDIDATES else ""
            raise SessionNotFoundError(
                f"{prefix!r} begins the ids of several sessions: {', '.join(ids[:CANDIDATES])}{more}; give more of it"
            )
        return ids[0]

    def sessions(self, query: SessionQuery) -> Iterator[Session]:
        """The newest sessions the query selects, `query.limit` at most, read page by page."""
        left, cursor = query.limit, query.cursor
        while self.store is not None and left > 0:
            page = self.store.sessions(self.project, replace(query, limit=min(left, PAGE), cursor=cursor))
            yield from page.items
            left, cursor = left - len(page.items), page.next_cursor
            if cursor is None:
                return

    def delete(self, session: Session) -> None:
        """Remove a session with everything that was kept of it."""
        with self.forgetting() as forgetting:
            forgetting.forget(self.project, [session.session_id])

    @contextmanager
    def forgetting(self) -> Iterator[Forgetting]:
        """What removes sessions from this store and from everything beside it."""
        from agentops_otel.store.forgetting import Forgetting
        from agentops_otel.store.sqlite.keys import SqliteKeys
        from agentops_otel.store.sqlite.span_logs import SqliteSpanLogs

        with closing(SqliteKeys(self.path)) as keys, closing(SqliteSpanLogs(self.path)) as span_logs:
            yield Forgetting(self.store, keys, span_logs)

    def count(self, query: SessionQuery) -> int:
        """How many sessions the query selects, whatever its limit."""
        if self.store is None:
            return 0
        return sum(row.sessions for row in self.store.totals(self.project, query, "end_state"))


def path_of(db: str | None) -> Path:
    """The file that `--db` names, else the one of the environment."""
    from agentops_otel.settings import from_environment

    return Path(db).expanduser() if db else from_environment().db_path()


@contextmanager
def opened(db: str | None, project: str = DEFAULT_PROJECT) -> Iterator[Stored]:
    """The store at `--db`, for the length of a command."""
    path = path_of(db)
    if not _is_there(path):
        yield Stored(path, project, None)
        return
    from agentops_otel.host import liveness
    from agentops_otel.store import open_store

    store = open_store(path, liveness=liveness)
    try:
        yield Stored(path, project, store)
    finally:
        store.close()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at ({error.strerror}); name another file with --db") from error


DB = click.option("--db", metavar="PATH", help="File of the store [default: agentops.db in $AGENTOPS_HOME].")
PROJECT = click.option("--project", metavar="ID", default=DEFAULT_PROJECT, show_default=True, help="Project in it.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def on_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--db` and `--project`, and the store they name as its first argument."""

    @functools.wraps(command)
    def with_store(*args: Any, db: str | None, project: str, **options: Any) -> Any:
        with opened(db, project) as stored:
            return command(stored, *args, **options)

    return DB(PROJECT(with_store))
