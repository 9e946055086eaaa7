"""Settings: projects, keys, the user's own prices, what is kept, and what this server is."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from agentops_otel._version import __version__
from agentops_otel.errors import ConfigurationError, InvalidValueError
from agentops_otel.pricing import PriceTable, available
from agentops_otel.server.auth import Caller, Gate
from agentops_otel.server.dashboard.links import url
from agentops_otel.server.dashboard.login import caller_of, fields_of
from agentops_otel.server.dashboard.pages import HEADERS, html, page
from agentops_otel.server.kept import Kept, replace_file
from agentops_otel.server.options import ServerOptions
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.base import DEFAULT_PROJECT
from agentops_otel.store.forgetting import Forgetting
from agentops_otel.store.retention import Retention
from agentops_otel.text.values import UNITS_BYTES, UNITS_S, age_of, bytes_text, duration_text, size_of

Fields = dict[str, list[str]]

EMPTY_TABLE = '{"prices": [\n  {"model": "in-house-70b", "input": 0.5, "output": 1.5}\n]}\n'
"""What stands in the form while there is no table: a model and US dollars for a million tokens."""


class Settings:
    """The page and its forms. A key manages its own project; while none is needed everybody manages all."""

    def __init__(self, forgetting: Forgetting, gate: Gate, options: ServerOptions, kept: Kept) -> None:
        self._store = forgetting.store
        self._keys = forgetting.keys
        self._gate = gate
        self._options = options
        self._kept = kept

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/settings", self.page, methods=["GET"])
        forms = {"keys": self.create_key, "keys/revoke": self.revoke_key, "projects": self.create_project}
        for path, change in {**forms, "prices": self.save_prices, "retention": self.save_retention}.items():
            router.add_api_route(f"/settings/{path}", self._form(change), methods=["POST"])

    def page(self, request: Request) -> Response:
        """The settings as they are."""
        return page(self._html(caller_of(request, self._gate)))

    def _form(self, change: Callable[[Caller, Fields], Response]) -> Callable[..., object]:
        async def answer(request: Request) -> Response:
            fields = await fields_of(request)
            return await run_in_threadpool(lambda: change(caller_of(request, self._gate), fields))

        return answer

    # --- projects and keys ---------------------------------------------------------------------------------------

    def create_project(self, caller: Caller, fields: Fields) -> Response:
        """Make a project, while no key is needed."""
        if not self._gate.is_open:
            raise Refusal(
                403, "A key belongs to one project; `agentops-otel projects create` makes others.", "not_yours"
            )
        return self._tried(caller, lambda: self._keys.create_project(_first(fields, "project_name")))

    def create_key(self, caller: Caller, fields: Fields) -> Response:
        """Make a key and show it, this once."""
        project_id = self._manageable(caller, _first(fields, "of") or caller.project_id)
        try:
            key = self._keys.create_key(project_id, _first(fields, "name")[:256])
        except InvalidValueError as error:
            return page(self._html(caller, wrong=str(error)), 400)
        return page(self._html(caller, new_key=(key, project_id)), headers={"Cache-Control": "no-store"})

    def revoke_key(self, caller: Caller, fields: Fields) -> Response:
        """Refuse a key from now on."""
        prefix = _first(fields, "prefix")
        if prefix not in {key.prefix for key in self._keys.keys(self._scope(caller))}:
            raise Refusal(404, "There is no such key in this project.", "unknown_key")
        return self._tried(caller, lambda: self._keys.revoke_key(prefix))

    def _scope(self, caller: Caller) -> str | None:
        """The project whose keys the caller manages, None for all."""
        return None if self._gate.is_open else caller.project_id

    def _manageable(self, caller: Caller, project_id: str) -> str:
        if not self._gate.is_open and project_id != caller.project_id:
            raise Refusal(403, "A key makes keys of its own project only.", "not_yours")
        return project_id

    def _tried(self, caller: Caller, change: Callable[[], object]) -> Response:
        try:
            change()
        except InvalidValueError as error:
            return page(self._html(caller, wrong=str(error)), 400)
        return RedirectResponse(url("/settings"), 303, HEADERS)

    # --- prices --------------------------------------------------------------------------------------------------

    def _may_decide(self, caller: Caller) -> bool:
        """Prices and limits hold for all projects, so that not every key may change them."""
        return self._gate.is_open or caller.project_id == DEFAULT_PROJECT

    def save_prices(self, caller: Caller, fields: Fields) -> Response:
        """Write the user's table, if it is one."""
        path, text = self._options.prices, _first(fields, "table")
        if path is None or not self._may_decide(caller):
            raise Refusal(403, "There is no table of prices that this key may change.", "not_yours")
        try:
            table_of(text, path)
            replace_file(path, text)
        except (ConfigurationError, OSError) as error:
            return page(self._html(caller, wrong=str(error), table=text), 400)
        return RedirectResponse(url("/settings", saved="prices"), 303, HEADERS)

    # --- retention -----------------------------------------------------------------------------------------------

    def save_retention(self, caller: Caller, fields: Fields) -> Response:
        """Let other limits hold from now on, or again those that the server was told."""
        if not self._may_decide(caller):
            raise Refusal(
                403, "The limits hold for all projects; a key of project default may change them.", "not_yours"
            )
        try:
            self._kept.decide(None if _first(fields, "told") == "yes" else retention_of(fields))
        except (ValueError, OSError) as error:
            return page(self._html(caller, wrong=str(error)), 400)
        return RedirectResponse(url("/settings", saved="retention"), 303, HEADERS)

    # --- the page ------------------------------------------------------------------------------------------------

    def _html(
        self,
        caller: Caller,
        *,
        wrong: str | None = None,
        new_key: tuple[str, str] | None = None,
        table: str | None = None,
    ) -> str:
        path = self._options.prices
        return html(
            "settings.html",
            wrong=wrong,
            new_key=new_key,
            project_id=caller.project_id,
            projects=self._keys.projects() if self._gate.is_open else [caller.project_id],
            keys=self._keys.keys(self._scope(caller)),
            open=self._gate.is_open,
            prices=path,
            table=_read(path) if table is None and path else table or "",
            may_decide=self._may_decide(caller),
            catalogue=available(),
            retention=retention_words(self._kept.retention),
            limits=limits_of(self._kept.retention),
            is_decided=self._kept.is_decided,
            about=self._about(),
        )

    def _about(self) -> dict[str, str]:
        options = self._options
        return {
            "Version": __version__,
            "Python": sys.version.split()[0],
            "Store": str(options.db),
            "Size": bytes_text(self._store.size_bytes()),
            "Listens on": f"{options.host}, OTLP over gRPC {'off' if options.grpc_port is None else 'on'}",
            "Search in texts": "on" if options.index else "off",
        }


