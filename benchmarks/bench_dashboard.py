"""The dashboard in Debian's Chromium, over large stores: how long a person waits. Prints milliseconds.

    PYTHONPATH=src:tests python benchmarks/bench_dashboard.py [--sessions 1000000] [--events 10000 50000] [--keep DIR]
        [--long-only]

List and overview are opened over a store of so many sessions of 90 days, the session page over sessions of so many
events; each is opened five times and the median is told. A first look is one of which the server remembers nothing.
*First paint* is Chromium's own mark (first-contentful-paint) since the request, *usable* is when the page is loaded and
two frames later, *CPU* what the server and its workers worked until then, *opened* is from a click on a row to its
event, or from scrolling to the rows that come next. A live row is timed from the append of a new session to its row on
the page. Sessions of the list are copied inside the database from a thousand real ones, events come through the store.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from agentops_otel.facts import EventFact, SessionFacts
from agentops_otel.records import Action, Failure, LLMCall, ToolCall, Usage
from agentops_otel.store.sqlite import SqliteStore
from agentops_otel.store.sqlite.overview import QUARTER_NS
from dashboard.browser import chromium
from dashboard.history import history
from server.running import Running

SEEDS, DAYS, ROUNDS = 1000, 90, 5
MS = 1_000_000

PAINTED = """() => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error('the page showed nothing for 20 s')), 20_000); // evaluate() waits for ever
  requestAnimationFrame(() => requestAnimationFrame((usable) => {
    const tell = (entries) => entries.forEach((one) => {
      if (one.name === 'first-contentful-paint') resolve([one.startTime, usable]);
    });
    new PerformanceObserver((seen) => tell(seen.getEntries())).observe({type: 'paint', buffered: true});
  }));
})"""


def main() -> None:
    """Fill, serve, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--keep", type=Path, help="folder of the store, filled only once")
    parser.add_argument("--long-only", action="store_true", help="the sessions of many events, nothing else")
    told = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = told.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        server = Running(folder)
        if not server.db.exists():
            fill(server.db, told.sessions, told.events)
        stack.enter_context(server)
        browser = stack.enter_context(chromium())
        if not told.long_only:
            look(server, browser, told.sessions)
        tell("settings, to wake the server", server, browser, f"{server.url}/settings", rounds=1)
        for number in told.events:
            look_at_session(server, browser, number)


def fill(db: Path, count: int, events: list[int]) -> None:
    """A store with so many sessions, and one session for each number of events."""
    store, now_ns = SqliteStore(db), time.time_ns()
    for number in events:
        facts = long_session(f"long-{number}", now_ns - 3_600_000 * MS, number)
        for at in range(0, len(facts), 5000):
            store.append("default", facts[at : at + 5000])
    seeds = [fact for facts in history(now_ns, min(SEEDS, count), DAYS) for fact in facts]
    store.append("default", seeds)
    store.overview("default", everything(now_ns))  # settles what was appended
    store.close()
    multiply(db, count)
    with contextlib.closing(SqliteStore(db)) as filled:
        while filled.roll_up():  # as a server does beside its work
            pass


def everything(now_ns: int) -> Any:
    """The question for all sessions."""
    from agentops_otel.store.overview import OverviewQuery

    return OverviewQuery(0, now_ns, now_ns)


