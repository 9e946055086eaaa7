"""Ingest over OTLP/HTTP: durable spans a second, against the naive receiver in the same run, and bytes on disk.

Batches of 500 spans of 20 attributes with a 1 KB prompt and a 1 KB completion, unique ids. Naive is Starlette, uvicorn,
protobuf and `executemany` into SQLite (WAL, NORMAL) with the payload as JSON, without any translation. Both servers are
processes of their own, asked in turn, by one client and by four at once; acknowledged means that the rows are there.

    python benchmarks/bench_ingest.py [--rounds 5] [--batches 12]

On a machine that others use, `chrt -r 1` before it gives both servers the cores for some seconds: rates are those of a
quiet machine then, but latencies are not, because the kernel lets processes of one priority wait longer.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from agentops_otel.otlp import encode_traces
from agentops_otel.spans import FlatSpan
from agentops_otel.store.sqlite import SqliteStore

SPANS = 500
WARM = 4
"""Batches before the first round; with the first of them our server starts its workers."""

NAIVE = """
import json, sqlite3, sys, socket
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
db = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=NORMAL")
db.execute("CREATE TABLE spans (trace TEXT, span TEXT, parent TEXT, name TEXT, start INT, end INT, attributes TEXT)")
db.execute("CREATE INDEX by_trace ON spans (trace, start)")
def value(v):
    kind = v.WhichOneof("value")
    if kind == "array_value": return [value(x) for x in v.array_value.values]
    return getattr(v, kind) if kind else None
async def traces(request):
    found = ExportTraceServiceRequest.FromString(await request.body())
    rows = [(s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.name, s.start_time_unix_nano,
             s.end_time_unix_nano, json.dumps({a.key: value(a.value) for a in s.attributes}))
            for r in found.resource_spans for c in r.scope_spans for s in c.spans]
    db.execute("BEGIN"); db.executemany("INSERT INTO spans VALUES (?,?,?,?,?,?,?)", rows); db.execute("COMMIT")
    return Response(media_type="application/x-protobuf")
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(128)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
app = Starlette(routes=[Route("/v1/traces", traces, methods=["POST"])])
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
"""
OURS = """
import sys
from pathlib import Path
from agentops_otel.server import ServerOptions, serve
options = ServerOptions(db=Path(sys.argv[1]), port=0, grpc_port=None, log_level="error")
serve(options, lambda url, _: print(url, flush=True))
"""


def post(connection: http.client.HTTPConnection, body: bytes) -> None:
    """One request, until it is acknowledged."""
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


class Server:
    """A receiver process over a file of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.db = folder / "store.db"
        command = [sys.executable, "-c", program, str(self.db)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        address = urlsplit(self.process.stdout.readline().strip())
        self.connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)

    def post(self, body: bytes) -> None:
        post(self.connection, body)

    def connect(self) -> http.client.HTTPConnection:
        """Another connection to it."""
        return http.client.HTTPConnection(self.connection.host, self.connection.port, timeout=60)

    def cpu_seconds(self) -> float:
        """Processor time of the server and its workers so far: what a busy machine does not change much."""
        server = psutil.Process(self.process.pid)
        times = [process.cpu_times() for process in (server, *server.children())]
        return sum(one.user + one.system for one in times)

    def bytes_on_disk(self) -> int:
        paths = [Path(f"{self.db}{suffix}") for suffix in ("", "-wal")]
        return sum(path.stat().st_size for path in paths if path.exists())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def text(rng: random.Random, size: int) -> str:
    words = []
    while sum(map(len, words)) + len(words) < size:
        words.append("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))))
    return " ".join(words)[:size]


def batch(rng: random.Random, prompts: list[str], spans: int = SPANS) -> bytes:
    """One request: a session of model calls."""
    trace_id = format(rng.getrandbits(128) | 1, "032x")
    start = 1_795_352_682_000_000_000
    made = []
    for n in range(spans):
        attributes = {f"app.attribute.{k}": f"value {k} {n}" for k in range(9)}
        attributes |= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.response.id": f"chatcmpl-{n}",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 250,
            "gen_ai.usage.output_tokens": 240,
            "gen_ai.input.messages": messages("user", rng.choice(prompts)),
            "gen_ai.output.messages": messages("assistant", rng.choice(prompts)),
        }
        span_id = format(rng.getrandbits(64) | 1, "016x")
        made.append(
            FlatSpan(trace_id, span_id, "chat gpt-4o-mini", start + n, start + n + 10**9, attributes=attributes)
        )
    return encode_traces(made)


