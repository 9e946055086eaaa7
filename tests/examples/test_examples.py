"""Every example runs offline, as a user would run it, and leaves the sessions it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from agentops_otel.store import open_store
from agentops_otel.store.base import SessionQuery

EXAMPLES = Path(__file__).parents[2] / "examples"

LEAVES = {
    "01_quickstart.py": [("Success", 6, 1, 4)],
    "02_manual_events.py": [("Success", 1, 1, 1)],
    "03_decorators_and_agents.py": [("Success", 0, 3, 4)],
    "04_many_sessions.py": [("Success", 0, 0, 1)] * 2 + [("Success", 0, 0, 2)] * 3,
    "05_inherited_session.py": [("Success", 0, 0, 3)],
    "06_beside_opentelemetry.py": [("Success", 0, 1, 1)],
}
"""End state, model calls, tools and actions of each session."""


def test_every_example_is_run() -> None:
    """An example that no test runs rots."""
    assert sorted(LEAVES) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_an_example_runs_offline_and_records_what_it_shows(name: str, home: Path) -> None:
    """Exit code 0, nothing on stderr, and the sessions in the store."""
    if name == "01_quickstart.py" and not hasattr(openai.OpenAI, "responses"):
        pytest.skip("the quickstart asks the Responses API, which openai has since 1.66")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], check=False, capture_output=True, text=True, timeout=120, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = open_store(home / "agentops.db")
    sessions = store.sessions("default", SessionQuery()).items
    found = [(one.end_state, one.statistics.llms, one.statistics.tools, one.statistics.actions) for one in sessions]
    store.close()
    assert LEAVES[name] == sorted(found)
