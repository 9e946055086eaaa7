"""What a flight takes with it, and the `Call` that is read of it later, away from the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from agentops_otel.calls import Call
from agentops_otel.conventions.usage import at
from agentops_otel.instruments.shapes.hosts import provider_at
from agentops_otel.instruments.spec import Getter, Operation, Origin, given

_CALL_FIELDS = frozenset(f.name for f in fields(Call))


@dataclass(slots=True, kw_only=True)
class Taken:
    """What a flight took with it: references to the caller's objects, from which a Call is read later."""

    provider: str
    operation: Operation
    asked: Mapping[str, Any]
    origin: Origin
    response: Any = None
    stream: bool = False
    time_to_first_chunk_s: float | None = None
    error_type: str | None = None


def call_of(taken: Taken, *, capture: bool) -> Call:
    """The call that was taken. Reads only; without `capture` the messages are not even looked at."""
    operation, asked, response = taken.operation, taken.asked, taken.response
    call = Call(operation=operation.name, provider=taken.origin.provider or taken.provider, api=operation.api)
    call.params = _read(operation.request, asked)
    call.request_model = _taken_text(at(asked, operation.model))
    call.stream, call.time_to_first_chunk_s = taken.stream, taken.time_to_first_chunk_s
    call.output_type = operation.output_type(asked)
    call.error_type = taken.error_type
    _read_origin(call, taken)
    if response is not None:
        found = _read(operation.response, response)
        call.facts = {name: found.pop(name) for name in list(found) if name not in _CALL_FIELDS}
        for name, value in found.items():
            setattr(call, name, value)
    if capture:
        call.input, call.system = operation.messages_in(asked), operation.system(asked)
        call.tools = operation.tools(asked)
        call.output = operation.messages_out(response) if response is not None else None
    return call


def _read(getters: Mapping[str, Getter], raw: Any) -> dict[str, Any]:
    found = {name: at(raw, get) if isinstance(get, str) else get(raw) for name, get in getters.items()}
    return {name: value for name, value in found.items() if given(value)}


def _taken_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_origin(call: Call, taken: Taken) -> None:
    if taken.origin.url is None:
        return
    url = urlsplit(str(taken.origin.url))
    call.server_address = url.hostname
    call.server_port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    call.provider = taken.origin.provider or provider_at(url.hostname or "") or taken.provider
