"""Pictures of every page for docs/screenshots: `PYTHONPATH=tests python -m dashboard.screenshots`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .browser import WIDTHS, Watched, chromium
from .conftest import RECORDED, RECORDING, environment
from .history import history

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
PAGES = {
    "sessions": "/sessions",
    "waterfall": "/sessions/{research}?event={call}",
    "chat": "/sessions/{research}?tab=chat",
    "cost": "/sessions/{research}?tab=cost",
    "replay": "/sessions/{research}?tab=replay&at=0.1",
    "agents": "/sessions/{crew}?tab=agents",
    "critical": "/sessions/{crew}?critical=yes",
    "compare": "/compare?a={research}&b={again}",
    "settings": "/settings",
    "error": "/sessions/{failure}?event={error}",
}
PAST = {"overview": "/overview?since=30d"}
SHOWN = (*(name for name in RECORDED if name != "canary"), "crew")


def main() -> None:
    """Record, serve, look."""
    with tempfile.TemporaryDirectory() as folder, Running(Path(folder)) as server, chromium() as browser:
        command = [sys.executable, str(RECORDING), *SHOWN]
        said = subprocess.run(command, env=environment(server.db), stdout=subprocess.PIPE, text=True, check=True).stdout
        ids = dict(zip(SHOWN, said.split(), strict=True))
        ids["again"] = subprocess.run(
            [sys.executable, str(RECORDING), "again"],
            env=environment(server.db),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        ids["call"] = _first_event(server, ids["research"], "llms")
        ids["error"] = _first_event(server, ids["failure"], "tools")
        with subprocess.Popen(
            [sys.executable, str(RECORDING), "running"],
            env=environment(server.db),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdout.readline()
            for name, path in PAGES.items():
                for width in WIDTHS:
                    watched = Watched(browser, width)
                    watched.open(server.url + path.format(**ids))
                    if name == "sessions":
                        watched.page.locator("tbody").get_by_text("Running").first.wait_for()
                    watched.page.screenshot(path=FOLDER / f"{name}-{width}.png")
                    watched.page.close()
            watched = Watched(browser, 1440, color_scheme="dark")
            watched.open(server.url + list(PAGES.values())[-1].format(**ids))
            watched.page.screenshot(path=FOLDER / "dark-1440.png")
            program.stdin.close()
        _look_back(server, browser)


def _look_back(server: Running, browser: Any) -> None:
    """Pages that need a past."""
    store = SqliteStore(server.db)
    store.append("default", [fact for facts in history(time.time_ns(), 1200) for fact in facts])
    store.close()
    for name, path in PAST.items():
        for width in WIDTHS:
            watched = Watched(browser, width)
            watched.open(server.url + path)
            watched.page.screenshot(path=FOLDER / f"{name}-{width}.png", full_page=True)
            watched.page.close()


def _first_event(server: Running, session_id: str, kind: str) -> str:
    return server.get(f"/v2/sessions/{session_id}/events?types={kind}&limit=1")["events"][0]["event_id"]


if __name__ == "__main__":
    main()
