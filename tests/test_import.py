"""What importing the package costs a program."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("openai", "sqlite3", "grpc", "psutil", "requests", "starlette", "wrapt", "opentelemetry", "genai_prices")


def modules_after(source: str) -> set[str]:
    program = f"{source}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Names are imported from their rooms when they are first used."""
    assert set() == modules_after("import agentops_otel").intersection(HEAVY)


def test_a_session_without_model_clients_imports_none() -> None:
    """No provider SDK, price table, server or RPC library is loaded that the program does not use."""
    source = "import agentops_otel as a; a.init(); a.end_session('Success')"
    assert set() == modules_after(source).intersection(
        {"openai", "anthropic", "grpc", "requests", "starlette", "genai_prices"}
    )


WATCH = """
import sys, threading
class Watch:
    def find_spec(self, name, path, target=None):
        if threading.current_thread() is threading.main_thread():
            imported.add(name)
imported = set()
sys.meta_path.insert(0, Watch())
"""


def imported_by_the_main_thread(source: str) -> set[str]:
    program = f"{WATCH}\n{source}; import os; print(*imported, flush=True); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_way_to_the_first_span_imports_nothing_that_reads_or_stores_it() -> None:
    """What translates, prices and stores is for the exporter's thread, and later; so is an exporter."""
    span = "from opentelemetry.trace import get_tracer; get_tracer('program').start_span('step').end()"
    ours = imported_by_the_main_thread(f"import agentops_otel; agentops_otel.init(); {span}")
    ours -= imported_by_the_main_thread(f"import opentelemetry.sdk.trace; {span}")  # 1.27 wants pathlib itself
    rooms = ("records", "facts", "spans", "values", "translate", "export", "sinks", "pricing", "conventions.agentops")
    others = ("opentelemetry.sdk.trace.export", "sqlite3", "decimal", "pathlib")
    assert set() == ours & {*(f"agentops_otel.{room}" for room in rooms), *others}


@pytest.mark.parametrize("name", __import__("agentops_otel").__all__)
def test_every_name_of_the_front_door_is_there_and_documented(name: str) -> None:
    """`import agentops_otel as agentops` offers what `__all__` says."""
    value = getattr(__import__("agentops_otel"), name)
    assert name == "__version__" or value.__doc__
