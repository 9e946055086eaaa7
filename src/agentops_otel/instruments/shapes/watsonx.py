"""The wire of IBM watsonx.ai: chat as OpenAI's in mappings, and text generation.

Source: ibm-watsonx-ai 1.5 to 1.8, foundation_models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentops_otel.conventions.usage import WATSONX
from agentops_otel.instruments.shapes import openai_chat
from agentops_otel.paths import at, member
from agentops_otel.records import Message, Usage


class _Chunk(dict[str, Any]):
    """A mapping whose keys are attributes, too, as those of OpenAI's own chunks are."""

    def __getattr__(self, name: str) -> Any:
        return _attributed(self.get(name))


def _attributed(value: Any) -> Any:
    if isinstance(value, list):
        return [_attributed(one) for one in value]
    return _Chunk(value) if type(value) is dict else value


def fold(state: openai_chat.Folded | None, chunk: Any) -> openai_chat.Folded | None:
    """Take a chunk of a chat; `{}` says nothing."""
    return openai_chat.fold(state, _attributed(chunk)) if member(chunk, "choices") is not None else state


class Generated:
    """A stream of generated text as far as it has come, read like a whole answer.

    The prompt is counted in the first event, what has been generated so far in each: the largest counts hold. The
    caller may get bare texts, which count nothing.
    """

    __slots__ = ("generated", "model_id", "pieces", "read", "stop")

    def __init__(self) -> None:
        self.model_id: str | None = None
        self.pieces: list[str] = []
        self.generated: int | None = None
        self.read: int | None = None
        self.stop: str | None = None

    @property
    def results(self) -> list[dict[str, Any]]:
        """One result."""
        counts = {"generated_token_count": self.generated, "input_token_count": self.read}
        return [{"generated_text": "".join(self.pieces), **counts, "stop_reason": self.stop}]

    def add(self, chunk: Any) -> None:
        """Take a text, or an event."""
        if isinstance(chunk, str):
            self.pieces.append(chunk)
            return
        self.model_id = member(chunk, "model_id") or self.model_id
        for result in _results(chunk):
            text, stop = member(result, "generated_text"), member(result, "stop_reason")
            if isinstance(text, str):
                self.pieces.append(text)
            self.stop = stop if stop != "not_finished" else self.stop
            self.generated = _larger(self.generated, member(result, "generated_token_count"))
            self.read = _larger(self.read, member(result, "input_token_count"))


def _larger(known: int | None, told: Any) -> int | None:
    return max(known or 0, told) if isinstance(told, int) else known


def fold_generated(state: Generated | None, chunk: Any) -> Generated:
    """Take a chunk of generated text."""
    state = state or Generated()
    state.add(chunk)
    return state


def fold_answers(state: list[Any] | None, answer: Any) -> list[Any]:
    """Take one of the whole answers that `async_mode` hands out as they come."""
    return [*(state or []), answer]


def _results(response: Any) -> Iterator[Any]:
    """The results of an answer, or of each answer to a list of prompts."""
    for answer in response if isinstance(response, list) else [response]:
        results = member(answer, "results")
        yield from results if isinstance(results, list) else ()


def usage(response: Any) -> Usage:
    """The sum over all results, of those that tell; for embeddings and reranking what the whole was counted as."""
    counted = [WATSONX.count(result).usage for result in _results(response)]
    whole = WATSONX.count(response).usage
    return Usage(
        input=_sum([whole.input, *(one.input for one in counted)]), output=_sum([one.output for one in counted])
    )


def _sum(counts: list[int | None]) -> int | None:
    told = [count for count in counts if count is not None]
    return sum(told) if told else None


def stops(response: Any) -> list[str] | None:
    """Why each result ended."""
    found = [member(result, "stop_reason") for result in _results(response)]
    return [stop for stop in found if isinstance(stop, str)] or None


def model(response: Any) -> str | None:
    """The model that answered."""
    found = at(response, "0.model_id") if isinstance(response, list) else member(response, "model_id")
    return found if isinstance(found, str) else None


def generated(response: Any) -> list[Message] | None:
    """One message a result."""
    texts = [member(result, "generated_text") for result in _results(response)]
    return [
        {"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in texts if isinstance(text, str)
    ] or None


def ranked(asked: Any) -> list[Message] | None:
    """The query and the texts, as parts of one message."""
    texts = [member(one, "text") if isinstance(one, dict) else one for one in asked.get("inputs") or ()]
    return openai_chat.inputs([asked.get("query"), *texts])
