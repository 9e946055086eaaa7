"""Replicate's wire: predictions, which have any input and any output, and the events of their streams.

Source: replicate 1.0.1 to 1.0.7, prediction.py, stream.py and helpers.py.
"""

from __future__ import annotations

import sys
from typing import Any

from agentops_otel.conventions.usage import REPLICATE
from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.paths import at, member
from agentops_otel.records import Json, Message, Usage
from agentops_otel.values import dumps

_ENDED = frozenset({"succeeded", "failed", "canceled"})


def name(ref: Any) -> str | None:
    """The name by which a model, a version or a deployment is called: `owner/name`, `owner/name:version`, or an id."""
    if isinstance(ref, str):
        return ref
    if isinstance(ref, (tuple, list)):
        owner, model, version = [*ref, None, None, None][:3]
    else:
        owner, model, version = member(ref, "owner"), member(ref, "name"), None
    if owner and model:
        return f"{owner}/{model}:{version}" if version else f"{owner}/{model}"
    found = member(ref, "id")
    return found if isinstance(found, str) else None


def messages_in(asked: Any) -> list[Message] | None:
    """The messages or the prompt in the input of a model of language; other models have other words."""
    given = asked.get("input")
    messages, prompt = member(given, "messages"), member(given, "prompt")
    if isinstance(messages, list) and messages:
        return [openai_chat.message(one) for one in messages]
    return openai_chat.inputs(prompt) if isinstance(prompt, str) else None


def system(asked: Any) -> list[Json] | None:
    """The system prompt of the input."""
    told = at(asked, "input.system_prompt")
    return [{"type": "text", "content": told}] if isinstance(told, str) and told else None


# --- predictions -----------------------------------------------------------------------------------------------------


def said(prediction: Any) -> dict[str, Any]:
    """What the prediction says by now, without the object itself."""
    return dict(vars(prediction))


def has_ended(prediction: Any) -> bool:
    """Whether nothing more will be said of it."""
    return prediction.status in _ENDED


def failure(prediction: Any) -> BaseException | None:
    """What `run` raises for a prediction that has failed; `wait` and `reload` raise nothing."""
    if prediction.status != "failed":
        return None
    error: BaseException = sys.modules["replicate.exceptions"].ModelError(prediction)
    return error


class _Fields(set[str]):
    """The names of the fields that a prediction was made with, and what it keeps alive. Copies keep nothing."""

    kept: object = None

    def __reduce__(self) -> tuple[type[set[str]], tuple[list[str]]]:
        return set, (list(self),)


def keep(prediction: Any, kept: object) -> None:
    """Let `kept` live as long as the prediction: in the one place of it that neither shows nor is copied.

    It is a model of pydantic 1, to which nothing can refer weakly, and whose attributes are its fields.
    """
    fields = _Fields(prediction.__fields_set__)
    fields.kept = kept
    object.__setattr__(prediction, "__fields_set__", fields)


def usage(response: Any) -> Usage:
    """The counts among the metrics; only models of language have them, and only at the end."""
    return REPLICATE.count(member(response, "metrics")).usage


def stops(response: Any) -> list[str] | None:
    """A prediction that was canceled; what else made a model stop is not told."""
    return ["canceled"] if member(response, "status") == "canceled" else None


def messages_out(response: Any) -> list[Message] | None:
    """Texts, which models of language give piece by piece; files by their addresses."""
    output = member(response, "pieces")
    output = member(response, "output") if output is None else output
    parts = _parts(output)
    return [{"role": "assistant", "parts": parts}] if parts else None


def _parts(output: Any) -> list[Any]:
    if output is None:
        return []
    pieces = output if isinstance(output, list) else [output]
    if not all(isinstance(piece, str) for piece in pieces):
        return [{"type": "text", "content": dumps(output)}]
    if any(piece.startswith(("https:", "data:")) for piece in pieces):
        return [openai_chat.image(piece) for piece in pieces]
    return [{"type": "text", "content": "".join(pieces)}]


def fold(state: dict[str, Any] | None, event: Any) -> dict[str, Any]:
    """Take an event of a stream, to what was known of the prediction."""
    state = {} if state is None else state
    pieces = state.setdefault("pieces", [])
    if at(event, "event.value") == "output":
        pieces.append(str(member(event, "data")))  # of a file its address; it is not fetched
    return state
