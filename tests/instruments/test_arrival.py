"""arrival: programs without a model client do not pay for wrapping one."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry.trace import NoOpTracer

from agentops_otel.instruments import registry
from agentops_otel.instruments.arrival import ROOTS


def test_the_roots_are_those_of_the_registry() -> None:
    """A provider whose package is not watched would never be instrumented."""
    installation = registry.install(NoOpTracer())
    installation.uninstall()
    modules = {point.module for status in installation.status for point in status.points}
    watched = {root for root in ROOTS for module in modules if f"{module}.".startswith(f"{root}.")}
    assert watched == set(ROOTS)
    assert [one for one in modules if not any(f"{one}.".startswith(f"{root}.") for root in ROOTS)] == []


def run(source: str) -> None:
    start = "import sys\nimport agentops_otel as agentops\nREGISTRY = 'agentops_otel.instruments.registry'"
    subprocess.run([sys.executable, "-c", f"{start}\n{source}"], check=True)


def test_what_wraps_is_imported_with_the_first_client_and_not_before() -> None:
    """A client imported after init is recorded all the same."""
    run(
        "agentops.init(); assert REGISTRY not in sys.modules\n"
        "import openai; assert hasattr(openai.resources.chat.completions.Completions.create, '__wrapped__')"
    )


def test_a_client_imported_before_init_is_recorded() -> None:
    """Either order."""
    run(
        "import openai; agentops.init()\n"
        "assert hasattr(openai.resources.chat.completions.Completions.create, '__wrapped__')"
    )


def test_a_client_that_was_only_looked_for_is_recorded_when_it_is_imported() -> None:
    """Frameworks ask which clients are there, often more than once, before anybody imports one."""
    run(
        "from importlib.util import find_spec\n"
        "agentops.init(); found = find_spec('openai'), find_spec('openai'); assert REGISTRY not in sys.modules\n"
        "import openai; assert hasattr(openai.resources.chat.completions.Completions.create, '__wrapped__')\n"
        "assert 'Arrival' not in [type(finder).__name__ for finder in sys.meta_path]\n"
        "assert 'exec_module' not in vars(openai.__loader__)"
    )


def test_stop_instrumenting_before_any_import_leaves_clients_alone() -> None:
    """Nothing waits any more, and the finders of the program are as they were."""
    run(
        "agentops.init(); agentops.stop_instrumenting()\n"
        "assert 'Arrival' not in [type(finder).__name__ for finder in sys.meta_path]\n"
        "import openai; assert REGISTRY not in sys.modules"
    )