def multiply(db: Path, count: int) -> None:
    """Copies of the seeds, each a little earlier and under an id of its own, with tags and models, without events."""
    with contextlib.closing(sqlite3.connect(db)) as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(sessions)")]
        seeds = raw.execute("SELECT count(*), max(key) FROM sessions WHERE session_id LIKE 'past-%'").fetchone()
        for copy in range(1, -(-count // max(1, seeds[0]))):
            shift, offset = copy * 7_777_777, copy * (seeds[1] + 1)
            new = {"key": f"key + {offset}", "session_id": f"'copy-{copy:05d}-' || session_id"}
            new |= {"start_ns": f"start_ns - {shift}"}
            raw.execute(
                f"INSERT INTO sessions ({', '.join(columns)}) SELECT {', '.join(new.get(one, one) for one in columns)} "
                "FROM sessions WHERE session_id LIKE 'past-%'"
            )
            for table in ("session_tags", "session_models", "session_providers", "session_hosts"):
                names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
                moved = new | {"session": f"session + {offset}"}
                values = ", ".join(moved.get(one, one) for one in names)
                raw.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
                    f"FROM {table} WHERE session_id LIKE 'past-%'"
                )
            if copy % 50 == 0:
                raw.commit()
        raw.execute(
            f"INSERT OR IGNORE INTO overview_stale SELECT DISTINCT project_id, start_ns / {QUARTER_NS} FROM sessions"
        )
        raw.commit()


def long_session(session_id: str, start_ns: int, count: int) -> list[EventFact | SessionFacts]:
    """Agents' steps: calls, then tools, some of them failing."""
    facts: list[EventFact | SessionFacts] = [SessionFacts(session_id, start_ns)]
    for number in range(count):
        begin = start_ns + number * MS
        named: dict[str, Any] = {
            "event_id": f"{session_id}-{number}",
            "session_id": session_id,
            "span_id": f"{number + 1:016x}",
            "parent_id": f"{number - number % 10 + 1:016x}" if number % 10 else None,
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "init_timestamp": begin,
            "end_timestamp": begin + (10 * MS if number % 10 == 0 else MS),
        }
        if number % 10 == 0:
            facts.append(EventFact(Action(name="step", **named)))
        elif number % 500 == 499:
            facts.append(
                EventFact(Failure(name="TimeoutError", error_type="TimeoutError", details="too late", **named))
            )
        elif number % 10 < 4:
            usage = Usage(input=200 + number % 900, output=20)
            prompt = [{"role": "user", "parts": [{"type": "text", "content": f"step {number}"}]}]
            facts.append(EventFact(LLMCall(name="chat gpt-4o", model="gpt-4o", usage=usage, prompt=prompt, **named)))
        else:
            facts.append(EventFact(ToolCall(name=f"search_{number % 3}", params={"q": number}, **named)))
    return facts


def look(server: Running, browser: Any, count: int) -> None:
    """Open each page as a person would."""
    tell(f"list, {count:,} sessions", server, browser, f"{server.url}/sessions")
    tell("list, failures", server, browser, f"{server.url}/sessions?state=failure")
    tell("list, one tag and model", server, browser, f"{server.url}/sessions?tag=nightly&model=gpt-4o")
    for span in ("24h", "7d", "30d", "90d"):
        tell(f"overview of {span}, first look", server, browser, f"{server.url}/overview?since={span}", rounds=1)
        tell(f"overview of {span}, again", server, browser, f"{server.url}/overview?since={span}")
    live(server, browser)


def look_at_session(server: Running, browser: Any, count: int) -> None:
    """Its waterfall, an event of it, the rows that come next, and other views."""
    name, url = f"session of {count:,} events", f"{server.url}/sessions/long-{count}"
    tell(f"{name}, first look", server, browser, url, rounds=1)
    tell(f"{name}, again", server, browser, url, opened=first_event)
    tell(f"{name}, more rows", server, browser, url, opened=more_rows)
    tell(f"{name}, critical path", server, browser, f"{url}?critical=yes", rounds=1)
    tell(f"{name}, a tenth of the time", server, browser, f"{url}?to={count / 10_000:g}", rounds=1)
    tell(f"{name}, replay", server, browser, f"{url}?tab=replay", rounds=2)
    tell(f"{name}, replay at the end", server, browser, f"{url}?tab=replay&at={count / 1000:g}", rounds=2)


def more_rows(page: Any) -> None:
    """To the end of what is loaded, until there is more."""
    page.locator("a.more").scroll_into_view_if_needed()
    page.locator("a.row").nth(300).wait_for()


def first_event(page: Any) -> None:
    """A click on a row, until its event is shown."""
    page.locator("a.row:not(.fold)").nth(1).click()
    page.locator("#pane .pairs").wait_for()


def tell(
    name: str,
    server: Running,
    browser: Any,
    url: str,
    *,
    rounds: int = ROUNDS,
    opened: Callable[[Any], None] | None = None,
) -> None:
    """The median of some openings."""
    painted, usable, clicked, worked = [], [], [], []
    for _ in range(rounds):
        began = cpu_ms(server)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        first, whole = page.evaluate(PAINTED)
        painted.append(first)
        usable.append(whole)
        worked.append(cpu_ms(server) - began)
        if opened is not None:
            before = time.perf_counter()
            opened(page)
            clicked.append((time.perf_counter() - before) * 1000)
        page.close()
    more = f"   opened {statistics.median(clicked):6.0f} ms" if clicked else ""
    first, whole = statistics.median(painted), statistics.median(usable)
    cpu = f"   CPU {statistics.median(worked):5.0f} ms"
    print(f"{name:44}  first paint {first:6.0f} ms   usable {whole:6.0f} ms{cpu}{more}", flush=True)


def cpu_ms(server: Running) -> float:
    """What the server and its workers have worked, which other programs do not make longer by much."""
    assert server.process is not None
    parent = psutil.Process(server.process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (parent, *parent.children(recursive=True))) * 1000


def live(server: Running, browser: Any) -> None:
    """From the append of a session to its row."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{server.url}/sessions")
    waits = []
    with contextlib.closing(SqliteStore(server.db)) as store:
        for number in range(ROUNDS):
            session_id = f"live-{time.time_ns()}-{number}"
            before = time.perf_counter()
            store.append("default", [SessionFacts(session_id, time.time_ns())])
            page.locator(f"[id='s-{session_id}']").wait_for()
            waits.append((time.perf_counter() - before) * 1000)
            page.wait_for_timeout(137 * number)
    page.close()
    print(f"{'live row':44}  after {statistics.median(waits):6.0f} ms, {max(waits):.0f} ms at most", flush=True)


if __name__ == "__main__":
    main()
