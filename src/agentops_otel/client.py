"""The functions of the front door, with the names, positional orders and defaults of AgentOps (SDK 0.3.26).

Unlike there, a second `init` returns the live session, `Failure` and `Fail` both end a session, and with several
sessions the current one comes from the context. Where something cannot be done, a warning says why and None is
returned; a wrong option raises `ConfigurationError`.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

from agentops_otel import context, runtime
from agentops_otel import settings as options
from agentops_otel.guard import logger, quietly
from agentops_otel.sessions import Session
from agentops_otel.settings import Settings

if TYPE_CHECKING:
    from agentops_otel.events import Event

_configured: Settings | None = None


def _settings() -> Settings:
    running = runtime.running()
    return running.settings if running is not None else _settings_before_init()


def _settings_before_init() -> Settings:
    return _configured or options.from_environment()


def init(
    api_key: str | None = None,
    parent_key: str | None = None,
    endpoint: str | None = None,
    max_wait_time: int | None = None,
    max_queue_size: int | None = None,
    tags: list[str] | None = None,
    default_tags: list[str] | None = None,
    instrument_llm_calls: bool | None = None,
    auto_start_session: bool | None = None,
    inherited_session_id: str | None = None,
    skip_auto_end_session: bool | None = None,
    **more: Any,
) -> Session | None:
    """Start recording in this process and, unless `auto_start_session=False`, a session; returns the session.

    Called again it returns the live session; without one it starts the next, and options that are given replace those
    of the first call. `tags` is the older name of `default_tags`.
    Further options are those of docs/configuration.md (`exporter`, `db`, `capture_content`, ...). Raises
    ConfigurationError for an option that is unknown or has a value that cannot be used; nothing else.
    """
    given = dict(
        api_key=_checked_key("api_key", api_key),
        parent_key=_checked_key("parent_key", parent_key),
        endpoint=endpoint,
        max_wait_time=max_wait_time,
        max_queue_size=max_queue_size,
        default_tags=default_tags if default_tags is not None else tags,
        instrument_llm_calls=instrument_llm_calls,
        auto_start_session=auto_start_session,
        inherited_session_id=inherited_session_id,
        skip_auto_end_session=skip_auto_end_session,
        **more,
    )
    settings = _settings()
    if given["default_tags"] is not None:  # they are added to those of the environment, not to those of an earlier init
        settings = dataclasses.replace(settings, default_tags=_settings_before_init().default_tags)
    settings = settings.replace(**given)
    room = _room_for(settings)
    room.instrument()
    session = room.first_session(inherited_session_id)
    if room.automatic:
        _apply_late(room, settings, session)
    return session


_OF_SESSIONS = frozenset(
    (
        "default_tags",
        "inherited_session_id",
        "auto_start_session",
        "skip_auto_end_session",
        "max_cost",
        "max_cost_unpriced",
    )
)
"""Options that are looked at when a session starts."""


def _room_for(wanted: Settings) -> runtime.Runtime:
    """The runtime, with these options where no session goes on that began with others."""
    room = runtime.running()
    if room is None or room.automatic:
        return runtime.start(wanted)
    changed = _changed(room.settings, wanted)
    if changed and len(context.active):
        told = "=…, ".join(changed)
        logger.warning(
            "init(%s=…) changes nothing: %d session(s) in progress; end them first", told, len(context.active)
        )
    elif _OF_SESSIONS.issuperset(changed):
        room.settings = wanted
    else:
        runtime.stop()
        room = runtime.start(wanted)
    return room


def _changed(before: Settings, after: Settings) -> list[str]:
    return [name for name in options.OPTIONS if getattr(before, name) != getattr(after, name)]


def init_automatically() -> None:
    """`init` for a program that may know nothing of us, before it begins. Raises nothing.

    A session of the process is started or joined; the program's own `init`, if it has one, gets that session.
    """
    with quietly("recording this program"):
        room = runtime.start(_settings())
        room.automatic = True
        room.instrument()
        room.first_session()


def _apply_late(room: runtime.Runtime, wanted: Settings, session: Session | None) -> None:
    """The program's own `init`, where it is recorded from its start: tags are added, of the rest is said it is late."""
    room.add_up()
    if session is not None:
        room.announce(session)
        session.add_tags(list(wanted.default_tags))
    kept = {"default_tags", "inherited_session_id"}
    late = [name for name in _changed(room.settings, wanted) if name not in kept]
    if late:
        variables = ", ".join(options.OPTIONS[name].metadata["env"] for name in late)
        logger.warning(
            "init(%s=…) is too late: the program is recorded from its start; set %s", "=…, ".join(late), variables
        )


def configure(
    api_key: str | None = None,
    parent_key: str | None = None,
    endpoint: str | None = None,
    max_wait_time: int | None = None,
    max_queue_size: int | None = None,
    default_tags: list[str] | None = None,
    instrument_llm_calls: bool | None = None,
    auto_start_session: bool | None = None,
    skip_auto_end_session: bool | None = None,
    **more: Any,
) -> None:
    """Change options before `init`, or between sessions; while one is running they are locked and a warning says so."""
    global _configured
    given = dict(
        api_key=_checked_key("api_key", api_key),
        parent_key=_checked_key("parent_key", parent_key),
        endpoint=endpoint,
        max_wait_time=max_wait_time,
        max_queue_size=max_queue_size,
        default_tags=default_tags,
        instrument_llm_calls=instrument_llm_calls,
        auto_start_session=auto_start_session,
        skip_auto_end_session=skip_auto_end_session,
        **more,
    )
    settings = _settings().replace(**given)
    if len(context.active):
        logger.warning("configure: %d session(s) in progress, the configuration is locked", len(context.active))
        return
    _configured = settings
    runtime.stop()


