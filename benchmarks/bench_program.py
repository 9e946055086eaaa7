"""What a program pays beside its calls: import, start, and exit. Fresh processes, interleaved in one run.

    python benchmarks/bench_program.py [start|tool|exit] [rounds]

*start*: the import is against `import opentelemetry.sdk.trace`; import, init and the first span are against the SDK's
own import, provider and first span. *tool*: what `opentelemetry-instrument python -c pass` costs with this package over
what it costs without, by where the spans go; the embedded store is against no exporter. Both in CPU and on the clock.
*exit* is the time from the last line of a script to the end of its process, in seconds over the same script without
telemetry: into the embedded store, and with the stock OTLP exporter beside it whose endpoint refuses or never answers,
with few and with 2,000 spans waiting.
"""

from __future__ import annotations

import functools
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

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
TELL = "import os, sys, time; sys.stdout.write(f'{time.process_time()} {time.time()}'); sys.stdout.flush(); os._exit(0)"
ROOT = Path(__file__).parents[1]
RECORD = "for n in range({spans}): agentops.record(agentops.ActionEvent(action_type=str(n)))"


Taken = tuple[float, float]
"""Seconds of CPU, and on the clock."""


def until_told(source: str) -> Taken:
    """What a fresh process has used from its start until the source has run."""
    began = time.time()
    cpu_s, at_s = map(float, run(f"{source}\n{TELL}").stdout.split())
    return cpu_s, at_s - began


def instrumented(path: str, exporter: str) -> Taken:
    """What `opentelemetry-instrument python -c pass` uses, with this on PYTHONPATH."""
    variables = {"PYTHONPATH": path, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, **variables, "OTEL_TRACES_EXPORTER": exporter, "AGENTOPS_HOME": home}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        tool = Path(sys.executable).with_name("opentelemetry-instrument")
        subprocess.run([tool, sys.executable, "-c", "pass"], env=environ, check=True, capture_output=True)
        after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.time() - began
    return sum(after[:2]) - sum(before[:2]), took


@contextmanager
def installed() -> Iterator[str]:
    """What PYTHONPATH needs so that this working tree is an installed package, entry points included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        info = Path(folder, "agentops_otel_bridge-0.dist-info")
        info.mkdir()
        extras = "".join(f"Provides-Extra: {extra}\n" for extra in project["optional-dependencies"])
        about = f"Metadata-Version: 2.1\nName: agentops-otel-bridge\nVersion: 0\n{extras}"
        (info / "METADATA").write_text(f"{about}\n{(ROOT / 'README.md').read_text()}")
        (info / "entry_points.txt").write_text(
            "\n".join(
                f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
                for group, named in project["entry-points"].items()
            )
        )
        yield os.pathsep.join([folder, str(ROOT / "src")])


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


def interleaved(rounds: int, subjects: dict[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each subject took, measured in turn; the first round only fills caches."""
    taken: dict[str, list[T]] = {name: [] for name in subjects}
    for _ in range(rounds + 1):
        for name, measure in subjects.items():
            taken[name].append(measure())
    return {name: values[1:] for name, values in taken.items()}


def medians(taken: dict[str, list[Taken]]) -> dict[str, Taken]:
    """Of CPU and of the clock, each."""
    return {
        name: (statistics.median(cpu for cpu, _ in values), statistics.median(clock for _, clock in values))
        for name, values in taken.items()
    }


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


def bench_start(rounds: int) -> None:
    """Import, and the way to the first span."""
    sources = {
        "nothing": "",
        "import sdk": "import opentelemetry.sdk.trace",
        "import ours": "import agentops_otel",
        "start sdk": SDK_START,
        "start ours": OUR_START,
    }
    taken = medians(
        interleaved(rounds, {name: functools.partial(until_told, source) for name, source in sources.items()})
    )
    for nth, unit in enumerate(("x in CPU", "x on the clock")):
        over = {name: values[nth] - taken["nothing"][nth] for name, values in taken.items()}
        show("import agentops_otel / import opentelemetry.sdk.trace", over["import ours"] / over["import sdk"], unit)
        show("import, init, first span / SDK, provider, first span", over["start ours"] / over["start sdk"], unit)


def bench_tool(rounds: int) -> None:
    """An idle program under `opentelemetry-instrument`: the least of each, because a busy machine only adds."""
    with installed() as path:
        subjects = {"without, none": functools.partial(instrumented, "", "none")}
        subjects["without, otlp"] = functools.partial(instrumented, "", "otlp")
        for exporter in ("none", "otlp", "agentops"):
            subjects[f"with, {exporter}"] = functools.partial(instrumented, path, exporter)
        taken = {name: [*map(min, zip(*each, strict=True))] for name, each in interleaved(rounds, subjects).items()}
    for exporter, base in (("none", "none"), ("otlp", "otlp"), ("agentops", "none")):
        for nth, unit in enumerate(("ms of CPU", "ms on the clock")):
            more = taken[f"with, {exporter}"][nth] - taken[f"without, {base}"][nth]
            show(f"opentelemetry-instrument python -c pass, {exporter}", more * 1000, f"{unit} over without")


def bench_exit(rounds: int) -> None:
    """The end of a script."""
    with black_hole() as silent:
        subjects = {"none": lambda: exit_s("", {})}
        for name, endpoint in (("store", None), ("otlp refused", refusing()), ("otlp silent", silent)):
            for spans in (5, 2000):
                subjects[f"{name}, {spans} spans"] = _exit(endpoint, spans)
        ends = {name: statistics.median(values) for name, values in interleaved(max(3, rounds // 2), subjects).items()}
    for name, seconds in ends.items():
        if name != "none":
            show(f"exit: {name}", seconds - ends["none"], "s over no telemetry")


def main() -> None:
    """Print the tables that are asked for, else all."""
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 7)
    benches = {"start": bench_start, "tool": bench_tool, "exit": bench_exit}
    for name in [word for word in sys.argv[1:] if word in benches] or benches:
        benches[name](rounds)


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
