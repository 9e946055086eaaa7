"""Tests with the clients of many providers, in an environment of their own (extra `providers`; pytest -m providers)."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

_SHELLS = (
    "AI21_",
    "AWS_",
    "AZURE_",
    "CEREBRAS_",
    "COHERE_",
    "CO_",
    "FIREWORKS_",
    "GEMINI_",
    "GOOGLE_",
    "HF_",
    "MISTRAL_",
    "OLLAMA_",
    "REPLICATE_",
    "TOGETHER_",
    "VOYAGE_",
    "WATSONX_",
    "WRITER_",
    "XAI_",
)
for _name in [*os.environ]:  # what the developer's shell says must not reach the clients
    if _name.startswith(_SHELLS):
        del os.environ[_name]
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)  # no certificates: reading them takes most of a client's start


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without `-m providers` the files are not even imported: their clients are not installed."""
    return True if config.option.markexpr != "providers" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test of this folder needs the environment. What the clients' modules made need not be collected again.

    Elsewhere nothing is frozen: hypothesis 6.100 takes its own random numbers for lost when their module is, and fails.
    """
    if config.option.markexpr == "providers":
        gc.freeze()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.providers)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a `case` runs for every case of its file's MATRIX."""
    if "case" in metafunc.fixturenames:
        cases = metafunc.module.MATRIX.cases()
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])
