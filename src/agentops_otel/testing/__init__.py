"""What a test of a program with agents needs: an offline model server that the real clients talk to, a store in
memory, and `assert_session`, which says what a recorded session is to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentops_otel.store.memory import MemoryStore as MemoryStore
    from agentops_otel.testing.assertions import assert_session as assert_session
    from agentops_otel.testing.model_server import ModelServer as ModelServer
    from agentops_otel.testing.model_server import Request as Request
    from agentops_otel.testing.replies import Body as Body
    from agentops_otel.testing.replies import Failure as Failure
    from agentops_otel.testing.replies import Reply as Reply
    from agentops_otel.testing.replies import Tokens as Tokens
    from agentops_otel.testing.replies import ToolRequest as ToolRequest

_ROOMS = {
    "MemoryStore": "agentops_otel.store.memory",
    "assert_session": "agentops_otel.testing.assertions",
    "ModelServer": "agentops_otel.testing.model_server",
    "Request": "agentops_otel.testing.model_server",
    "Body": "agentops_otel.testing.replies",
    "Failure": "agentops_otel.testing.replies",
    "Reply": "agentops_otel.testing.replies",
    "Tokens": "agentops_otel.testing.replies",
    "ToolRequest": "agentops_otel.testing.replies",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> object:
    import importlib

    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOMS[name]), name)
