"""The embedded store against SQLite itself: append, statistics, listing by tag, room on disk. Prints ratios.

    python benchmarks/bench_store.py [--events 20000] [--sessions 1000000]

Append: events with 1 KB of prompt and 1 KB of completion on average, 500 in a batch, go through `SqliteStore.append`
and, in the same round, as ready-made rows through `executemany` on a connection set up alike: the difference is what
Python adds. Twice: a row of `events` and a row with its body for each event, and the very rows that the store writes,
which has the bodies of many events in one. CPU time of the process is compared, at the lower quartile, because other
programs share the machine. Without orjson (extra `fast`; `--no-orjson` hides it) the standard library encodes.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.records import LLMCall, Price, Usage
from agentops_otel.store.base import SessionQuery
from agentops_otel.store.sqlite import SqliteStore, rows

BATCH, START = 500, 1_700_000_000_000_000_000
WORDS = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 24


def event(number: int, session_id: str) -> LLMCall:
    """A model call whose ids and texts no other one has."""
    unique = f"{number:016x}"
    question, answer = WORDS[: 512 + number * 37 % 1024], WORDS[: 512 + number * 91 % 1024]
    return LLMCall(
        event_id=f"{session_id[:8]}-{unique}",
        session_id=session_id,
        name="chat gpt-4o-mini",
        init_timestamp=START + number * 1_000_000,
        end_timestamp=START + number * 1_000_000 + 700_000,
        parent_id=f"{number // 10:016x}",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id=unique,
        agent_id="writer",
        agent_name="writer",
        operation="chat",
        provider="openai",
        model="gpt-4o-mini-2024-07-18",
        request_model="gpt-4o-mini",
        response_id=f"chatcmpl-{unique}",
        params={"temperature": 0.5, "max_tokens": 128, "stream": True},
        prompt=[{"role": "user", "parts": [{"type": "text", "content": unique + question}]}],
        completion=[{"role": "assistant", "parts": [{"type": "text", "content": answer + unique}]}],
        usage=Usage(input=565, cache_read=1536, output=23),
        cost=Decimal("0.000123") + Decimal(number) / 10**9,
        price=Price("genai-prices", "openai/gpt-4o-mini", "2026-11-01"),
        time_to_first_token_ms=250.5,
        finish_reasons=("stop",),
        extra={"otel": {"kind": 3, "scope": {"name": "agentops_otel", "version": "1"}}},
    )


Row = tuple[object, ...]


class Rows(NamedTuple):
    """The rows of a filled store: events, a body for each, and segments by the number of the first event in them."""

    events: list[Row]
    bodies: list[Row]
    segments: dict[int, Row]


def copied(source: Path, *targets: Path) -> Rows:
    """The rows of a filled store, and empty stores to put them into."""
    for target in targets:
        empty = SqliteStore(target)
        empty.append("default", [SessionFacts("s")])
        empty.close()
    with sqlite3.connect(source) as db:
        events = db.execute("SELECT * FROM events ORDER BY payload, line").fetchall()
        segments = db.execute("SELECT key, body FROM payloads ORDER BY key").fetchall()
        lines = db.execute("SELECT line FROM events ORDER BY payload, line").fetchall()
    db.close()
    bodies = [body for _, segment in segments for body in segment.split(b"\n")]
    return Rows(
        events,
        list(enumerate(bodies)),
        dict(zip([at for at, (line,) in enumerate(lines) if line == 0], segments, strict=True)),
    )


def raw(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=NORMAL", "cache_size=-8192", "secure_delete=ON", "journal_size_limit=67108864"):
        db.execute(f"PRAGMA {pragma}")
    return db


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def bench_append(folder: Path, events: int) -> None:
    facts = [EventFact(event(number, "s")) for number in range(events)]
    batches = [facts[at : at + BATCH] for at in range(0, events, BATCH)]
    first = SqliteStore(folder / "first.db")
    for batch in batches:
        first.append("default", batch)
    first.close()
    made = copied(folder / "first.db", folder / "bodies.db", folder / "segments.db")
    ours = SqliteStore(folder / "ours.db")
    one_by_one, as_stored = raw(folder / "bodies.db"), raw(folder / "segments.db")
    ours.append("default", [SessionFacts("s")])
    times: dict[str, list[tuple[float, float]]] = {"append": [], "a row each": [], "same rows": []}
    gc.collect()
    gc.freeze()  # the garbage collector shall not walk the input of this benchmark again and again
    marks = ", ".join("?" * len(made.events[0]))

    def insert(db: sqlite3.Connection, events: list[Row], payloads: list[Row]) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT INTO events VALUES ({marks})", events)
        db.executemany("INSERT INTO payloads VALUES (?, ?)", payloads)
        db.execute("COMMIT")

    for number, batch in enumerate(batches):
        part = slice(number * BATCH, (number + 1) * BATCH)
        segments = [row for at, row in made.segments.items() if part.start <= at < part.stop]
        times["append"].append(spent(lambda batch=batch: ours.append("default", batch)))
        times["a row each"].append(spent(lambda part=part: insert(one_by_one, made.events[part], made.bodies[part])))
        times["same rows"].append(spent(lambda part=part, found=segments: insert(as_stored, made.events[part], found)))
    per_event = {
        name: [statistics.quantiles(column)[0] / BATCH * 1e6 for column in zip(*all_times, strict=True)]
        for name, all_times in times.items()
    }
    for name, (cpu, wall) in per_event.items():
        print(f"{name:12} {cpu:6.1f} µs CPU an event, {wall:6.1f} µs wall")
    for name in ("a row each", "same rows"):
        cpu, wall = (a / b for a, b in zip(per_event[name], per_event["append"], strict=True))
        print(f"append reaches {cpu:.0%} of raw executemany of {name} by CPU, {wall:.0%} by wall time")
    text = sum(len(body) for _, body in made.bodies)
    one_by_one.close()
    as_stored.close()
    ours.close()
    size = (folder / "ours.db").stat().st_size
    print(f"disk: {size / events:.0f} bytes an event, of which {text / events:.0f} are its texts")


def bench_statistics(folder: Path, events: int) -> None:
    store = SqliteStore(folder / "large.db")
    slim = {"params": None, "prompt": None, "completion": None, "extra": {}}
    for at in range(0, events, 5000):
        store.append("default", [EventFact(replace(event(number, "s"), **slim)) for number in range(at, at + 5000)])
    times = sorted(spent(lambda: store.session("default", "s"))[1] for _ in range(200))
    session = store.session("default", "s")
    print(f"statistics of a session of {session.statistics.events} events: {times[100] * 1e3:.3f} ms")
    first = sorted(spent(lambda: next(store.events("default", "s")))[1] for _ in range(50))
    print(f"its first event: {first[25] * 1e3:.3f} ms")
    store.close()


def fill(store: SqliteStore, sessions: int) -> None:
    """Copies of one session, made in SQL, each with its own id, start and tag: as many appends would take minutes."""
    store.append("default", [SessionFacts("template", start_ns=START, tags_set=((START, "o"), ("all", "rare")))])
    with sqlite3.connect(store.path, isolation_level=None) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(sessions)")][1:]
        new = {
            "session_id": "printf('%08x-0000-4000-8000-%012x', (n * 2654435761) & 4294967295, n)",
            "start_ns": f"{START} + n",
            "facts": f"replace(replace(facts, {START}, {START} + n), 'rare', 't' || (n % 200))",
        }
        db.execute("BEGIN")
        db.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {sessions}) "
            f"INSERT INTO sessions ({', '.join(columns)}) "
            f"SELECT {', '.join(new.get(column, column) for column in columns)} "
            "FROM numbers, (SELECT * FROM sessions WHERE session_id = 'template')"
        )
        db.execute(
            "INSERT INTO session_tags SELECT project_id, tag.value, start_ns, session_id, sessions.key "
            "FROM sessions, json_each(json_extract(facts, '$.tags_set[2]')) AS tag WHERE session_id != 'template'"
        )
        db.execute("COMMIT")
    db.close()


def bench_tags(folder: Path, sessions: int) -> None:
    store = SqliteStore(folder / "many.db")
    fill(store, sessions)
    for name, query in {
        "newest 50 by a tag of 1 in 200": SessionQuery(tag="t7"),
        "newest 50 by a tag of all": SessionQuery(tag="all"),
        "newest 50": SessionQuery(),
        "newest 50 that failed (none)": SessionQuery(end_state="Failure"),
    }.items():
        times = sorted(spent(lambda query=query: store.sessions("default", query))[1] for _ in range(50))
        print(f"{name} of {sessions} sessions: {times[25] * 1e3:.2f} ms")
    store.close()


def main() -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--no-orjson", action="store_true")
    options = parser.parse_args()
    if options.no_orjson:
        rows._encode = rows.encoder(None)
    with tempfile.TemporaryDirectory() as folder:
        bench_append(Path(folder), options.events)
        bench_statistics(Path(folder), options.large)
        bench_tags(Path(folder), options.sessions)


if __name__ == "__main__":
    main()