def _checked_key(name: str, key: Any) -> str | None:
    """Keys are UUIDs; another is warned about and not used. The embedded store needs none."""
    if key is None:
        return None
    try:
        return str(uuid.UUID(str(key)))
    except ValueError:
        shown = str(key)[:4]
        logger.warning("%s='%s…' is not a UUID and is not used; `agentops-otel keys create` makes one", name, shown)
        return None


def start_session(tags: Any = None, inherited_session_id: Any = None) -> Session | None:
    """Start a session, or join the one with that id; it becomes the current one of this thread or task."""
    room = _started("start_session")
    return room.start_session(tags, inherited_session_id) if room is not None else None


def end_session(
    end_state: str = "Indeterminate",
    end_state_reason: str | None = None,
    video: str | None = None,
    is_auto_end: bool = False,
    **_: Any,
) -> str | None:
    """End the current session; returns its cost in US dollars as text, as `Session.end_session` does."""
    if is_auto_end and _settings().skip_auto_end_session:
        return None
    session = _current("end_session")
    return session.end_session(end_state, end_state_reason, video) if session is not None else None


def end_all_sessions() -> None:
    """End every session of this process, Indeterminate."""
    room = runtime.running()
    for session in room.sessions() if room is not None else []:
        session.end_session()


def record(event: Event) -> None:
    """Record an event in the current session."""
    session = _current("record")
    if session is not None:
        session.record(event)


def add_tags(tags: Any) -> None:
    """Append tags to the current session."""
    session = _current("add_tags")
    if session is not None:
        session.add_tags(tags)


def set_tags(tags: Any) -> None:
    """Replace the tags of the current session."""
    session = _current("set_tags")
    if session is not None:
        session.set_tags(tags)


def get_session(session_id: Any) -> Session | None:
    """The session of that id, a UUID or text, if it goes on in this process."""
    found = context.active.get(str(session_id))
    return found if isinstance(found, Session) else None


def get_analytics() -> dict[str, int | str] | None:
    """Counts, duration and cost of the current session up to now."""
    session = _current("get_analytics")
    return session.get_analytics() if session is not None else None


def create_agent(name: str, agent_id: str | None = None) -> str | None:
    """Make an agent known in the current session; returns its id."""
    session = _current("create_agent")
    return session.create_agent(name, agent_id) if session is not None else None


def get_api_key() -> str | None:
    """The API key in use."""
    return _settings().api_key


def set_api_key(api_key: str) -> None:
    """Use this API key from the next session on."""
    configure(api_key=api_key)


def set_parent_key(parent_key: str) -> None:
    """Use this parent key from the next session on."""
    configure(parent_key=parent_key)


def stop_instrumenting() -> None:
    """Leave model clients and threads as they were before `init`."""
    room = runtime.running()
    if room is not None:
        room.uninstrument()


def _started(call: str) -> runtime.Runtime | None:
    room = runtime.running()
    if room is None:
        logger.warning("%s: call agentops_otel.init() first", call)
    return room


def _current(call: str) -> Session | None:
    """The session that is meant; None, with a warning that names the remedy, if there is none or it is ambiguous."""
    session = context.current()
    if isinstance(session, Session):
        return session
    if len(context.active):
        logger.warning(
            "%s: %d sessions are active and none is current here; call it on the session", call, len(context.active)
        )
    else:
        logger.warning("%s: no session is active; start one with init() or start_session()", call)
    return None


class _Client:
    """The state of this process, as AgentOps' client object showed it. One object; `Client()` returns it."""

    @property
    def is_initialized(self) -> bool:
        """Whether `init` has been called."""
        return runtime.running() is not None

    @property
    def has_sessions(self) -> bool:
        """Whether a session goes on."""
        return self.session_count > 0

    @property
    def is_multi_session(self) -> bool:
        """Whether several sessions go on."""
        return self.session_count > 1

    @property
    def session_count(self) -> int:
        """How many sessions go on."""
        return len(context.active)

    @property
    def current_session_ids(self) -> list[str]:
        """Their ids, oldest first."""
        return [session.key for session in context.active.all()]

    @property
    def api_key(self) -> str | None:
        """The API key in use."""
        return _settings().api_key

    @property
    def parent_key(self) -> str | None:
        """The parent key in use."""
        return _settings().parent_key

    @property
    def host_env(self) -> Any:
        """The host environment."""
        room = runtime.running()
        return room.host_env() if room is not None else None

    initialize = staticmethod(init)
    configure = staticmethod(configure)
    start_session = staticmethod(start_session)
    end_session = staticmethod(end_session)
    end_all_sessions = staticmethod(end_all_sessions)
    record = staticmethod(record)
    add_tags = staticmethod(add_tags)
    set_tags = staticmethod(set_tags)
    get_session = staticmethod(get_session)
    create_agent = staticmethod(create_agent)
    stop_instrumenting = staticmethod(stop_instrumenting)

    def add_default_tags(self, tags: Any) -> None:
        """Add to the tags of every later session."""
        configure(default_tags=tags)

    def get_default_tags(self) -> list[str]:
        """The tags of every session."""
        return list(_settings().default_tags)


_client = _Client()


def Client() -> _Client:
    """The one client object of this process."""
    return _client
