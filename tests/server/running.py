"""A real server process on free ports, and a plain HTTP client for it."""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agentops_otel.store.sqlite.keys import SqliteKeys

_SERVE = """
import json, sys
from pathlib import Path
from agentops_otel.server import ServerOptions, serve
told = json.loads(sys.argv[1])
paths = {name: Path(told[name]) for name in ("db", "tls_cert", "tls_key", "prices") if name in told}
options = ServerOptions(**told | paths)
serve(options, lambda url, port: print(json.dumps([url, port]), flush=True))
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Running:
    """A server process over a database of its own; ends with the block."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.db = folder / "server.db"
        self.options = {"db": str(self.db), "port": 0, "grpc_port": 0, "log_level": "warning"} | options
        self.keys = SqliteKeys(self.db)
        self.log = folder / "server.log"
        self.process: subprocess.Popen[str] | None = None
        self.url, self.grpc_port = "", 0

    def start(self) -> Running:
        with self.log.open("a") as log:
            command = [sys.executable, "-c", _SERVE, json.dumps(self.options)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self._ended()
            raise RuntimeError(self.log.read_text())
        self.url, self.grpc_port = json.loads(line)
        self.options["port"] = urlsplit(self.url).port
        return self

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(20)

    def __enter__(self) -> Running:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.keys.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        token: str | None = None,
        **headers: str,
    ) -> Answer:
        """One request. A dict is sent as JSON; underscores in header names stand for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["X-Agentops-Api-Key"] = key
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            received = response.read()
        finally:
            connection.close()
        said = {name.lower(): value for name, value in response.getheaders()}
        if said.get("content-encoding") == "gzip":
            received = gzip.decompress(received)
        return Answer(response.status, said, received)

    def get(self, path: str, **asked: Any) -> Any:
        """The JSON of a request that must succeed."""
        answer = self.ask("GET", path, **asked)
        assert answer.status == 200, answer
        return answer.json

    def counter(self, line: str) -> float:
        """The value of one line of /metrics, 0 where it is not there."""
        text = self.ask("GET", "/metrics").body.decode()
        found = [value for name, _, value in (one.rpartition(" ") for one in text.splitlines()) if name == line]
        return float(found[0]) if found else 0.0
