"""The matrix of LiteLLM (tests/providers/test_litellm.py), in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from server.environments import python_with

pytestmark = pytest.mark.sdk

REPOSITORY = Path(__file__).parents[2]
OURS = ("opentelemetry-sdk", "opentelemetry-exporter-otlp", "wrapt", "psutil", "hypothesis", "pytest", "pytest-xdist")


@pytest.mark.parametrize(
    ("pins", "cases"), [("litellm.txt", ""), ("lowest-litellm.txt", "not 100_at_once and not responses")]
)
def test_calls_of_litellm_are_recorded_once(pins: str, cases: str) -> None:
    """Every way to call it with every outcome, as of the other clients; by its oldest version and by a new one."""
    pinned = [line for line in (REPOSITORY / "tests" / pins).read_text().splitlines() if "==" in line]
    options = ["-m", "pytest", "-m", "providers", "-n", "2", "-p", "no:cacheprovider", "-k", cases]
    done = subprocess.run(
        [str(python_with(*pinned, *OURS)), *options, "tests/providers/test_litellm.py"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " skipped" not in done.stdout
