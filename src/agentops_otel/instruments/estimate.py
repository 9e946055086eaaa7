"""The tokens of a stream whose provider told no usage, estimated from its texts.

A tokenizer would be exact for the models it was made for, and has to be downloaded; the rule here needs nothing.
English prose has about four characters a token, text outside ASCII about four for three tokens, and each message is
framed by three to four tokens. So it is a size, not a count. An image or a sound makes its side unknown.
Source: OpenAI, "What are tokens and how to count them" and the cookbook on counting tokens of chat messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentops_otel.calls import Call
from agentops_otel.records import Usage
from agentops_otel.values import dumps

_CHARACTERS_A_TOKEN = 4
_TOKENS_OUTSIDE_ASCII = 0.75
_MESSAGE_FRAME, _ANSWER_FRAME = 4, 3
_SILENT = frozenset({"blob", "uri", "file", "audio", "image"})
"""Parts whose tokens no text tells."""


def estimated_usage(call: Call) -> Usage:
    """The tokens of the prompt and of the answer as far as it came, each None where it cannot be told."""
    return Usage(input=_of_prompt(call), output=_of_messages(call.output, 0))


def _of_prompt(call: Call) -> int | None:
    messages = _of_messages(call.input, _MESSAGE_FRAME)
    if messages is None:
        return None
    beside = sum(tokens_of(dumps(one)) for one in [*(call.system or ()), *(call.tools or ())])
    return messages + beside + _ANSWER_FRAME


def _of_messages(messages: Sequence[Any] | None, frame: int) -> int | None:
    if messages is None:
        return None
    parts = [part for message in messages for part in message.get("parts") or ()]
    if any(isinstance(part, Mapping) and part.get("type") in _SILENT for part in parts):
        return None
    return frame * len(messages) + sum(map(_of_part, parts))


def _of_part(part: Any) -> int:
    """Of a text the text counts, of a tool call its name and arguments, of anything else its JSON."""
    if not isinstance(part, Mapping):
        return tokens_of(str(part))
    if part.get("type") == "tool_call":
        return tokens_of(str(part.get("name"))) + tokens_of(_text(part.get("arguments")))
    said = [part[name] for name in ("content", "response", "transcript") if part.get(name) is not None]
    return sum(tokens_of(_text(one)) for one in said) if said else tokens_of(dumps(dict(part)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def tokens_of(text: str) -> int:
    """About how many tokens a text has; 0 for none, else at least 1."""
    outside = 0 if text.isascii() else sum(character > "\x7f" for character in text)
    return -(-(len(text) - outside) // _CHARACTERS_A_TOKEN) + round(outside * _TOKENS_OUTSIDE_ASCII)
