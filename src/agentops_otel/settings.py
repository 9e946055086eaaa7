"""Settings: one table of option, environment variable, default, type and meaning. Read once, by `init`.

An argument of `init` wins over the environment, the environment over the default. A wrong argument raises
`ConfigurationError` at the call; a wrong environment variable is a warning and the default, because a typo in a
deployment must not stop the program.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentops_otel.errors import ConfigurationError, StoreReadOnlyError
from agentops_otel.guard import logger

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

Reader = Callable[[Any], Any]


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", ""):
        return False
    raise ValueError("true or false")


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("a whole number, 0 or more")
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError("a whole number, 0 or more")
    return number


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("a text")
    return value or None


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of texts")
    ordered = value if isinstance(value, (list, tuple)) else sorted(value)
    return tuple(dict.fromkeys(one for one in ordered if one))


def _one_of(*choices: str) -> Reader:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return str(value)

    return read


def _max_text(value: Any) -> int:
    return min(_number(value), Settings.max_text)


def _redact(value: Any) -> Callable[[str], str | None] | None:
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and value.count(":") == 1 and not value.startswith(":"):
        return _Named(*value.split(":"))
    raise ValueError("a function of a text, or where one is: module:name")


class _Named:
    """A function by its name, imported when it is first called. One that is not there raises at every call."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, text: str) -> str | None:
        import importlib

        function: Callable[[str], str | None] = getattr(importlib.import_module(self._module), self._name)
        return function(text)


def _exporters(value: Any) -> tuple[str, ...]:
    names = _texts(value)
    if not names or not set(names) <= {"store", "api", "otlp", "none"}:
        raise ValueError("store, api, otlp or none, or a list of them")
    return names


