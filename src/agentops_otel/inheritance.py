"""How child processes join a session with no code: `TRACEPARENT` and `BAGGAGE` in their environment.

Never in HTTP headers: baggage that is propagated by the host's own instrumentation is not touched.
Source: OpenTelemetry specification, environment variables as context propagation carriers; W3C Trace Context, Baggage.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType

from agentops_otel.context import SESSION_BAGGAGE, ActiveSessions

TRACEPARENT, BAGGAGE = "TRACEPARENT", "BAGGAGE"


def inherited_session_id(environ: Mapping[str, str]) -> str | None:
    """The session id a parent process left in the environment."""
    for entry in environ.get(BAGGAGE, "").split(","):
        name, _, value = entry.split(";")[0].partition("=")
        if name.strip() == SESSION_BAGGAGE and value.strip():
            from urllib.parse import unquote

            return unquote(value.strip())
    return None


def _quoted(session_id: str) -> str:
    """The id as baggage takes it; a UUID is taken as it is, without importing what quotes others."""
    if session_id.isascii() and session_id.replace("-", "").isalnum():
        return session_id
    from urllib.parse import quote

    return quote(session_id, safe="")


class Environment:
    """Keeps the environment of child processes in step with the one active session of this one.

    While several are active, none is announced: nothing is guessed. What was there before is put back.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._before: dict[str, str | None] = {}
        self._ours: dict[str, str] = {}
        self.forked()

    def forked(self) -> None:
        """In a forked child: a thread that is not there any more may hold the lock."""
        self._lock = threading.RLock()

    def follow(
        self, active: ActiveSessions, *, enabled: bool = True, beside: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Announce the sole active session, or none; with it the variables `beside` it."""
        with self._lock:
            self._follow(active, enabled, beside)

    def _follow(self, active: ActiveSessions, enabled: bool, beside: Mapping[str, str]) -> None:
        self._restore()
        session = active.sole()
        if session is None or not enabled:
            return
        root = session.root
        kept = self._environ.get(BAGGAGE, "")
        entries = [one for one in kept.split(",") if one.strip() and not one.strip().startswith(f"{SESSION_BAGGAGE}=")]
        self._set(TRACEPARENT, f"00-{root.trace_id:032x}-{root.span_id:016x}-01")
        for name, value in beside.items():
            self._set(name, value)
        self._set(BAGGAGE, ",".join([*entries, f"{SESSION_BAGGAGE}={_quoted(session.key)}"]))

    def _set(self, name: str, value: str) -> None:
        self._before[name] = self._environ.get(name)
        self._ours[name] = value
        self._environ[name] = value

    def restore(self) -> None:
        """Put back what was there, unless somebody else has changed it since."""
        with self._lock:
            self._restore()

    def _restore(self) -> None:
        for name, before in self._before.items():
            if self._environ.get(name) != self._ours[name]:
                continue
            if before is None:
                del self._environ[name]
            else:
                self._environ[name] = before
        self._before.clear()
        self._ours.clear()
