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


def test_calls_of_litellm_are_recorded_once() -> None:
    """Every way to call it with every outcome, as of the other clients."""
    pinned = [line for line in (REPOSITORY / "tests/litellm.txt").read_text().splitlines() if "==" in line]
    options = ["-m", "pytest", "-m", "providers", "-n", "2", "-p", "no:cacheprovider"]
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
