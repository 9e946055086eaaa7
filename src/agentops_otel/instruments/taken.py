"""What a flight takes with it, and the `Call` that is read of it later, away from the caller."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from agentops_otel.calls import Call
from agentops_otel.instruments.estimate import estimated_usage
from agentops_otel.instruments.shapes.hosts import provider_at
from agentops_otel.instruments.spec import Getter, Operation, Origin, Provider, given
from agentops_otel.paths import at, members

_NOWHERE = Origin()
_SPOKEN = frozenset({"chat", "text_completion", "generate_content"})
"""Operations whose tokens are those of their texts."""

_CALL_FIELDS = frozenset(f.name for f in fields(Call))


@dataclass(slots=True)
class Taken:
    """References to the caller's objects, from which a Call is read later.

    `body` stands for the response where only its bytes are known, `head` is the mapping that held it.
    """

    provider: Provider
    operation: Operation
    asked: Mapping[str, Any]
    origin: Origin = _NOWHERE
    response: Any = None
    body: bytes | bytearray | None = None
    head: Mapping[str, Any] | None = None
    started_s: float = 0.0
    first_chunk_s: float | None = None


def call_of(taken: Taken, *, capture: bool) -> Call:
    """The call that was taken. Reads only.

    Without `capture` the messages are not even looked at, except to estimate the tokens of a stream without usage.
    """
    operation, asked = taken.operation, taken.asked
    response = taken.response if taken.body is None else _document(taken.body)
    if taken.head is not None:
        response = {**taken.head, operation.holds: response}
    provider = operation.provider(asked) or taken.provider.name
    call = Call(operation=operation.name, provider=provider, api=operation.api)
    call.params = _read(operation.request, asked)
    call.request_model = _text(at(asked, operation.model))
    call.output_type = operation.output_type(asked)
    call.stream = taken.first_chunk_s is not None or asked.get("stream") is True
    if taken.first_chunk_s is not None:
        call.time_to_first_chunk_s = taken.first_chunk_s - taken.started_s
    _read_origin(call, taken.origin)
    if response is not None:
        _read_response(call, operation, response)
    uncounted = operation.name in _SPOKEN and taken.first_chunk_s is not None and not call.usage
    if capture or uncounted:
        call.input, call.system = operation.messages_in(asked), operation.system(asked)
        call.tools = operation.tools(asked)
        call.output = operation.messages_out(response) if response is not None else None
    if uncounted:
        call.usage, call.usage_estimated = estimated_usage(call), True
    return call


def _document(body: bytes | bytearray) -> Any:
    """The JSON of a body; None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _read_response(call: Call, operation: Operation, response: Any) -> None:
    found = _read(operation.response, response)
    call.facts = {name: found.pop(name) for name in list(found) if name not in _CALL_FIELDS}
    for name, value in found.items():
        setattr(call, name, value)


def _read_origin(call: Call, origin: Origin) -> None:
    if origin.url is None:
        return
    call.server_address, call.server_port, owner = _server(str(origin.url))
    call.provider = origin.provider or owner or call.provider


@functools.lru_cache(maxsize=256)
def _server(base_url: str) -> tuple[str | None, int | None, str | None]:
    """Host, port and who answers there."""
    url = urlsplit(base_url)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.hostname, port, provider_at(url.hostname or "")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read(getters: Mapping[str, Getter], raw: Any) -> dict[str, Any]:
    found, get = {}, members(raw)
    for name, getter in getters.items():
        if not isinstance(getter, str):
            value = getter(raw)
        elif "." in getter:
            value = at(raw, getter)
        else:
            value = get(getter)
        if value is not None and given(value):
            found[name] = value
    return found
