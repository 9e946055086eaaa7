"""Facts over AgentOps' v2 REST API: to a server of ours, or the hosted one.

Every session is created (or joined) once, which answers its token; events follow in batches, and a change of tags,
video or end is an update. Everything may be sent again: the server folds what it knows already.
Source: AgentOps server, main of March 2026; recordings of agentops 0.3.26.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from agentops_otel import v2
from agentops_otel.errors import DeliveryError
from agentops_otel.facts import EventFact, Fact, SessionFacts
from agentops_otel.fold import join, session_record
from agentops_otel.guard import warn_once
from agentops_otel.records import Event, Json, Session, Statistics

BATCH = 100
TIMEOUT_S = 10.0
MOST_SESSIONS = 1_000
"""Sessions of which the token is remembered; a forgotten one is joined again."""

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class Reply(NamedTuple):
    """An answer of the server. `retry_after_s` is what its Retry-After asked for."""

    status: int
    body: Json
    retry_after_s: float | None = None


Transport = Callable[[str, str, "Json", "dict[str, str]"], Reply]
"""Method, URL, body and headers to a reply; raises DeliveryError where no answer came."""


@dataclass
class _Known:
    """A session as this sink has sent it."""

    facts: SessionFacts
    token: str | None = None
    sent: Json = None
    agents: set[str] = field(default_factory=set)


class ApiSink:
    """A `Sink` over HTTP. Not thread-safe: it belongs to one exporter thread.

    What the server refuses for good (a malformed event, one too large) is dropped with a warning and counted in
    `rejected`; everything else that fails raises DeliveryError and may be given again.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str | None,
        *,
        parent_key: str | None = None,
        transport: Transport | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._keys = {"X-Agentops-Api-Key": api_key or ""} if api_key else {}
        self._parent = {"X-Agentops-Parent-Key": parent_key} if parent_key else {}
        self._transport = transport or over_http
        self._clock = clock
        self._sessions: OrderedDict[str, _Known] = OrderedDict()
        self.rejected = 0

    def append(self, facts: Sequence[Fact]) -> None:
        """Deliver a batch, session by session. Raises DeliveryError; what had been delivered by then is not lost."""
        for session_id, said in _by_session(facts).items():
            known = self._known(session_id)
            for fact in said:
                if isinstance(fact, SessionFacts):
                    known.facts = join(known.facts, fact)
            events = [fact.event for fact in said if isinstance(fact, EventFact)]
            self._deliver(known, events)

    def flush(self, timeout_s: float) -> bool:
        """Always done: `append` waits for the answer."""
        return True

    def close(self) -> None:
        """Nothing is held open."""

    def session(self, session_id: str) -> Session | None:
        """The session with its cost over all processes, as far as the server tells; None if it cannot be asked."""
        try:
            reply = self._transport("GET", f"{self._endpoint}/v2/sessions/{session_id}/stats", None, self._keys)
        except DeliveryError:
            return None
        known = self._sessions.get(session_id)
        if reply.status != 200 or not isinstance(reply.body, dict) or known is None:
            return None
        return session_record("", known.facts, _statistics(reply.body), self._clock())

    # --- delivering ----------------------------------------------------------------------------------------------

    def _known(self, session_id: str) -> _Known:
        known = self._sessions.setdefault(session_id, _Known(SessionFacts(session_id)))
        self._sessions.move_to_end(session_id)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return known

    def _deliver(self, known: _Known, events: list[Event]) -> None:
        if known.token is None:
            self._create(known)
        for agent_id, (_, name) in known.facts.agents.items():
            if agent_id not in known.agents:
                self._post(known, "create_agent", {"id": agent_id, "name": name})
                known.agents.add(agent_id)
        for start in range(0, len(events), BATCH):
            self._send(known, [v2.event_object(event) for event in events[start : start + BATCH]])
        now = self._object(known)
        if now != known.sent:
            self._post(known, "update_session", {"session": now})
            known.sent = now

    def _create(self, known: _Known) -> None:
        session = self._object(known)
        reply = self._transport("POST", self._url("create_session"), {"session": session}, self._keys | self._parent)
        token = reply.body.get("jwt") if isinstance(reply.body, dict) else None
        if reply.status != 200 or not token:
            raise _failed("create_session", reply)
        known.token, known.agents = token, set()
        # Creating tells the start and the tags, and never an end.
        known.sent = session if known.facts.end is None else None

    def _object(self, known: _Known) -> dict[str, Json]:
        """The session object, without what changes with every look at the clock."""
        record = session_record("", known.facts, Statistics(), self._clock())
        said = v2.session_object(record)
        if known.facts.end is None:
            said |= {"end_timestamp": None, "end_state": "Indeterminate", "end_state_reason": None}
        return said | {"is_running": known.facts.end is None}

    def _send(self, known: _Known, events: list[dict[str, Json]]) -> None:
        """A batch of events; one that is too large is halved until it is not."""
        reply = self._ask(known, "create_events", {"events": events})
        if reply.status == 200:
            return
        if reply.status in (400, 413, 422) and len(events) > 1:
            middle = len(events) // 2
            self._send(known, events[:middle])
            self._send(known, events[middle:])
        elif reply.status in (400, 413, 422):
            self.rejected += 1
            warn_once(f"{self._endpoint} refuses an event for good ({reply.status}): {_message(reply)}")
        else:
            raise _failed("create_events", reply)

    def _post(self, known: _Known, route: str, body: Json) -> None:
        reply = self._ask(known, route, body)
        if reply.status != 200:
            raise _failed(route, reply)

    def _ask(self, known: _Known, route: str, body: Json) -> Reply:
        """One call with the session's token; an expired one is renewed once."""
        for last in (False, True):
            headers = self._keys | {"Authorization": f"Bearer {known.token}"}
            reply = self._transport("POST", self._url(route), body, headers)
            if reply.status != 401 or last:
                return reply
            self._reauthorize(known)
        raise AssertionError("the loop returns")

    def _reauthorize(self, known: _Known) -> None:
        body = {"session_id": known.facts.session_id}
        reply = self._transport("POST", self._url("reauthorize_jwt"), body, self._keys)
        token = reply.body.get("jwt") if isinstance(reply.body, dict) else None
        if reply.status == 200 and token:
            known.token = token
        else:
            self._create(known)

    def _url(self, route: str) -> str:
        return f"{self._endpoint}/v2/{route}"


