"""The wire of Replicate, seen from the server: predictions that are made, asked for and streamed.

A prediction that was asked for with `Prefer: wait` has ended when it is answered; any other has begun, and has ended
when it is asked for by its id. Nothing is kept of it: with the same script it is the same. A scripted `finish` of
"failed", "canceled" or "processing" is its status.

Source: the HTTP API reference of Replicate, as the client replicate 1.0.7 reads it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from agentops_otel.testing.openai_wire import Endpoint, pieces
from agentops_otel.testing.replies import Answer, Asked, Event, Failure

Json = dict[str, Any]

_STATUSES = frozenset({"failed", "canceled", "processing", "starting"})


def error_body(failure: Failure) -> Json:
    """The body of an HTTP error: problem details (RFC 7807)."""
    return {
        "title": failure.code or "offline",
        "detail": failure.message or "The server fails.",
        "status": failure.status,
    }


def _read(body: Json, *, stream: bool = False) -> Asked:
    given = body.get("input") or {}
    prompt = given.get("prompt")
    model = "/".join(str(body[name]) for name in ("owner", "name") if name in body)
    streamed = body.get("stream") is True and not stream
    return Asked(model=model or "offline/model", stream=stream, text=str(prompt), prompt=given, announces=streamed)


def _prediction(body: Json, answer: Answer, *, asked_for: bool = False) -> Json:
    has_ended = asked_for or ("prefer" in body and not body.get("stream"))
    prediction = body.get("id") or answer.id
    created = datetime.fromtimestamp(answer.created, timezone.utc).isoformat()
    head = {
        "id": prediction,
        "model": answer.model,
        "version": str(body.get("version") or "hidden"),
        "input": body.get("input") or {},
        "created_at": created,
        "urls": {"get": f"/v1/predictions/{prediction}", "stream": f"/v1/streams/{prediction}"},
    }
    return {**head, **(_end(answer) if has_ended else {"status": "starting", "output": None})}


def _end(answer: Answer) -> Json:
    status = answer.finish if answer.finish in _STATUSES else "succeeded"
    if status == "failed":
        return {"status": status, "output": None, "error": "The model has stopped."}
    output = answer.text if answer.text.startswith("https:") else pieces(answer.text)
    return {"status": status, "output": output, **_metrics(answer, status)}


def _metrics(answer: Answer, status: str) -> Json:
    if answer.tokens is None or status == "processing":
        return {"metrics": {"predict_time": 0.5}}
    counts = {"input_token_count": answer.tokens.input, "output_token_count": answer.tokens.output}
    return {"metrics": {"predict_time": 0.5, **counts}}


def _events(body: Json, answer: Answer) -> Iterator[Event]:
    for piece in pieces(answer.text):
        yield Event(piece, "output")


def _no_events(body: Json, answer: Answer) -> Iterator[Event]:
    return iter(())


def _framed(event: Event) -> bytes:
    """Replicate's events have ids, and texts that are no JSON."""
    return f"event: {event.name}\nid: 1\ndata: {event.data}\n\n".encode()


_FAILED = Event("The model has stopped.", "error")
_MAKE = Endpoint(_read, _prediction, _no_events, _FAILED, error=error_body)
_ASK = Endpoint(_read, functools.partial(_prediction, asked_for=True), _no_events, _FAILED, error=error_body)
_STREAM = Endpoint(
    functools.partial(_read, stream=True),
    _prediction,
    _events,
    _FAILED,
    done=Event("{}", "done"),
    error=error_body,
    framed=_framed,
    content_type="text/event-stream",
)

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/predictions": _MAKE,
    "/v1/models/{owner}/{name}/predictions": _MAKE,
    "/v1/deployments/{owner}/{name}/predictions": _MAKE,
    "/v1/predictions/{id}": _ASK,
    "/v1/predictions/{id}/cancel": _ASK,
    "/v1/streams/{id}": _STREAM,
}
"""What is served, by path."""
