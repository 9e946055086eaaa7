"""Prompts and completions as turns of a conversation; many calls as one conversation, each thing said once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from agentops_otel.records import Json, LLMCall
from agentops_otel.text.values import bytes_text


class Block(NamedTuple):
    """A piece of a turn: `kind` is text, reasoning, call, result or other; `title` is "" where the text says it all."""

    kind: str
    title: str
    text: str


class Turn(NamedTuple):
    """What one role said at once."""

    role: str
    blocks: Sequence[Block]


class Exchange(NamedTuple):
    """One call in a conversation: what its prompt says that no earlier call did, and the answer.

    `continues` says that its prompt begins with all of an earlier call.
    """

    call: LLMCall
    continues: bool
    asked: Sequence[Turn]
    answered: Sequence[Turn]


def turns_of(value: Json, role: str) -> list[Turn]:
    """The turns of a prompt or completion; one of `role` where it has no messages, none where there is nothing."""
    if value is None or value == "":
        return []
    messages = value if isinstance(value, list) else [value]
    if not all(isinstance(one, Mapping) and ("role" in one or "parts" in one) for one in messages):
        return [Turn(role, [Block("text" if isinstance(value, str) else "other", "", pretty(value))])]
    names = {
        part["id"]: str(part["name"])
        for message in messages
        for part in _parts(message)
        if isinstance(part, Mapping) and isinstance(part.get("id"), str) and part.get("name")
    }
    return [Turn(str(one.get("role") or role), list(_blocks(one, names))) for one in messages]


def _parts(message: Mapping[str, Json]) -> list[Json]:
    parts = message.get("parts", message.get("content"))
    return parts if isinstance(parts, list) else [] if parts is None else [parts]


def _blocks(message: Mapping[str, Json], names: Mapping[str, str]) -> Iterator[Block]:
    """The pieces of a message; `names` are those of the tools that were called, by the id of the call."""
    for part in _parts(message):
        yield _block(part, names) if isinstance(part, Mapping) else Block("text", "", pretty(part))


def _block(part: Mapping[str, Json], names: Mapping[str, str]) -> Block:
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return Block(kind, "", pretty(part.get("content", part.get("text"))))
    if kind == "tool_call":
        return Block("call", str(part.get("name") or "tool"), pretty(part.get("arguments")))
    if kind == "tool_call_response":
        name = part.get("name") or names.get(str(part.get("id")))
        return Block("result", str(name or ""), pretty(part.get("response", part.get("result"))))
    if kind == "blob":
        name = str(part.get("mime_type") or part.get("modality") or "data")
        if "sha256" in part:
            return Block("other", name, f"{bytes_text(int(part.get('size') or 0))}, SHA-256 {part['sha256']}")
        return Block("other", name, f"{bytes_text(len(str(part.get('content') or '')))} of base64")
    if kind in ("uri", "file"):
        return Block("other", str(part.get("modality") or kind), str(part.get("uri") or part.get("file_id")))
    return Block("other", str(kind or ""), pretty(part))


def pretty(value: Json) -> str:
    """JSON laid out on lines, also where it comes as text; other text as it is; "" for None."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value) if value.lstrip()[:1] in ("{", "[") else None
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, (dict, list)):
            return value
        value = parsed
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2, default=repr)


def conversation(calls: Iterable[LLMCall]) -> Iterator[Exchange]:
    """Every call with what is new in it.

    A call continues an earlier one if its prompt begins with the whole of it, prompt and completion; chat histories
    grow so. Any other prompt is new from its first word. Reasoning does not count: few clients send it back.
    """
    whole: set[bytes] = set()
    for call in calls:
        asked, answered = turns_of(call.prompt, "user"), turns_of(call.completion, "assistant")
        marks = _marks(asked)
        seen = max((length for length, mark in enumerate(marks, 1) if mark in whole), default=0)
        yield Exchange(call, seen > 0, asked[seen:], answered)
        if answered:
            whole.add(_marks([*asked, *answered])[-1])


def _marks(turns: Sequence[Turn]) -> list[bytes]:
    """A digest of every beginning of the turns, the shortest first."""
    digest, marks = hashlib.blake2b(digest_size=16), []
    for turn in turns:
        said = [(block.kind, block.title, block.text) for block in turn.blocks if block.kind != "reasoning"]
        titles = [(kind, "" if kind == "result" else title, text) for kind, title, text in said]
        digest.update(json.dumps([turn.role, titles]).encode("utf-8", "surrogatepass"))
        marks.append(digest.copy().digest())
    return marks