def messages(role: str, content: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])


def measure(server: Server, bodies: list[bytes], clients: int) -> tuple[float, float]:
    """Spans a second over these batches, and microseconds of the server's processor for one."""
    connections, spans = [server.connect() for _ in range(clients)], len(bodies) * SPANS

    def send(nth: int) -> None:
        for body in bodies[nth::clients]:
            post(connections[nth], body)

    started, used = time.perf_counter(), server.cpu_seconds()
    threads = [threading.Thread(target=send, args=(nth,)) for nth in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate, microseconds = spans / (time.perf_counter() - started), (server.cpu_seconds() - used) / spans * 1e6
    for connection in connections:
        connection.close()
    return rate, microseconds


def latencies(server: Server, rng: random.Random, prompts: list[str], seconds: float) -> list[float]:
    """Milliseconds of requests of one span, 200 a second, while batches come in on another connection."""
    small, large = [batch(rng, prompts, 1) for _ in range(int(seconds * 200))], [batch(rng, prompts) for _ in range(40)]
    stop = threading.Event()

    def flood() -> None:
        connection = server.connect()
        for n in range(10**6):
            if stop.is_set():
                break
            post(connection, large[n % 40])
        connection.close()

    server.connection.close()  # it has been idle while batches were made; asked again, it connects anew
    thread = threading.Thread(target=flood)
    thread.start()
    found, due = [], time.perf_counter()
    for body in small:
        due += 1 / 200
        time.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        server.post(body)
        found.append((time.perf_counter() - started) * 1000)
    stop.set()
    thread.join()
    return found


def compacted(db: Path) -> int:
    """Bytes on disk when the server's upkeep, which has some minutes of work here, is done."""
    store = SqliteStore(db)
    while store.compact():
        pass
    store.give_back_room()
    store.close()
    return db.stat().st_size


def stored_spans(db: Path) -> int:
    """How many spans arrived."""
    with closing(sqlite3.connect(db)) as opened:
        return int(opened.execute("SELECT count(*) FROM events").fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--latency-seconds", type=float, default=5)
    asked = parser.parse_args()
    rng = random.Random(5)
    prompts = [text(rng, 1024) for _ in range(2000)]
    with tempfile.TemporaryDirectory() as folder:
        servers = {}
        for name, program in (("naive", NAIVE), ("ours", OURS)):
            (Path(folder) / name).mkdir()
            servers[name] = Server(program, Path(folder) / name)
        warm = [batch(rng, prompts) for _ in range(WARM)]
        for server in servers.values():
            measure(server, warm, 1)
        sent = WARM
        for clients in (1, 4):
            rates: dict[str, list[float]] = {name: [] for name in servers}
            cpu: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(asked.rounds):
                bodies = [batch(rng, prompts) for _ in range(asked.batches)]
                sent += len(bodies)
                for name, server in servers.items():
                    rate, microseconds = measure(server, bodies, clients)
                    rates[name].append(rate)
                    cpu[name].append(microseconds)
            for name, server in servers.items():
                found = rates[name]
                print(
                    f"{clients} connections: {name:6} {statistics.median(found):8,.0f} spans/s [{min(found):,.0f}.."
                    f"{max(found):,.0f}]  {statistics.median(cpu[name]):5.0f} µs CPU/span  "
                    f"{server.bytes_on_disk() / sent / SPANS:7,.0f} bytes/span"
                )
            ratio = statistics.median(b / a for a, b in zip(rates["naive"], rates["ours"], strict=True))
            by_cpu = statistics.median(a / b for a, b in zip(cpu["naive"], cpu["ours"], strict=True))
            print(f"ours / naive: {ratio:.2f} by the clock, {by_cpu:.2f} by processor   load {os.getloadavg()[0]:.1f}")
        waits = sorted(latencies(servers["ours"], rng, prompts, asked.latency_seconds))
        print(
            f"one span at 200 a second while ingesting: p50 {waits[len(waits) // 2]:.1f} ms, p99 "
            f"{waits[int(len(waits) * 0.99)]:.1f} ms"
        )
        for server in servers.values():
            server.stop()
        smaller = compacted(servers["ours"].db) / stored_spans(servers["ours"].db)
        small = len(gzip.compress(bodies[0], 6)) / len(bodies[0])
        print(f"ours compacted: {smaller:,.0f} bytes/span; gzip leaves {small:.2f} of these requests")


if __name__ == "__main__":
    main()
