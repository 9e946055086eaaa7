"""The wire of IBM watsonx.ai, seen from the server: chat, text generation, embeddings and reranking.

Chat is OpenAI's but for the names of its paths and of the model; the streams have paths of their own. In a stream of
generated text the prompt is counted in the first event, and what has been generated so far in each.

Source: the API reference of watsonx.ai, as the client ibm-watsonx-ai 1.8 reads it (foundation_models).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from agentops_otel.testing import openai_wire
from agentops_otel.testing.openai_wire import Endpoint, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure, count_tokens

Json = dict[str, Any]

_CHAT = openai_wire.ENDPOINTS["/v1/chat/completions"]
_ERRORS = {401: "authentication_token_not_valid", 404: "model_not_supported", 429: "rate_limit_reached_requests"}
_STOPS = {"stop": "eos_token", "length": "max_tokens", "tools": "eos_token"}


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error."""
    code = failure.code or _ERRORS.get(failure.status, "internal_error")
    return {"errors": [{"code": code, "message": failure.message or code}], "trace": "0", "status_code": failure.status}


def _read_chat(body: Json, *, stream: bool) -> Asked:
    asked = _CHAT.read({**body, "model": body.get("model_id", "")})
    return replace(asked, stream=stream)


def _counted(whole: Json) -> Json:
    """The three numbers that watsonx has."""
    usage = whole.get("usage")
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {**whole, "usage": {name: usage[name] for name in names}} if usage else whole


def _chat(body: Json, answer: Answer) -> Json:
    return {**_head(answer), **_counted(_CHAT.plain(body, answer))}


def _chat_events(body: Json, answer: Answer) -> Iterator[Event]:
    for event in _CHAT.events({**body, "stream_options": {"include_usage": True}}, answer):
        yield replace(event, name="message", data={**_head(answer), **_counted(_whole(event.data))})


def _whole(data: Any) -> Json:
    return {name: value for name, value in data.items() if value is not None}


def _head(answer: Answer) -> Json:
    created = datetime.fromtimestamp(answer.created, timezone.utc).isoformat()
    return {"model_id": answer.model, "model_version": "1.0.0", "created_at": created}


def _read_prompt(body: Json, *, stream: bool) -> Asked:
    prompt = body.get("input")
    return Asked(model=str(body.get("model_id", "")), stream=stream, text=str(prompt), prompt=prompt)


def _result(answer: Answer, text: str, *, generated: int | None, read: int | None, stop: str) -> Json:
    counts = {} if generated is None else {"generated_token_count": generated, "input_token_count": read}
    return {**_head(answer), "results": [{"generated_text": text, **counts, "stop_reason": stop}]}


def _generation(body: Json, answer: Answer) -> Json:
    tokens, stop = answer.tokens, _STOPS.get(answer.finish, answer.finish)
    generated, read = (None, None) if tokens is None else (tokens.output, tokens.input)
    return _result(answer, answer.text, generated=generated, read=read, stop=stop)


def _generation_events(body: Json, answer: Answer) -> Iterator[Event]:
    tokens = answer.tokens

    def event(text: str, generated: int, read: int, stop: str = "not_finished") -> Event:
        told = None if tokens is None else generated
        return Event(_result(answer, text, generated=told, read=read, stop=stop), "message")

    yield event("", 0, tokens.input if tokens else 0)
    for before, piece in enumerate(pieces(answer.text)):
        yield event(piece, before, 0)
    yield event("", tokens.output if tokens else 0, 0, _STOPS.get(answer.finish, answer.finish))


def _read_texts(body: Json) -> Asked:
    return Asked(model=str(body.get("model_id", "")), stream=False, text="", prompt=body.get("inputs"))


def _input_counted(whole: Json, answer: Answer) -> Json:
    return whole if answer.tokens is None else {**whole, "input_token_count": answer.tokens.input}


def _embeddings(body: Json, answer: Answer) -> Json:
    vectors = [[((count_tokens(text) + place) % 8 - 4) / 4 for place in range(8)] for text in body["inputs"]]
    return _input_counted({**_head(answer), "results": [{"embedding": vector} for vector in vectors]}, answer)


def _rerank(body: Json, answer: Answer) -> Json:
    results = [{"index": index, "score": 0.5} for index in range(len(body["inputs"]))]
    return _input_counted({**_head(answer), "results": results}, answer)


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


_BROKE_DOWN = Event({"errors": [{"code": "internal_error", "message": "The model has stopped."}]}, "error")


def _both(path: str, read: Any, plain: Any, events: Any) -> dict[str, Endpoint]:
    """The path of whole answers, and that of streams."""
    return {
        f"/ml/v1/text/{path}{suffix}": Endpoint(
            functools.partial(read, stream=bool(suffix)), plain, events, _BROKE_DOWN, error=error_body
        )
        for suffix in ("", "_stream")
    }


ENDPOINTS: dict[str, Endpoint] = {
    **_both("chat", _read_chat, _chat, _chat_events),
    **_both("generation", _read_prompt, _generation, _generation_events),
    "/ml/v1/text/embeddings": Endpoint(_read_texts, _embeddings, _no_events, _BROKE_DOWN, error=error_body),
    "/ml/v1/text/rerank": Endpoint(_read_texts, _rerank, _no_events, _BROKE_DOWN, error=error_body),
}
"""What is served, by path."""
