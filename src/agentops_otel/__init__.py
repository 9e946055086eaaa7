"""Sessions of AI agents on OpenTelemetry: every model call, tool, action and error under one id, with its cost.

    import agentops_otel as agentops

    session = agentops.init(tags=["demo"])
    ...                                       # model clients are recorded, decorated functions too
    print(session.end_session("Success"))     # what it cost in US dollars

Names only; each is imported from its room when it is first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agentops_otel._version import __version__

if TYPE_CHECKING:
    from agentops_otel.client import (
        Client,
        add_tags,
        configure,
        create_agent,
        end_all_sessions,
        end_session,
        get_analytics,
        get_api_key,
        get_session,
        init,
        record,
        set_api_key,
        set_parent_key,
        set_tags,
        start_session,
        stop_instrumenting,
    )
    from agentops_otel.errors import BudgetExceeded
    from agentops_otel.events import ActionEvent, ErrorEvent, Event, LLMEvent, ToolEvent
    from agentops_otel.export import AgentOpsSpanExporter
    from agentops_otel.processor import AgentOpsSpanProcessor
    from agentops_otel.sessions import EndState, Session
    from agentops_otel.settings import Settings as Configuration
    from agentops_otel.track import record_action, record_function, record_tool, track_agent

_ROOMS = {
    "client": (
        "Client init configure start_session end_session end_all_sessions record add_tags set_tags get_session "
        "get_analytics get_api_key set_api_key set_parent_key stop_instrumenting create_agent"
    ),
    "errors": "BudgetExceeded",
    "events": "Event ActionEvent LLMEvent ToolEvent ErrorEvent",
    "export": "AgentOpsSpanExporter",
    "processor": "AgentOpsSpanProcessor",
    "sessions": "Session EndState",
    "track": "record_action record_tool record_function track_agent",
}
_HOME = {name: (room, name) for room, names in _ROOMS.items() for name in names.split()}
_HOME["Configuration"] = ("settings", "Settings")
_MODULES = ("doctor",)

__all__ = [
    "ActionEvent",
    "AgentOpsSpanExporter",
    "AgentOpsSpanProcessor",
    "BudgetExceeded",
    "Client",
    "Configuration",
    "EndState",
    "ErrorEvent",
    "Event",
    "LLMEvent",
    "Session",
    "ToolEvent",
    "__version__",
    "add_tags",
    "configure",
    "create_agent",
    "end_all_sessions",
    "end_session",
    "get_analytics",
    "get_api_key",
    "get_session",
    "init",
    "record",
    "record_action",
    "record_function",
    "record_tool",
    "set_api_key",
    "set_parent_key",
    "set_tags",
    "start_session",
    "stop_instrumenting",
    "track_agent",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    try:
        room, attribute = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(f"{__name__}.{room}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
