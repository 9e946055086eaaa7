"""What the offline model server answers, in words that no provider owns."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Tokens:
    """The usage that the server reports. `input` includes `cached`, `written` and `audio_in`, `output` the others."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool that the model asks for."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with status 200. What is left at its default is made from the request (see `ModelServer`).

    `tokens=None` leaves the usage out. A stream is cut (the connection closes) after `cut_after` events, or tells an
    error in its midst after `fail_after`; a plain answer with `cut_after` is cut within its body. While `hold` is not
    set the server waits: before it answers, or within a stream after `hold_after` events.
    """

    text: str | None = None
    tools: Sequence[ToolRequest] = ()
    refusal: str | None = None
    finish: str | None = None
    tokens: Tokens | Literal["counted"] | None = "counted"
    model: str | None = None
    cut_after: int | None = None
    fail_after: int | None = None
    hold: threading.Event | None = None
    hold_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An HTTP error in the provider's own shape. The headers ask the client to retry at once, so no test waits."""

    status: int
    message: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: {"retry-after-ms": "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Bytes as they are: bodies that no provider would send."""

    content: bytes
    content_type: str = "application/json"
    status: int = 200


Scripted = Reply | Failure | Body


def sample(schema: Any) -> Any:
    """A value that fits a JSON schema; the same for the same schema. References resolve within the schema."""
    return _sample(schema, schema if isinstance(schema, dict) else {}, 0)


_MAX_DEPTH = 8
_SCALARS = {"string": "offline", "integer": 7, "number": 0.5, "boolean": True, "null": None}


def _sample(schema: Any, root: dict[str, Any], depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _sample(_resolve(schema["$ref"], root), root, depth + 1)
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _sample(schema[choice][0], root, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or "properties" in schema:
        return {name: _sample(part, root, depth + 1) for name, part in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_sample(schema.get("items"), root, depth + 1)]
    return _SCALARS.get(str(kind), "offline")


def _resolve(reference: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for step in reference.lstrip("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def count_tokens(value: Any) -> int:
    """One token for every four characters begun, of text or of the JSON of anything else; None has none."""
    if value is None:
        return 0
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return -(-len(text) // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an endpoint read of a request: enough to make an answer without knowing the wire.

    An answer that only `announces` where the stream is, is neither held up nor cut.
    """

    model: str
    stream: bool
    text: str
    prompt: Any
    tools: Sequence[tuple[str, Any]] = ()
    tool_answered: bool = False
    schema: Any = None
    reasons: bool = False
    announces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply with every gap filled; `finish` is "stop" or "tools" unless the script says otherwise."""

    id: str
    created: int
    model: str
    text: str
    tools: Sequence[ToolRequest]
    refusal: str | None
    finish: str
    tokens: Tokens | None


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `name` None is an event without a name, text is sent as it is."""

    data: Any
    name: str | None = None


_SNAPSHOTS = {"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06", "gpt-4.1": "gpt-4.1-2025-04-14"}
_REASONING_TOKENS = 32


def answer_to(asked: Asked, reply: Reply, id: str, created: int) -> Answer:
    """The answer to a request: as scripted, and where the script is silent as the request suggests."""
    tools = reply.tools
    if not tools and reply.text is None and reply.refusal is None and asked.tools and not asked.tool_answered:
        name, schema = asked.tools[0]
        tools = (ToolRequest(name, sample(schema)),)
    text = reply.text
    if text is None:
        text = "" if tools or reply.refusal else _default_text(asked)
    return Answer(
        id=id,
        created=created,
        model=reply.model or _SNAPSHOTS.get(asked.model, asked.model),
        text=text,
        tools=tools,
        refusal=reply.refusal,
        finish=reply.finish or ("tools" if tools else "stop"),
        tokens=_tokens(asked, reply, text, tools),
    )


def _default_text(asked: Asked) -> str:
    if asked.schema is not None:
        return json.dumps(sample(asked.schema))
    return f"Offline answer to: {asked.text}"


def _tokens(asked: Asked, reply: Reply, text: str, tools: Sequence[ToolRequest]) -> Tokens | None:
    if not isinstance(reply.tokens, str):
        return reply.tokens
    reasoning = _REASONING_TOKENS if asked.reasons else 0
    asked_for = sum(count_tokens(tool.name) + count_tokens(dict(tool.arguments)) for tool in tools)
    output = count_tokens(text) + count_tokens(reply.refusal) + asked_for + reasoning
    return Tokens(input=count_tokens(asked.prompt), output=output, reasoning=reasoning)
