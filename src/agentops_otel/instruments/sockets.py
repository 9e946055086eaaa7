"""The wrapper of a method that parses what a socket received: each answer that begins and ends there is one call.

The socket is the program's. What came is looked at after the client has parsed it, and handed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import wrapt
from opentelemetry import context as otel_context

from agentops_otel.guard import quietly
from agentops_otel.instruments.driver import Flight, Tower, is_recorded_elsewhere
from agentops_otel.instruments.spec import Origin, Provider, Socket
from agentops_otel.paths import at, member

_MOST_ITEMS = 10_000


def heard(original: Any, provider: Provider, socket: Socket, tower: Tower) -> Any:
    """`original` as a method that records the answers of which it parses the events."""
    provider = replace(provider, origin=lambda connection: Origin())  # a connection does not tell its address
    known: WeakKeyDictionary[Any, _Conversation] = WeakKeyDictionary()

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        event = wrapped(*args, **kwargs)
        if tower.is_open and not is_recorded_elsewhere(otel_context.get_current()):
            with quietly("listening to a socket of a model"):
                conversation = known.get(instance)
                if conversation is None:
                    conversation = known[instance] = _Conversation(provider, socket, tower)
                conversation.hear(event)
        return event

    call.tower = tower  # type: ignore[attr-defined]
    return wrapt.FunctionWrapper(original, call)


class _Conversation:
    """What one connection has said. Its items are the prompt of the next answer."""

    def __init__(self, provider: Provider, socket: Socket, tower: Tower) -> None:
        self._provider, self._socket, self._tower = provider, socket, tower
        self._session: Any = None
        self._items: dict[str, Any] = {}
        self._flights: dict[str, Flight] = {}

    def hear(self, event: Any) -> None:
        kind = member(event, "type") or ""
        if kind in ("session.created", "session.updated"):
            self._session = member(event, "session")
        elif kind.startswith("conversation.item.") and member(event, "item") is not None:
            if len(self._items) < _MOST_ITEMS:
                self._items[str(at(event, "item.id"))] = member(event, "item")
        elif kind == "conversation.item.deleted":
            self._items.pop(str(member(event, "item_id")), None)
        elif kind == "response.created":
            self._begin(member(event, "response"))
        elif kind in self._socket.ends:
            response = member(event, "response")
            flight = self._flights.pop(str(member(response, "id")), None) or self._begin(response)
            flight.land(response)
            self._flights.pop(str(member(response, "id")), None)

    def _begin(self, response: Any) -> Flight:
        asked = {
            "model": member(response, "model") or at(self._session, "model"),
            "input": [*self._items.values()],
            **{name: at(self._session, name) for name in ("instructions", "tools", "temperature")},
        }
        flight = Flight(self._tower, self._provider, self._socket.operation, None, asked)
        flight.depart()
        self._flights[str(member(response, "id"))] = flight
        return flight
