"""Every client is noticed when it is imported, also those within a namespace that others share."""

from __future__ import annotations

import importlib.util

import pytest

from agentops_otel.instruments.arrival import ROOTS


@pytest.mark.parametrize("root", ROOTS)
def test_a_package_that_is_waited_for_has_a_loader(root: str) -> None:
    """A namespace has none, and its import would go by unnoticed."""
    try:
        spec = importlib.util.find_spec(root)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        pytest.skip(f"{root} is not installed")
    assert hasattr(spec.loader, "exec_module")
