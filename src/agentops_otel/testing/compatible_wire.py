"""The wires of providers that copy OpenAI's, each below a path of its own, seen from the server.

Their streams tell their usage, asked for or not. Sources: the types of the clients together 3.1,
cerebras-cloud-sdk 1.91, fireworks-ai 1.2, writer-sdk 3.0, ai21 4.3, azure-ai-inference 1.0.0b9
and voyageai 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from agentops_otel.testing import anthropic_wire, openai_wire
from agentops_otel.testing.openai_wire import Endpoint
from agentops_otel.testing.replies import Answer, Asked, Event

Json = dict[str, Any]
Events = Callable[[Json, Answer], Iterator[Event]]

_CHAT = openai_wire.ENDPOINTS["/v1/chat/completions"]
_COMPLETIONS = openai_wire.ENDPOINTS["/v1/completions"]


def _counting(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose streams end with their usage."""
    asked = {"stream_options": {"include_usage": True}}
    return replace(endpoint, events=lambda body, answer: endpoint.events({**body, **asked}, answer))


def _written(data: Any) -> Any:
    """Writer spells the details of a prompt in the singular."""
    usage = data.get("usage") if isinstance(data, dict) else None
    if not usage:
        return data
    return {**data, "usage": {**usage, "prompt_token_details": usage["prompt_tokens_details"]}}


def _writer_events(body: Json, answer: Answer) -> Iterator[Event]:
    for event in _counting(_CHAT).events(body, answer):
        yield replace(event, data=_written(event.data))


_WRITER = replace(_CHAT, plain=lambda body, answer: _written(_CHAT.plain(body, answer)), events=_writer_events)


def _writer_completion(body: Json, answer: Answer) -> Json:
    return {"choices": [{"text": answer.text, "log_probs": None}], "model": answer.model}


def _writer_pieces(body: Json, answer: Answer) -> Iterator[Event]:
    return (Event({"value": piece}) for piece in openai_wire.pieces(answer.text))


def _read_rerank(body: Json) -> Asked:
    return Asked(model=str(body.get("model", "")), stream=False, text="", prompt=[body.get("query"), body["documents"]])


def _rerank(body: Json, answer: Answer) -> Json:
    results = [{"index": index, "relevance_score": 0.5} for index in range(len(body["documents"]))]
    whole: Json = {"object": "rerank", "id": answer.id, "model": answer.model, "results": results}
    if answer.tokens is None:
        return whole
    count = answer.tokens.input
    return {**whole, "usage": {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}}


_RERANK = Endpoint(_read_rerank, _rerank, lambda body, answer: iter(()), _CHAT.failed)


def _only_total(whole: Json) -> Json:
    """Voyage counts one number."""
    usage = whole.get("usage")
    return {**whole, "usage": {"total_tokens": usage["total_tokens"]}} if usage else whole


def _voyage_embeddings(body: Json, answer: Answer) -> Json:
    return _only_total(openai_wire.ENDPOINTS["/v1/embeddings"].plain(body, answer))


def _voyage_rerank(body: Json, answer: Answer) -> Json:
    whole = _rerank(body, answer)
    return _only_total({**whole, "object": "list", "data": whole["results"]})


def _voyage_documents(body: Json, answer: Answer) -> Json:
    whole = openai_wire.ENDPOINTS["/v1/embeddings"].plain({"input": ["a part", "another"]}, answer)
    documents = [{"object": "list", "index": place, "data": whole["data"]} for place in range(len(body["inputs"]))]
    return _only_total({**whole, "data": documents})


def _voyage_parts(body: Json, answer: Answer) -> Json:
    whole = _voyage_embeddings({"input": ["all parts"] * len(body["inputs"])}, answer)
    usage = (
        {"usage": {**whole["usage"], "text_tokens": 0, "image_pixels": 0, "video_pixels": 0}}
        if "usage" in whole
        else {}
    )
    return {**whole, **usage}


def _images(body: Json, answer: Answer) -> Json:
    pictures = [{"index": index, "type": "b64_json", "b64_json": "iVBORw0KGgo="} for index in range(body.get("n") or 1)]
    return {"id": answer.id, "model": answer.model, "object": "list", "data": pictures}


def _together_pieces(body: Json, answer: Answer) -> Iterator[Event]:
    for event in _counting(_COMPLETIONS).events(body, answer):
        yield (
            replace(event, data={**event.data, "object": "completion.chunk"}) if isinstance(event.data, dict) else event
        )


_TOGETHER_COMPLETIONS = replace(
    _COMPLETIONS,
    plain=lambda body, answer: {**_COMPLETIONS.plain(body, answer), "object": "text.completion"},
    events=_together_pieces,
)
"""Together has names of its own for the objects, which its client 1 insists on."""

_EMBEDDINGS = openai_wire.ENDPOINTS["/v1/embeddings"]
_TOGETHER = {
    "chat/completions": _counting(_CHAT),
    "completions": _TOGETHER_COMPLETIONS,
    "embeddings": openai_wire.ENDPOINTS["/v1/embeddings"],
    "rerank": _RERANK,
    "images/generations": replace(_EMBEDDINGS, plain=_images),
}

ENDPOINTS: dict[str, Endpoint] = {
    **{f"/together/v1/{path}": endpoint for path, endpoint in _TOGETHER.items()},
    **{f"/together/{path}": endpoint for path, endpoint in _TOGETHER.items()},  # client 2
    "/cerebras/v1/chat/completions": _counting(_CHAT),
    "/cerebras/v1/completions": _counting(_COMPLETIONS),
    "/fireworks/v1/chat/completions": _counting(_CHAT),
    "/fireworks/v1/completions": _counting(_COMPLETIONS),
    "/fireworks/v1/messages": anthropic_wire.ENDPOINTS["/v1/messages"],
    "/writer/v1/chat": _WRITER,
    "/writer/v1/completions": replace(_COMPLETIONS, plain=_writer_completion, events=_writer_pieces),
    "/ai21/chat/completions": _counting(_CHAT),
    "/azure/chat/completions": _counting(_CHAT),
    "/azure/embeddings": openai_wire.ENDPOINTS["/v1/embeddings"],
    "/voyageai/embeddings": replace(openai_wire.ENDPOINTS["/v1/embeddings"], plain=_voyage_embeddings),
    "/voyageai/contextualizedembeddings": replace(_EMBEDDINGS, plain=_voyage_documents),
    "/voyageai/multimodalembeddings": replace(_EMBEDDINGS, plain=_voyage_parts),
    "/voyageai/rerank": replace(_RERANK, plain=_voyage_rerank),
}
"""What is served, by path."""