def retention_of(fields: Fields) -> Retention:
    """The limits that a form asks for; an empty field is no limit. Raises ValueError, naming value and remedy."""
    age, size = _first(fields, "max_age"), _first(fields, "max_size")
    tags = (line.strip() for line in _first(fields, "keep_tags").splitlines())
    return Retention(
        max_age_ns=age_of(age) if age else None,
        max_bytes=size_of(size) if size else None,
        keep_tags=frozenset(tag for tag in tags if tag),
    )


def limits_of(retention: Retention) -> dict[str, str]:
    """Limits as the form has them: the inverse of `retention_of`."""
    age, size = retention.max_age_ns, retention.max_bytes
    return {
        "max_age": "" if age is None else _largest(age // 10**9, UNITS_S),
        "max_size": "" if size is None else f"{_largest(size, UNITS_BYTES)}B",
        "keep_tags": "\n".join(sorted(retention.keep_tags)),
    }


def _largest(amount: int, units: dict[str, int]) -> str:
    """An amount in the largest unit that leaves no rest."""
    unit = next(name for name, size in reversed(units.items()) if amount % size == 0)
    return f"{amount // units[unit]}{unit}"


def retention_words(retention: Retention) -> list[str]:
    """What is kept, in words."""
    limits = []
    if retention.max_age_ns is not None:
        limits.append(f"Sessions in which nothing has happened for {duration_text(retention.max_age_ns)} are removed.")
    if retention.max_bytes is not None:
        limits.append(f"Beyond {bytes_text(retention.max_bytes)} the oldest sessions are removed.")
    if limits and retention.keep_tags:
        limits.append(f"Sessions tagged {', '.join(sorted(retention.keep_tags))} stay.")
    return limits or ["Everything is kept."]


def table_of(text: str, path: Path) -> PriceTable:
    """The table that a text is. Raises ConfigurationError, naming what is wrong."""
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"this is not JSON: {error}") from None
    return PriceTable.parse(data, hashlib.sha256(text.encode()).hexdigest()[:12], str(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return EMPTY_TABLE


def _first(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()
