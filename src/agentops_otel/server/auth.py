"""Who is asking: API keys, the tokens they are exchanged for, and where no key is needed.

A server without any key that listens on loopback only serves everybody on this machine as the project `default`. As
soon as there is a key, or the server listens elsewhere, every request needs one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from agentops_otel.server.refusals import Refusal, busy
from agentops_otel.store.base import DEFAULT_PROJECT
from agentops_otel.store.keys import Key, Keys

KEY_HEADER = "x-agentops-api-key"
PARENT_KEY_HEADER = "x-agentops-parent-key"
SESSION_TOKEN_S = 24 * 3600
PROJECT_TOKEN_S = 30 * 24 * 3600
_AUDIENCE = "authenticated"
_SEEN_FOR_S = 1.0


@dataclass(frozen=True)
class Caller:
    """A project, the key that speaks for it, and the one session a token was made for."""

    project_id: str
    key: Key | None = None
    session_id: str | None = None


class Gate:
    """Lets callers in. `is_local` says that only this machine can reach the server.

    A key or revocation is noticed within a second.
    """

    def __init__(
        self, keys: Keys, *, is_local: bool, per_second: float = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._is_local = is_local
        self._per_second = per_second
        self._clock = clock
        self._known: dict[str, tuple[float, Any]] = {}
        self._buckets: dict[str, tuple[float, float]] = {}

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return self._is_local and not self._remembered("", self._keys.any_key)

    def by_headers(self, headers: Mapping[str, str]) -> Caller:
        """The caller of any request: a key in its header, or a key or token as Bearer. Raises Refusal (401, 429)."""
        key, bearer = headers.get(KEY_HEADER), bearer_of(headers)
        if self.is_open:
            return self._opened(bearer)
        if key:
            caller = self.by_key(key)
        elif bearer and bearer.count(".") == 2:
            caller = self.by_token(bearer)
        elif bearer:
            caller = self.by_key(bearer)
        else:
            raise Refusal(401, f"send your API key in the header {KEY_HEADER} or as Bearer token", "no_key")
        return caller

    def _opened(self, bearer: str | None) -> Caller:
        """Without keys everything is one project; a token still names its session."""
        if bearer and bearer.count(".") == 2:
            try:
                return self.by_token(bearer)
            except Refusal:
                return Caller(DEFAULT_PROJECT)
        return Caller(DEFAULT_PROJECT)

    def by_key(self, key: str) -> Caller:
        """The caller with this key. Raises Refusal 401."""
        if self.is_open:
            return Caller(DEFAULT_PROJECT)
        found = self._remembered(f"key {key}", lambda: self._keys.find_key(key))
        if found is None:
            raise Refusal(401, "Invalid API Key", "bad_key")
        self._limit(found)
        return Caller(found.project_id, found)

    def by_token(self, token: str) -> Caller:
        """The caller a token of ours was made for. Raises Refusal 401 if it is forged, expired or its key revoked."""
        claims = self._claims(token)
        key = None
        if not self.is_open:
            prefix = claims.get("key")
            key = self._remembered(f"prefix {prefix}", lambda: self._active(prefix, claims["project_id"]))
            if key is None:
                raise Refusal(401, "the key this token was made with has been revoked", "bad_token")
            self._limit(key)
        return Caller(claims["project_id"], key, claims.get("session_id"))

    def _active(self, prefix: str | None, project_id: str) -> Key | None:
        keys = (key for key in self._keys.keys(project_id) if key.revoked_ns is None)
        return next((key for key in keys if key.prefix == prefix), None)

    def _claims(self, token: str) -> dict[str, Any]:
        for secret in self._secrets():
            try:
                required = {"require": ["exp", "project_id"]}
                return jwt.decode(token, secret, algorithms=["HS256"], audience=_AUDIENCE, options=required)  # type: ignore[arg-type]
            except jwt.ExpiredSignatureError:
                raise Refusal(401, "Expired Token", "expired_token") from None
            except jwt.InvalidTokenError:
                continue
        raise Refusal(401, "Invalid Token", "bad_token")

    def _secrets(self) -> list[bytes]:
        found: list[bytes] = self._remembered("secrets", lambda: list(self._keys.secrets()))
        return found

    def token(self, caller: Caller, session_id: str | None = None) -> str:
        """A token for a caller: for one session and a day, or for its project and 30 days."""
        lifetime = SESSION_TOKEN_S if session_id else PROJECT_TOKEN_S
        claims: dict[str, Any] = {
            "aud": _AUDIENCE,
            "exp": int(time.time()) + lifetime,
            "project_id": caller.project_id,
            "project_prem_status": "pro",
            "jti": uuid.uuid4().hex,
        }
        if session_id:
            claims["session_id"] = session_id
        if caller.key is not None:
            claims["key"] = caller.key.prefix
        return jwt.encode(claims, self._secrets()[0], algorithm="HS256")

    def expiry(self, token: str) -> int:
        """When a token ends, in seconds since the epoch. Raises Refusal 401 as `by_token`."""
        return int(self._claims(token)["exp"])

    def _remembered(self, name: str, look: Callable[[], Any]) -> Any:
        now = self._clock()
        at, value = self._known.get(name, (0.0, None))
        if name not in self._known or now - at > _SEEN_FOR_S:
            if len(self._known) > 10_000:
                self._known.clear()
            value = look()
            self._known[name] = now, value
        return value

    def _limit(self, key: Key) -> None:
        """A bucket of one second's requests for each key. Raises Refusal 429."""
        if not self._per_second:
            return
        now, name = self._clock(), key.prefix + key.project_id
        at, left = self._buckets.get(name, (now, self._per_second))
        left = min(self._per_second, left + (now - at) * self._per_second)
        if left < 1:
            raise busy(f"this key may send {self._per_second:g} requests a second", "rate_limited", 429)
        self._buckets[name] = now, left - 1


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The text after `Bearer` in the Authorization header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def is_uuid(key: str) -> bool:
    """Whether a text has the form of a key."""
    try:
        uuid.UUID(key)
    except ValueError:
        return False
    return True
