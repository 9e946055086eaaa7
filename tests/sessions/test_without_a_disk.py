"""Programs that can write no folder, as in a read-only container: what they do and cost is known, and nothing is lost
that has somewhere to go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.running import Running

PROGRAM = """
import agentops_otel as agentops
agentops.init(instrument_llm_calls=False)
agentops.record(agentops.LLMEvent(model="m", cost=0.5))
print(agentops.end_session("Success"))
"""


def run(home: str | None, **environ: str) -> tuple[str, list[str]]:
    """The cost that the program is told, and the lines it writes to stderr."""
    environ = {**os.environ, "AGENTOPS_STRICT": "", "AGENTOPS_EXIT_TIMEOUT": "30000", **environ}
    environ.pop("AGENTOPS_HOME")
    if home is not None:
        environ["HOME"] = home
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip(), done.stderr.splitlines()


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A home folder that cannot be made, not even by root."""
    (tmp_path / "file").touch()
    return str(tmp_path / "file" / "home")


def test_the_cost_is_right_without_a_store(nowhere: str) -> None:
    """One line says what to do; the cost is added up in memory."""
    assert run(nowhere) == (
        "0.500000",
        [
            f"{nowhere}/.agentops/agentops.db cannot be written (Not a directory); make it writable, or set "
            "AGENTOPS_HOME to a folder that is. Until then sessions are not kept, only what they cost is added up"
        ],
    )


@pytest.mark.parametrize("exporter", ["otlp", "api"])
def test_what_goes_to_a_server_gets_there_without_a_disk(exporter: str, nowhere: str, tmp_path: Path) -> None:
    """The spool is in memory then, and one line says so."""
    with Running(tmp_path) as bridge:
        variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", "AGENTOPS_API_ENDPOINT")
        cost, lines = run(nowhere, AGENTOPS_EXPORTER=exporter, **dict.fromkeys(variables, bridge.url))
        (session,) = bridge.get("/v2/sessions")["sessions"]
    assert (cost, len(lines)) == ("0.500000", 1), lines
    assert "Until then what is to be delivered waits in memory" in lines[0]
    assert (session["end_state"], session["statistics"]["llms"]) == ("Success", 1), session


def test_the_cost_is_known_while_the_server_does_not_answer(tmp_path: Path) -> None:
    """What this process has made of the session, until the server is asked again."""
    home = str(tmp_path / "home")
    Path(home).mkdir()
    cost, _ = run(home, AGENTOPS_EXPORTER="api", AGENTOPS_API_ENDPOINT="http://127.0.0.1:9")
    assert cost == "0.500000"
