"""What a program pays beside its calls: import, start, and exit. Ratios of fresh processes, interleaved in one run.

    python benchmarks/bench_program.py [rounds]

*import* is against `import opentelemetry.sdk.trace`; *start* is import, init and the first span against the SDK's own
import, provider and first span; *exit* is the time from the last line of a script to the end of its process, in seconds
over the same script without telemetry: into the embedded store, and with the stock OTLP exporter beside it whose
endpoint refuses or never answers, with few and with 2,000 spans waiting.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SDK_START = """
from opentelemetry.sdk.trace import TracerProvider
with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s"): pass
"""
OUR_START = """
import agentops_otel
agentops_otel.init()
from opentelemetry.trace import get_tracer
with get_tracer("t").start_as_current_span("s"): pass
"""
TELL_CPU = "import os, sys, time; sys.stdout.write(str(time.process_time())); sys.stdout.flush(); os._exit(0)"
RECORD = "for n in range({spans}): agentops.record(agentops.ActionEvent(action_type=str(n)))"


def cpu_s(source: str) -> float:
    """CPU seconds a fresh process has used when the source has run."""
    program = (
        f"{source}\nimport time, os, sys; sys.stdout.write(str(time.process_time())); sys.stdout.flush(); os._exit(0)"
    )
    return float(run(program).stdout)


def exit_s(source: str, environ: dict[str, str]) -> float:
    """Seconds from the last line of a script to the end of its process."""
    program = f"{source}\nimport time, sys; sys.stdout.write(str(time.time())); sys.stdout.flush()"
    ended = float(run(program, environ).stdout)
    return time.time() - ended


def run(program: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter with a store of its own."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "AGENTOPS_HOME": home, **(environ or {})}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        return subprocess.run([sys.executable, "-c", program], env=environ, check=True, capture_output=True, text=True)


def interleaved(rounds: int, subjects: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each subject, measured in turn."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds + 1):
        for name, measure in subjects.items():
            taken[name].append(measure())
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


@contextmanager
def black_hole() -> Iterator[str]:
    """An endpoint that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def refusing() -> str:
    """An endpoint where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    starts = interleaved(
        rounds,
        {
            "nothing": lambda: cpu_s(""),
            "import sdk": lambda: cpu_s("import opentelemetry.sdk.trace"),
            "import ours": lambda: cpu_s("import agentops_otel"),
            "start sdk": lambda: cpu_s(SDK_START),
            "start ours": lambda: cpu_s(OUR_START),
        },
    )
    base = starts["nothing"]
    imports, begins = starts["import sdk"] - base, starts["start sdk"] - base
    show("import agentops_otel / import opentelemetry.sdk.trace", (starts["import ours"] - base) / imports, "x")
    show("import, init, first span / SDK, provider, first span", (starts["start ours"] - base) / begins, "x")
    with black_hole() as silent:
        subjects = {"none": lambda: exit_s("", {})}
        for name, endpoint in (("store", None), ("otlp refused", refusing()), ("otlp silent", silent)):
            for spans in (5, 2000):
                subjects[f"{name}, {spans} spans"] = _exit(endpoint, spans)
        ends = interleaved(max(3, rounds // 2), subjects)
    for name, seconds in ends.items():
        if name != "none":
            show(f"exit: {name}", seconds - ends["none"], "s over no telemetry")


def show(what: str, value: float, unit: str) -> None:
    """One line of the table."""
    print(f"{what:60} {value:6.2f} {unit}")


def _exit(endpoint: str | None, spans: int) -> Callable[[], float]:
    environ = {"AGENTOPS_EXPORTER": "store,otlp" if endpoint else "store"}
    if endpoint:
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    source = f"import agentops_otel as agentops\nagentops.init()\n{RECORD.format(spans=spans)}"
    return lambda: exit_s(source, environ)


if __name__ == "__main__":
    main()
