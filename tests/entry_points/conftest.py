"""Programs that know nothing of us, run by `opentelemetry-instrument`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import agentops_otel
from agentops_otel.host import liveness
from agentops_otel.store import open_store
from agentops_otel.store.base import Store
from agentops_otel.testing import ModelServer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).parents[2]
TOOL = Path(sys.executable).with_name("opentelemetry-instrument")

PROGRAM = """
import openai
with openai.OpenAI() as client:
    for _ in range(2):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
print("done")
"""
"""An unchanged program: two calls."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def project() -> dict[str, Any]:
    """What pyproject.toml says of the package."""
    table: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def declared() -> dict[str, dict[str, str]]:
    """The entry points, by group."""
    return dict(project()["entry-points"])


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """What PYTHONPATH needs so that our entry points are found; nothing where the package is installed."""
    found = entry_points(group="opentelemetry_traces_exporter", name="agentops")
    return [] if found else as_installed(tmp_path)


def as_installed(tmp_path: Path) -> list[str]:
    """What PYTHONPATH needs so that any interpreter finds our entry points and the package."""
    info = tmp_path / "site" / "agentops_otel_bridge-0.dist-info"
    info.mkdir(parents=True)
    about = ["Metadata-Version: 2.1", "Name: agentops-otel-bridge", "Version: 0"]
    about += [f"Provides-Extra: {extra}" for extra in project()["optional-dependencies"]]
    (info / "METADATA").write_text("\n".join(about) + "\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in declared().items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return [str(info.parent), str(Path(agentops_otel.__file__).parents[1])]


@pytest.fixture
def instrumented(installed: list[str], server: ModelServer, tmp_path: Path) -> Run:
    """Run a program under `opentelemetry-instrument`, against the model server of this test."""
    if not TOOL.exists():
        pytest.skip("opentelemetry-instrument is not installed (extra auto)")

    def run(program: str = PROGRAM, *options: str, expect: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "program.py"
        path.write_text(program)
        done = subprocess.run(
            [str(TOOL), *options, sys.executable, str(path)],
            env={**os.environ, "AGENTOPS_STRICT": "", **environment(installed, server), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == expect, done.stderr
        return done

    return run


def environment(installed: list[str], server: ModelServer) -> dict[str, str]:
    """Where our package, the model server, and only traces are."""
    return {
        "PYTHONPATH": os.pathsep.join([*installed, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "offline",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """The embedded store of this test."""
    opened = open_store(home / "agentops.db", liveness=liveness)
    yield opened
    opened.close()
