"""Request bodies, bounded before and after decompression, and in the time they may take."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request

from agentops_otel.errors import DecodeError
from agentops_otel.records import Json
from agentops_otel.server.refusals import Refusal, busy

MAX_BODY = 64 * 1024 * 1024
"""Longest body, as sent and as decompressed, in bytes."""


class InFlight:
    """Bytes of bodies that are held at this moment, over all connections. Beyond `limit` new ones are refused, and so
    is one that takes longer than `timeout_s` to come."""

    def __init__(self, limit: int, timeout_s: float = 30.0) -> None:
        self.limit = limit
        self._timeout_s = timeout_s
        self.held = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request, max_body: int = MAX_BODY) -> AsyncIterator[bytes]:
        """The body as it was sent, held until the block ends."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > max_body:
            raise _too_large(max_body)
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            taken += size
            self.held += size
            if taken > max_body:
                raise _too_large(max_body)
            if self.held > self.limit:
                raise busy("the server holds as many requests as it can; try again")

        try:
            yield await _within(_read(request, take), self._timeout_s)
        finally:
            self.held -= taken


async def _within(reading: Any, timeout_s: float) -> bytes:
    try:
        return bytes(await asyncio.wait_for(reading, timeout_s))
    except (asyncio.TimeoutError, TimeoutError):
        raise Refusal(408, f"the body did not arrive within {timeout_s:g} s", "slow_body") from None
    except ClientDisconnect:
        raise Refusal(400, "the client went away in the middle of the body", "disconnected") from None


async def _read(request: Request, take: Callable[[int], None]) -> bytes:
    chunks = []
    async for chunk in request.stream():
        take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is longer than {limit} bytes; send smaller batches", "too_large")


# --- decompression ---------------------------------------------------------------------------------------------------


def decompressed(body: bytes, encoding: str, limit: int = MAX_BODY) -> bytes:
    """The body without its Content-Encoding: gzip, deflate, zstd (with the extra that brings it) or identity.

    Raises Refusal: 415 for another encoding, 413 for a result longer than `limit` (no more than that is ever made), 400
    for a damaged or truncated body.
    """
    expand = _ENCODINGS.get(encoding.strip().lower())
    if expand is None:
        raise Refusal(415, f"Content-Encoding {encoding!r} is not known; use gzip, deflate or zstd", "bad_encoding")
    try:
        return expand(body, limit)
    except (zlib.error, EOFError, ValueError) as error:
        raise Refusal(400, f"the body is not {encoding}: {error}", "bad_compression") from None


def _identity(body: bytes, limit: int) -> bytes:
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    """All members of the file, as gunzip reads it."""
    out = b""
    while body:
        member = zlib.decompressobj(31)
        out += _bounded(member, body, limit - len(out), limit)
        body = member.unused_data.lstrip(b"\0")
    return out


def _deflate(body: bytes, limit: int) -> bytes:
    """The zlib form the standard names, or the bare one some clients send."""
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _bounded(zlib.decompressobj(15 if is_zlib else -15), body, limit, limit)


def _bounded(stream: Any, body: bytes, room: int, limit: int) -> bytes:
    out: bytes = stream.decompress(body, room + 1)
    if len(out) > room:
        raise _too_large(limit)
    if not stream.eof:
        raise EOFError("it is truncated")
    return out


def _zstd(body: bytes, limit: int) -> bytes:
    """All frames of the body."""
    module, out = _zstd_module(), b""
    while body:
        frame = module.ZstdDecompressor()
        try:
            out += _bounded(frame, body, limit - len(out), limit)
        except module.ZstdError as error:
            raise ValueError(error) from None
        body = frame.unused_data
    return out


def _zstd_module() -> Any:
    """From the standard library (Python 3.14 and later), or from the package that brings it to older ones."""
    for module in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(module)
    raise Refusal(
        415, "this server cannot read zstd (it needs Python 3.14 or the extra zstd); use gzip", "bad_encoding"
    )


_ENCODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}


# --- JSON ------------------------------------------------------------------------------------------------------------


def json_object(body: bytes) -> dict[str, Json]:
    """A JSON object; bare NaN and Infinity are taken, as old SDKs send them. Raises DecodeError."""
    try:
        found = json.loads(body)
    except RecursionError:
        raise DecodeError("the body is nested too deeply") from None
    except ValueError as error:
        raise DecodeError(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise DecodeError(f"the body is a JSON {type(found).__name__}, expected an object")
    return found
