"""What a test of a program with agents needs: an offline model server that the real clients talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentops_otel.testing.model_server import ModelServer as ModelServer
    from agentops_otel.testing.model_server import Request as Request
    from agentops_otel.testing.replies import Body as Body
    from agentops_otel.testing.replies import Failure as Failure
    from agentops_otel.testing.replies import Reply as Reply
    from agentops_otel.testing.replies import Tokens as Tokens
    from agentops_otel.testing.replies import ToolRequest as ToolRequest

_ROOMS = {
    "ModelServer": "model_server",
    "Request": "model_server",
    "Body": "replies",
    "Failure": "replies",
    "Reply": "replies",
    "Tokens": "replies",
    "ToolRequest": "replies",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> object:
    import importlib

    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