def _by_session(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.session_id, []).append(fact)
    return found


def _failed(route: str, reply: Reply) -> DeliveryError:
    wait_s = reply.retry_after_s if reply.status in _LATER else None
    return DeliveryError(f"{route} was answered with {reply.status}: {_message(reply)}", wait_s)


def _message(reply: Reply) -> str:
    body = reply.body
    return str(body.get("message") or body.get("error") or body)[:200] if isinstance(body, dict) else str(body)[:200]


def _statistics(stats: dict[str, Json]) -> Statistics:
    """What the statistics of the server say, ours or AgentOps'."""
    counts = {name: stats[name] for name in Statistics.__dataclass_fields__ if isinstance(stats.get(name), int)}
    try:
        cost = Decimal(str(stats.get("cost_usd") or stats.get("cost") or 0))
    except InvalidOperation:
        cost = Decimal(0)
    return Statistics(**{**counts, "cost": cost})


# --- the wire --------------------------------------------------------------------------------------------------------


def over_http(method: str, url: str, body: Json, headers: dict[str, str]) -> Reply:
    """One request with the standard library; proxies of the environment are used."""
    data = None if body is None else json.dumps(body, default=str).encode("utf-8", "replace")
    sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return Reply(response.status, _json(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _json(error.read()), _seconds(error.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DeliveryError(f"{url} cannot be reached: {reason}") from error


def _json(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return body[:200].decode("utf-8", "replace")


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
