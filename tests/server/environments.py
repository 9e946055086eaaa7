"""Environments of their own for published packages, made once and kept outside the tree."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def cache() -> Path:
    """Where they are kept: `$AGENTOPS_TEST_CACHE`, by default under the user's cache."""
    return Path(os.environ.get("AGENTOPS_TEST_CACHE") or Path.home() / ".cache" / "agentops-otel-tests")


def python_with(*requirements: str) -> Path:
    """A Python that has these packages and nothing of ours; installs them if it is asked for the first time."""
    digest = hashlib.sha256(repr((sys.version_info[:2], requirements)).encode()).hexdigest()[:12]
    folder = cache() / f"{requirements[0].replace('==', '-')}-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *requirements], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


def node_modules_with(*packages: str) -> Path:
    """A folder whose node_modules has these npm packages; installs them if it is asked for the first time."""
    digest = hashlib.sha256(repr(packages).encode()).hexdigest()[:12]
    folder = cache() / f"npm-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
        subprocess.run([*install, *packages], check=True)
        (folder / "complete").touch()
    return folder
