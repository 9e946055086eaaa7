"""This process and the machine it runs on: who we are, whether another process still lives, what the host looks like.

`this_process` and `liveness` cost microseconds and read /proc where there is one; psutil is imported only elsewhere and
by `host_env`, which takes about a tenth of a second and belongs on a background thread.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from agentops_otel._version import __version__
from agentops_otel.identity import ProcessKey

if TYPE_CHECKING:
    from agentops_otel.facts import ProcessFacts
    from agentops_otel.records import Json

START_TOLERANCE_NS = 2_000_000_000
"""Two start times of one process may differ by this much: Linux derives them from a boot time of whole seconds, which
moves when the clock is corrected."""


class ThisProcess(NamedTuple):
    """A process as facts name it. `boot_id` is empty where the operating system has no such thing."""

    key: ProcessKey
    boot_id: str


def this_process() -> ThisProcess:
    """Who we are; computed once a process, and anew after a fork."""
    return _process(os.getpid())


@functools.lru_cache(maxsize=4)
def _process(pid: int) -> ThisProcess:
    return ThisProcess(ProcessKey(hostname(), pid, _started_ns(pid) or 0), boot_id())


def liveness(key: ProcessKey, process: ProcessFacts) -> bool | None:
    """Whether the process still runs; None where that cannot be seen from here.

    A process runs if its pid does, has the same start time, and is no zombie. Of another host, another boot or another
    pid namespace nothing is known: a host name alone does not tell a restarted machine from a second one of that name.
    """
    if key.host != hostname() or key.pid <= 0 or (process.boot_id and process.boot_id != boot_id()):
        return None
    try:
        started_ns = _started_ns(key.pid)
    except PermissionError:
        return None
    return started_ns is not None and abs(started_ns - key.started_ns) <= START_TOLERANCE_NS


@functools.lru_cache(maxsize=1)
def hostname() -> str:
    """The name of this machine, or of the container."""
    return platform.node() or "localhost"


@functools.lru_cache(maxsize=1)
def boot_id() -> str:
    """What tells this run of this machine, and this pid namespace in it, from every other; empty if unknown.

    Source: Linux, random(4) and pid_namespaces(7). The namespace is in it because pids of two containers that share a
    host name mean different processes.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid').strip('pid:[]')}"
    except OSError:
        return ""


# --- start times -----------------------------------------------------------------------------------------------------


def _started_ns(pid: int) -> int | None:
    """When a process was started; None if no such process runs. Raises PermissionError if it may not be looked at."""
    if sys.platform == "linux" and os.path.exists("/proc/self/stat"):
        return _started_ns_linux(pid)
    return _started_ns_elsewhere(pid)


def _started_ns_linux(pid: int) -> int | None:
    """Source: Linux, proc_pid_stat(5): field 3 is the state, field 22 the start in clock ticks since boot."""
    try:
        with open(f"/proc/{pid:d}/stat", "rb") as file:
            # The name of the program is in parentheses and may hold anything, parentheses included.
            state, *numbers = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        _refuse_hidden(pid)
        return None
    if state in (b"Z", b"X"):
        return None
    return _boot_time_ns() + int(numbers[18]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _refuse_hidden(pid: int) -> None:
    """Raises PermissionError if the process exists all the same, as under a /proc mounted with `hidepid`."""
    with contextlib.suppress(ProcessLookupError, OverflowError):
        os.kill(pid, 0)


def _boot_time_ns() -> int:
    with open("/proc/stat", "rb") as file:
        for line in file:
            if line.startswith(b"btime "):
                return int(line.split()[1]) * 1_000_000_000
    return 0


def _started_ns_elsewhere(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return int(process.create_time() * 1_000_000_000)
    except psutil.AccessDenied as error:
        raise PermissionError(str(error)) from error
    except (psutil.NoSuchProcess, OverflowError):
        return None


# --- host environment ------------------------------------------------------------------------------------------------


def host_env(opt_out: bool = False, environ: Mapping[str, str] = os.environ) -> dict[str, Json]:
    """The machine and the interpreter, in the shape that AgentOps gives `session.host_env`.

    With `opt_out` (`AGENTOPS_ENV_DATA_OPT_OUT=true`) the CPU, RAM, disk and installed packages are left out, as
    AgentOps does; so is every part that this machine refuses to tell. Takes about a tenth of a second, which is how
    long the load of the CPU is watched. Shape: agentops 0.3, host_env.py.
    """
    packages = _installed_packages()
    env = host_outline(environ)
    env["SDK"]["System Packages"] = {name: packages[name] for name in packages if _module_name(name) in sys.modules}
    if not opt_out:
        env.update(_hardware())
        env["Installed Packages"] = {"Installed Packages": packages}
    return env


def host_outline(environ: Mapping[str, str] = os.environ) -> dict[str, Json]:
    """The part of the host environment that costs next to nothing; same shape."""
    working_directory = "Project Working Directory"
    return {
        "SDK": {"AgentOps SDK Version": __version__, "Python Version": platform.python_version()},
        "OS": {
            "Hostname": hostname(),
            "OS": platform.system(),
            "OS Version": platform.version(),
            "OS Release": platform.release(),
        },
        working_directory: {working_directory: _working_directory()},
        "Virtual Environment": {"Virtual Environment": environ.get("VIRTUAL_ENV")},
    }


def _installed_packages() -> dict[str, str]:
    from importlib.metadata import distributions

    found = {dist.metadata["Name"]: dist.version for dist in distributions() if dist.metadata}
    return {name: found[name] for name in sorted(name for name in found if name)}


def _module_name(distribution: str) -> str:
    return distribution.replace("-", "_")


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def _hardware() -> dict[str, Json]:
    import psutil

    sections = {"CPU": _cpu, "RAM": _ram, "Disk": _disks}
    env: dict[str, Json] = {}
    for name, read in sections.items():
        with contextlib.suppress(OSError, psutil.Error, RuntimeError, NotImplementedError):
            env[name] = read(psutil)
    return env


def _cpu(psutil: Any) -> dict[str, Json]:
    return {
        "Physical cores": psutil.cpu_count(logical=False),
        "Total cores": psutil.cpu_count(logical=True),
        "CPU Usage": f"{psutil.cpu_percent(interval=0.05)}%",
    }


def _ram(psutil: Any) -> dict[str, Json]:
    memory = psutil.virtual_memory()
    return {
        "Total": _gigabytes(memory.total),
        "Available": _gigabytes(memory.available),
        "Used": _gigabytes(memory.used),
        "Percentage": f"{memory.percent}%",
    }


def _disks(psutil: Any) -> dict[str, Json]:
    disks: dict[str, Json] = {}
    for partition in psutil.disk_partitions():
        with contextlib.suppress(OSError):
            usage = psutil.disk_usage(partition.mountpoint)
            disks[partition.device] = {
                "Mountpoint": partition.mountpoint,
                "Total": _gigabytes(usage.total),
                "Used": _gigabytes(usage.used),
                "Free": _gigabytes(usage.free),
                "Percentage": f"{usage.percent}%",
            }
    return disks


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.2f} GB"
