"""`ModelServer`: a model provider on this machine, so that agents and their tests run without a network or a key.

A real HTTP server on a free loopback port, made of the standard library only. The real clients talk to it:

    with ModelServer() as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="offline")
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
        assert server.requests[0].body["model"] == "gpt-4o-mini"

Without a script it answers as the request suggests: the first tool is called until a tool message is present, a JSON
schema is answered by a value that fits it, anything else by "Offline answer to: " and the last words of the user. A
model whose name begins with "no-such" does not exist (404). Token counts are those of `count_tokens`: the same request
costs the same every time.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from agentops_otel.testing import (
    anthropic_wire,
    bedrock_wire,
    cohere_wire,
    compatible_wire,
    google_wire,
    groq_wire,
    huggingface_wire,
    mistral_wire,
    ollama_wire,
    openai_wire,
    replicate_wire,
    watsonx_wire,
)
from agentops_otel.testing.openai_wire import Endpoint, error_body
from agentops_otel.testing.replies import Answer, Body, Event, Failure, Reply, Scripted, answer_to

ENDPOINTS: dict[str, Endpoint] = {
    **openai_wire.ENDPOINTS,
    **anthropic_wire.ENDPOINTS,
    **groq_wire.ENDPOINTS,
    **bedrock_wire.ENDPOINTS,
    **ollama_wire.ENDPOINTS,
    **cohere_wire.ENDPOINTS,
    **mistral_wire.ENDPOINTS,
    **google_wire.ENDPOINTS,
    **huggingface_wire.ENDPOINTS,
    **compatible_wire.ENDPOINTS,
    **watsonx_wire.ENDPOINTS,
    **replicate_wire.ENDPOINTS,
}
"""What is served, by path."""

_PATTERNS = [
    (re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), endpoint)
    for path, endpoint in ENDPOINTS.items()
    if "{" in path
]


def endpoint_at(path: str) -> tuple[Endpoint | None, dict[str, str]]:
    """What is served at a path, and what stands in it where the endpoint has names."""
    for pattern, endpoint in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None:
            return endpoint, {name: unquote(value) for name, value in found.groupdict().items()}
    return ENDPOINTS.get(path), {}


_LOOK_EVERY_S = 0.02
"""How long `close` may go unnoticed by a thread that waits."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived. Header names are in lower case; `body` is the parsed JSON, None if it is none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ModelServer:
    """A model provider on loopback that speaks the wires of many providers (`ENDPOINTS`); a context manager.

    Requests are served concurrently, each connection by a thread. `close` ends them all; it is idempotent.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """Every request, in the order of arrival."""
        self._scripts: deque[Scripted] = deque()
        self._by_model: dict[str, Scripted] = {}
        self._always: Scripted | None = None
        self._nonce = secrets.token_hex(4)
        self._answered = 0
        self._lock = threading.Lock()
        self._http = _Server(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_LOOK_EVERY_S,), name="model-server", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`; clients of Anthropic and Groq take `url`."""
        return f"{self.url}/v1"

    def script(self, *replies: Scripted) -> None:
        """The next requests get these answers, one each and in this order; then the server is its own again."""
        self._scripts.extend(replies)

    def script_model(self, model: str, reply: Scripted) -> None:
        """Every request for that model gets this answer, unless an answer of `script` is still waiting."""
        self._by_model[model] = reply

    def script_always(self, reply: Scripted | None) -> None:
        """Every request gets this answer from now on, retries included; None ends that."""
        self._always = reply

    def close(self) -> None:
        """Stop listening, cut what is open and wait for the threads."""
        self._http.closing = True
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _reply_to(self, request: Request) -> tuple[Scripted, str]:
        """The answer that is due and an id that no other answer of any server has."""
        with self._lock:
            self.requests.append(request)
            self._answered += 1
            reply_id = f"{self._nonce}{self._answered:06d}"
            if self._scripts:
                return self._scripts.popleft(), reply_id
            if self._always is not None:
                return self._always, reply_id
        model = str(request.body.get("model")) if isinstance(request.body, dict) else ""
        if model.startswith("no-such"):
            return Failure(status=404), reply_id
        return self._by_model.get(model, Reply()), reply_id


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(self, owner: ModelServer) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        self.closing = False
        super().__init__(("127.0.0.1", 0), _Handler)

    def close_connections(self) -> None:
        for connection in list(self.connections):
            _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is a fault of the server and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was closed meanwhile
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is `ModelServer.requests`."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            body = None
        self._answer(body)

    def _answer(self, body: Any) -> None:
        path = self.path.split("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        endpoint, named = endpoint_at(path)
        if named and isinstance(body, dict):
            body = {**named, **body}
        if "prefer" in headers and isinstance(body, dict):
            body = {**body, "prefer": headers["prefer"]}
        reply, reply_id = self.server.owner._reply_to(Request(self.command, path, headers, body))
        if named and headers.get("content-length", "0") == "0":
            body = named
        if isinstance(reply, Body):
            self._send(reply.status, reply.content, reply.content_type)
        elif isinstance(reply, Failure):
            self._send_failure(reply, endpoint)
        elif endpoint is None:
            self._send_failure(Failure(status=404, message=f"Unknown path {path}.", code="unknown_url"), None)
        elif not isinstance(body, dict):
            self._send_failure(Failure(status=400, message="The body is not a JSON object."), endpoint)
        else:
            self._send_reply(endpoint, body, reply, reply_id)

    def _send_reply(self, endpoint: Endpoint, body: dict[str, Any], reply: Reply, reply_id: str) -> None:
        asked = endpoint.read(body)
        answer = answer_to(asked, reply, reply_id, int(time.time()))
        if asked.stream:
            self._send_stream(endpoint, _events(endpoint, body, answer, reply), reply)
            return
        if reply.hold is not None and not asked.announces:
            self._wait(reply.hold)
        content = json.dumps(endpoint.plain(body, answer)).encode()
        cut = reply.cut_after is not None and not asked.announces
        self._send(200, content, headers=endpoint.headers(answer), cut=cut)

    def _send_failure(self, failure: Failure, endpoint: Endpoint | None) -> None:
        body = (endpoint.error if endpoint else error_body)(failure)
        self._send(failure.status, json.dumps(body).encode(), headers=failure.headers)

    def _send(
        self,
        status: int,
        content: bytes,
        content_type: str = "application/json",
        *,
        headers: Mapping[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        self._head(status, {"content-type": content_type, "content-length": str(len(content)), **(headers or {})})
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._hang_up()

    def _send_stream(self, endpoint: Endpoint, events: Iterator[Event], reply: Reply) -> None:
        self._head(200, {"content-type": endpoint.content_type, "transfer-encoding": "chunked"})
        for index, event in enumerate(events):
            if reply.hold is not None and index == reply.hold_after:
                self._wait(reply.hold)
            if index == reply.cut_after:
                self._hang_up()
                return
            self._send_chunk(endpoint.framed(event))
        self._send_chunk(b"")

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("x-request-id", f"req_{self.server.owner._nonce}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _wait(self, hold: threading.Event) -> None:
        while not hold.wait(_LOOK_EVERY_S) and not self.server.closing:
            pass

    def _send_chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def _hang_up(self) -> None:
        self.close_connection = True
        _cut(self.connection)


def _events(endpoint: Endpoint, body: dict[str, Any], answer: Answer, reply: Reply) -> Iterator[Event]:
    for index, event in enumerate(endpoint.events(body, answer)):
        if index == reply.fail_after:
            yield endpoint.failed
            return
        yield event
    if endpoint.done is not None:
        yield endpoint.done
