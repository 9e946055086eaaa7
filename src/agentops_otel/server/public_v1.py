"""The public read API of AgentOps' OpenTelemetry generation: a trace and its spans, over our sessions and events.

A trace id here is the id of a session: as UUID, or as the 32 hex digits of the trace that is the session.
Source: AgentOps server, main of March 2026, and its documentation; costs are text with seven decimals.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response

from agentops_otel.records import Event, Failure, Json, LLMCall, Session, iso8601, to_json
from agentops_otel.server.auth import Caller, Gate, bearer_of, is_uuid
from agentops_otel.server.refusals import Refusal
from agentops_otel.store.base import EventQuery, FindsSpans, Store
from agentops_otel.translate import session_of_trace

_KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


class PublicV1:
    """The routes under /public/v1."""

    def __init__(self, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/public/v1", tags=["AgentOps public v1"])
        router.add_api_route("/auth/access_token", self.access_token, methods=["POST"])
        router.add_api_route("/project", self.project, methods=["GET"])
        router.add_api_route("/traces/{trace_id}", self.trace, methods=["GET"])
        router.add_api_route("/traces/{trace_id}/metrics", self.trace_metrics, methods=["GET"])
        router.add_api_route("/traces/{trace_id}/spans/{span_id}", self.span_of_trace, methods=["GET"])
        router.add_api_route("/spans/{span_id}", self.span, methods=["GET"])
        router.add_api_route("/spans/{span_id}/metrics", self.span_metrics, methods=["GET"])
        return router

    def access_token(self, api_key: str = Body(embed=True)) -> Response:
        """Exchange an API key for a bearer token of 30 days."""
        if not is_uuid(api_key):
            raise Refusal(400, "Invalid api_key format", "bad_key")
        try:
            caller = self._gate.by_key(api_key)
        except Refusal as refusal:
            raise Refusal(404, "Project not found", refusal.reason) from None
        return JSONResponse({"bearer": self._gate.token(caller)})

    def project(self, request: Request) -> Response:
        """The project the token is for."""
        project_id = self._caller(request).project_id
        return JSONResponse({"id": project_id, "name": project_id, "environment": "production"})

    def trace(self, request: Request, trace_id: str) -> Response:
        """A session as a trace: its tags and a summary of each span."""
        project_id, session = self._session(request, trace_id)
        events = self._store.events(project_id, session.session_id)
        return JSONResponse(
            {
                "trace_id": trace_id,
                "project_id": project_id,
                "tags": list(session.tags),
                "spans": [_summary(event) for event in events if _is_span(event)],
            }
        )

    def trace_metrics(self, request: Request, trace_id: str) -> Response:
        """Counts, tokens and costs of a session."""
        project_id, session = self._session(request, trace_id)
        events = list(self._store.events(project_id, session.session_id, EventQuery(payloads=False)))
        spans, failed = [event for event in events if _is_span(event)], _failed(events)
        tokens, cost = _tokens(spans), session.statistics.cost
        return JSONResponse(
            {
                "span_count": len(spans),
                "trace_count": 1,
                "success_count": len(spans) - len(failed),
                "fail_count": len(failed),
                "indeterminate_count": 0,
                **tokens,
                **_costs(cost),
                "average_cost_per_trace": _cost(cost),
            }
        )

    def span(self, request: Request, span_id: str, trace_id: str | None = None) -> Response:
        """One span with its attributes. Span ids are unique only in a trace; without `?trace_id=` it is the newest."""
        return JSONResponse(_detail(self._event(request, trace_id, span_id)))

    def span_of_trace(self, request: Request, trace_id: str, span_id: str) -> Response:
        """One span with its attributes."""
        return JSONResponse(_detail(self._event(request, trace_id, span_id)))

    def span_metrics(self, request: Request, span_id: str, trace_id: str | None = None) -> Response:
        """Tokens and costs of one span."""
        event = self._event(request, trace_id, span_id)
        tokens = _tokens([event])
        total, failed = tokens["total_tokens"], _status(event) == "ERROR"
        cost = event.cost if isinstance(event, LLMCall) else None
        return JSONResponse(
            {
                **tokens,
                "success_tokens": 0 if failed else total,
                "fail_tokens": total if failed else 0,
                "indeterminate_tokens": 0,
                **_costs(cost or Decimal(0)),
            }
        )

    def _caller(self, request: Request) -> Caller:
        if bearer_of(request.headers) is None and not self._gate.is_open:
            raise Refusal(400, "Bearer token is missing", "no_key")
        try:
            return self._gate.by_headers(request.headers)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            raise Refusal(400, refusal.message, refusal.reason) from None

    def _session(self, request: Request, trace_id: str) -> tuple[str, Session]:
        project_id = self._caller(request).project_id
        session = self._store.session(project_id, session_of_trace(trace_id))
        session = session or self._store.session(project_id, trace_id)
        if session is None:
            raise Refusal(404, "Trace not found", "unknown_session")
        return project_id, session

    def _event(self, request: Request, trace_id: str | None, span_id: str) -> Event:
        if trace_id is None:
            project_id = self._caller(request).project_id
            found = self._store.find_span(project_id, span_id) if isinstance(self._store, FindsSpans) else None
            session_id, event_id = found or ("", "")
        else:
            project_id, session = self._session(request, trace_id)
            session_id, event_id = session.session_id, self._event_id(project_id, session.session_id, span_id)
        query = EventQuery(event_id=event_id)
        event = next(iter(self._store.events(project_id, session_id, query)), None) if event_id else None
        if event is None:
            raise Refusal(404, "Span not found", "unknown_event")
        return event

    def _event_id(self, project_id: str, session_id: str, span_id: str) -> str:
        slim = self._store.events(project_id, session_id, EventQuery(payloads=False))
        return next((event.event_id for event in slim if span_id in (event.span_id, event.event_id)), "")


def _is_span(event: Event) -> bool:
    """Errors that were met inside another span have none of their own."""
    return event.span_id is not None or not isinstance(event, Failure)


def _failed(events: Iterable[Event]) -> set[str]:
    """Ids of the events in which an error was met."""
    return {event.trigger_event_id for event in events if isinstance(event, Failure) and event.trigger_event_id}


def _status(event: Event) -> str:
    said = (event.extra.get("otel") or {}).get("status")
    return "ERROR" if said == "error" or isinstance(event, Failure) else "OK" if said == "ok" else "UNSET"


def _summary(event: Event) -> dict[str, Json]:
    end_ns = event.end_timestamp if event.end_timestamp is not None else event.init_timestamp
    otel = event.extra.get("otel") or {}
    return {
        "span_id": event.span_id or event.event_id,
        "parent_span_id": event.parent_id,
        "span_name": otel.get("name") or event.name,
        "span_kind": _KINDS.get(otel.get("kind", 1), "INTERNAL"),
        "start_time": iso8601(event.init_timestamp),
        "end_time": iso8601(end_ns),
        "duration": end_ns - event.init_timestamp,
        "status_code": _status(event),
        "status_message": otel.get("status_message") or "",
    }


def _detail(event: Event) -> dict[str, Json]:
    otel = event.extra.get("otel") or {}
    resource = otel.get("resource") or {}
    attributes = {key: value for key, value in event.extra.items() if key != "otel"}
    record = to_json(event)
    return _summary(event) | {
        "service_name": resource.get("service.name"),
        "attributes": {key: value for key, value in record.items() if key != "extra" and value not in (None, [], {})},
        "resource_attributes": nested(resource),
        "span_attributes": nested(attributes),
    }


def nested(attributes: dict[str, Json]) -> dict[str, Json]:
    """Dotted keys as nested objects; a key that is both a value and a prefix keeps its value under `""`."""
    out: dict[str, Any] = {}
    for key in sorted(attributes):
        holder, parts = out, key.split(".")
        for part in parts[:-1]:
            inner = holder.get(part)
            if not isinstance(inner, dict):
                inner = holder[part] = {} if part not in holder else {"": inner}
            holder = inner
        holder[parts[-1]] = attributes[key]
    return out


def _tokens(events: Iterable[Event]) -> dict[str, int]:
    usages = [event.usage for event in events if isinstance(event, LLMCall)]
    prompt = sum(usage.prompt_tokens or 0 for usage in usages)
    completion = sum(usage.completion_tokens or 0 for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_input_tokens": sum(usage.cache_read or 0 for usage in usages),
        "reasoning_tokens": sum(usage.reasoning or 0 for usage in usages),
        "total_tokens": prompt + completion,
    }


def _costs(total: Decimal) -> dict[str, Json]:
    """Our prices are of whole calls, so the parts are null where the total is not 0."""
    part = None if total else _cost(total)
    return {"prompt_cost": part, "completion_cost": part, "total_cost": _cost(total)}


def _cost(cost: Decimal) -> str:
    return f"{cost:.7f}"