def _dollars(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(str(value)) if not isinstance(value, bool) else Decimal(-1)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise ValueError("a number of US dollars, 0 or more")
    return amount


def _unpriced(value: Any) -> str | Decimal:
    if value in ("allow", "refuse"):
        return str(value)
    try:
        amount = _dollars(value)
    except ValueError:
        amount = None
    if amount is None:
        raise ValueError("allow, refuse, or the US dollars that such a call is taken to cost")
    return amount


def _path(value: Any) -> str | None:
    return None if value in (None, "") else os.path.expanduser(os.fspath(value))


def _option(default: Any, env: str, read: Reader, doc: str) -> Any:
    return field(default=default, metadata={"env": env, "read": read, "doc": doc})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `init` was told. The first eleven are AgentOps' configuration, with its names and defaults."""

    api_key: str | None = _option(
        None, "AGENTOPS_API_KEY", _text, "Key of the project, a UUID. The embedded store needs none."
    )
    parent_key: str | None = _option(None, "AGENTOPS_PARENT_KEY", _text, "Key of a second project that may read too.")
    endpoint: str = _option(
        "http://127.0.0.1:8765", "AGENTOPS_API_ENDPOINT", _text, "Base URL of the server; session links point there."
    )
    max_wait_time: int = _option(
        5000, "AGENTOPS_MAX_WAIT_TIME", _number, "Longest time an event waits before it is exported, in ms."
    )
    max_queue_size: int = _option(
        512,
        "AGENTOPS_MAX_QUEUE_SIZE",
        _number,
        "Most spans that wait in memory; a full queue slows the writer, then drops.",
    )
    default_tags: tuple[str, ...] = _option((), "AGENTOPS_DEFAULT_TAGS", _texts, "Tags of every session.")
    instrument_llm_calls: bool = _option(
        True, "AGENTOPS_INSTRUMENT_LLM_CALLS", _flag, "Record the calls of model clients, also of those imported later."
    )
    auto_start_session: bool = _option(True, "AGENTOPS_AUTO_START_SESSION", _flag, "Let `init` start a session.")
    session_scope: str = _option(
        "process",
        "AGENTOPS_SESSION_SCOPE",
        _one_of("process", "trace"),
        "What is a session where nobody starts one: process, the run of the program; or trace, each trace (servers).",
    )
    skip_auto_end_session: bool = _option(
        False, "AGENTOPS_SKIP_AUTO_END_SESSION", _flag, "Ignore `end_session(..., is_auto_end=True)` of frameworks."
    )
    inherited_session_id: str | None = _option(
        None, "AGENTOPS_INHERITED_SESSION_ID", _text, "Join this session instead of starting one."
    )
    env_data_opt_out: bool = _option(
        False, "AGENTOPS_ENV_DATA_OPT_OUT", _flag, "Record nothing of the host but its name and versions."
    )
    exporter: tuple[str, ...] = _option(
        ("store",),
        "AGENTOPS_EXPORTER",
        _exporters,
        "Where spans go: store (the embedded SQLite file), api (a server, by its REST API), otlp (the stock OTLP "
        "exporter), none; or a list. What api and otlp cannot deliver waits on disk for the next program.",
    )
    home: str = _option("~/.agentops", "AGENTOPS_HOME", _path, "Folder of the embedded store.")
    db: str | None = _option(
        None, "AGENTOPS_DB", _path, "File of the embedded store, when not agentops.db in that folder."
    )
    prices: str | None = _option(
        None, "AGENTOPS_PRICES", _path, "File with your own prices; they win over the built-in table."
    )
    max_cost: Decimal | None = _option(
        None,
        "AGENTOPS_MAX_COST",
        _dollars,
        "Budget of every session in US dollars; a model call beyond it is not made (docs/budget.md).",
    )
    max_cost_unpriced: str | Decimal = _option(
        "allow",
        "AGENTOPS_MAX_COST_UNPRICED",
        _unpriced,
        "What a budget makes of calls without a known price: allow, refuse, or US dollars that each is taken to cost.",
    )
    capture_content: str = _option(
        "full",
        "AGENTOPS_CAPTURE_CONTENT",
        _one_of("full", "redacted", "none"),
        "Record prompts, completions, arguments and results; the same without keys, tokens, email addresses and card "
        "numbers; or none. Where it is not set, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is asked.",
    )
    redact: Callable[[str], str | None] | None = _option(
        None,
        "AGENTOPS_REDACT",
        _redact,
        "Function that is given each text and returns what is kept of it (docs/privacy.md); as text, module:name.",
    )
    max_text: int = _option(
        1_000_000, "AGENTOPS_MAX_TEXT", _max_text, "Longest text that is kept whole, in characters; 1000000 at most."
    )
    max_inline: int = _option(
        65_536,
        "AGENTOPS_MAX_INLINE",
        _number,
        "Largest image or sound that is kept whole, in bytes; of others size, SHA-256 and media type are kept.",
    )
    ignore_spans: tuple[str, ...] = _option(
        (),
        "AGENTOPS_IGNORE_SPANS",
        _texts,
        "Spans that are left out where they are in no session, by scope (`sqlalchemy*`) or by attribute "
        "(`url.path=/health*`).",
    )
    ignore_in_sessions: bool = _option(
        False, "AGENTOPS_IGNORE_IN_SESSIONS", _flag, "Leave the spans of `ignore_spans` out of sessions, too."
    )
    propagate_environment: bool = _option(
        True,
        "AGENTOPS_PROPAGATE_ENVIRONMENT",
        _flag,
        "Let child processes join: TRACEPARENT and BAGGAGE are set while one session is active.",
    )
    propagate_threads: bool = _option(
        True,
        "AGENTOPS_PROPAGATE_THREADS",
        _flag,
        "Let threads and tasks of thread pools run in the session of whoever started them.",
    )
    exit_timeout: int = _option(
        1500,
        "AGENTOPS_EXIT_TIMEOUT",
        _number,
        "Longest time the end of the process waits for undelivered spans, in ms.",
    )
    logging_level: str = _option(
        "WARNING",
        "AGENTOPS_LOGGING_LEVEL",
        _one_of("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"),
        "Level of the logger agentops_otel.",
    )
    strict: bool = _option(
        False, "AGENTOPS_STRICT", _flag, "Raise our own failures instead of logging them (our tests do)."
    )

    def db_path(self) -> Path:
        """The file of the embedded store."""
        from pathlib import Path

        return Path(self.db) if self.db else Path(self.folder()) / "agentops.db"

    def folder(self) -> str:
        """The path of `home`. Raises StoreReadOnlyError where that is in the home folder of a user without one."""
        return expanded(self.home)

    def replace(self, **given: Any) -> Settings:
        """These settings with some options changed; None leaves an option as it is, default_tags are added.

        Raises ConfigurationError naming the option, the value and what is allowed.
        """
        changes = {name: read_option(name, value) for name, value in given.items() if value is not None}
        if "default_tags" in changes:
            changes["default_tags"] = tuple(dict.fromkeys((*self.default_tags, *changes["default_tags"])))
        return dataclasses.replace(self, **changes)


def expanded(path: str) -> str:
    """A path whose `~` is the user's home folder. Raises StoreReadOnlyError for a user without one."""
    found = os.path.expanduser(path)
    if found.startswith("~"):
        raise StoreReadOnlyError("this user has no home folder; set AGENTOPS_HOME to a folder that can be written")
    return found


OPTIONS = {one.name: one for one in dataclasses.fields(Settings)}


def read_option(name: str, value: Any) -> Any:
    """`value` in the type of that option; raises ConfigurationError."""
    try:
        return OPTIONS[name].metadata["read"](value)
    except KeyError:
        raise ConfigurationError(f"there is no option {name!r}; the options are {', '.join(OPTIONS)}") from None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{name}={value!r} is not {error}") from None


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """The defaults, changed by what the environment says. Never raises.

    `opentelemetry-instrument --agentops_db FILE` sets OTEL_PYTHON_AGENTOPS_DB; an option given there wins.
    """
    environ = os.environ if environ is None else environ
    changes: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        value = environ.get(f"OTEL_PYTHON_{option.metadata['env']}") or environ.get(option.metadata["env"])
        if not value:
            continue
        try:
            changes[name] = read_option(name, value)
        except ConfigurationError as error:
            logger.warning("%s: %s; using %r", option.metadata["env"], error, option.default)
    if "capture_content" not in changes:
        changes.update(_captured_by_convention(environ))
    return Settings(**changes)


OTEL_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""What OpenTelemetry's own instrumentors of model clients ask. Source: opentelemetry-util-genai 1.3b0, and before it
true or false."""

_BY_CONVENTION = {
    **dict.fromkeys(("true", "span_only", "span_and_event"), "full"),
    **dict.fromkeys(("false", "no_content", "event_only"), "none"),
}
"""Content goes to spans here, so that of a program which wants it in log records alone none is kept."""


def _captured_by_convention(environ: Mapping[str, str]) -> dict[str, str]:
    word = environ.get(OTEL_CAPTURE, "").strip().lower()
    if word and word not in _BY_CONVENTION:
        logger.warning("%s=%r is not known here; no content is recorded", OTEL_CAPTURE, word)
    return {"capture_content": _BY_CONVENTION.get(word, "none")} if word else {}


def table() -> list[tuple[str, str, str, str]]:
    """Rows of docs/configuration.md: option, environment variable, default, meaning."""
    return [(one.name, one.metadata["env"], _shown(one.default), one.metadata["doc"]) for one in OPTIONS.values()]


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return "" if default is None else str(default)
