"""Who a process is and whether it lives, asked of real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from agentops_otel import host
from agentops_otel.facts import ProcessFacts, ProcessKey
from agentops_otel.host import ThisProcess, host_env, liveness, this_process

TELL_AND_WAIT = (
    "import json, sys; from agentops_otel.host import this_process;"
    "print(json.dumps(this_process()), flush=True); sys.stdin.read()"
)


@contextmanager
def another_process() -> Iterator[tuple[subprocess.Popen[bytes], ThisProcess]]:
    """A running Python process, and who it says it is."""
    with subprocess.Popen(
        [sys.executable, "-c", TELL_AND_WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        key, boot = json.loads(child.stdout.readline())
        try:
            yield child, ThisProcess(ProcessKey(*key), boot)
        finally:
            child.kill()


def test_a_process_knows_itself_as_others_do() -> None:
    """Host, pid and start time agree with psutil, to the accuracy of the kernel's boot time."""
    key, _ = this_process()
    assert (key.host, key.pid) == (os.uname().nodename, os.getpid())
    assert abs(key.started_ns / 1e9 - psutil.Process().create_time()) < 2


def test_a_process_has_one_name_for_life() -> None:
    """Two questions get the same answer, the very same object."""
    assert this_process() is this_process()


def test_a_fork_is_a_process_of_its_own() -> None:
    """After a fork the child does not pass for its parent."""
    read_end, write_end = os.pipe()
    parent = this_process().key
    child_pid = os.fork()
    if child_pid == 0:
        os.write(write_end, json.dumps(this_process().key).encode())
        os._exit(0)
    os.waitpid(child_pid, 0)
    child = ProcessKey(*json.loads(os.read(read_end, 1000)))
    os.close(read_end)
    os.close(write_end)
    assert (parent.host, child_pid) == (child.host, child.pid)
    assert child.started_ns >= parent.started_ns


def test_a_process_lives_until_it_is_killed() -> None:
    """kill -9 is seen as soon as the process is gone, even before its parent has collected it."""
    with another_process() as (child, (key, boot)):
        facts = ProcessFacts(boot_id=boot)
        assert liveness(key, facts) is True
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert liveness(key, facts) is False
        child.wait()
        assert liveness(key, facts) is False


def test_a_pid_that_was_given_to_another_process_is_not_the_one_that_died() -> None:
    """The start time guards against reused pids."""
    with another_process() as (_, (key, boot)):
        an_hour = 3_600_000_000_000
        assert liveness(key._replace(started_ns=key.started_ns - an_hour), ProcessFacts(boot_id=boot)) is False


@pytest.mark.parametrize(
    ("change", "boot_id"),
    [
        ({"host": "elsewhere"}, None),
        ({}, "another boot of a machine of this name"),
        ({"pid": 0}, None),
        ({"pid": -1}, None),
    ],
)
def test_what_cannot_be_seen_from_here_is_unknown(change: dict[str, object], boot_id: str | None) -> None:
    """Another host, another boot or namespace, and pids that name no process are not guessed at."""
    key, boot = this_process()
    assert liveness(key._replace(**change), ProcessFacts(boot_id=boot_id or boot)) is None


def test_a_pid_larger_than_any_is_dead() -> None:
    """A number that no kernel would give out is no reason to fail."""
    key, boot = this_process()
    assert liveness(key._replace(pid=10**30), ProcessFacts(boot_id=boot)) is False


def test_facts_without_a_boot_id_are_judged_by_pid_and_start() -> None:
    """Operating systems without a boot id still tell the living from the dead."""
    assert liveness(this_process().key, ProcessFacts()) is True


def test_psutil_tells_the_same_as_proc() -> None:
    """The way for other operating systems agrees with the one for Linux."""
    with another_process() as (child, (key, _)):
        elsewhere = host._started_ns_elsewhere(child.pid)
        assert elsewhere is not None
        assert abs(elsewhere - key.started_ns) < host.START_TOLERANCE_NS
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert host._started_ns_elsewhere(child.pid) is None
        child.wait()
        assert host._started_ns_elsewhere(child.pid) is None


def test_a_program_name_with_parentheses_is_read_over() -> None:
    """The name of a program, which stands in parentheses in /proc, may hold parentheses and spaces itself."""
    rename = "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'a) Z (b', 0, 0, 0);"
    code = rename + "print(open('/proc/self/comm').read(), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"a) Z (b\n"
        started_ns = host._started_ns(child.pid)
        child.kill()
    assert started_ns is not None
    assert abs(started_ns - time.time_ns()) < 60_000_000_000


def test_asking_who_we_are_imports_no_psutil() -> None:
    """The start of a session stays cheap."""
    code = (
        "import sys; from agentops_otel.host import *; from agentops_otel.facts import ProcessFacts;"
        "key, boot = this_process();"
        "liveness(key, ProcessFacts(boot_id=boot)); print('psutil' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"


def test_host_env_has_the_shape_of_agentops() -> None:
    """Sections, keys and kinds of values are those of AgentOps' session.host_env."""
    env = host_env(environ={"VIRTUAL_ENV": "/venv"})
    keys = {section: set(values) for section, values in env.items() if section != "Disk"}
    assert keys == {
        "SDK": {"AgentOps SDK Version", "Python Version", "System Packages"},
        "OS": {"Hostname", "OS", "OS Version", "OS Release"},
        "CPU": {"Physical cores", "Total cores", "CPU Usage"},
        "RAM": {"Total", "Available", "Used", "Percentage"},
        "Installed Packages": {"Installed Packages"},
        "Project Working Directory": {"Project Working Directory"},
        "Virtual Environment": {"Virtual Environment"},
    }
    assert env["Project Working Directory"]["Project Working Directory"] == os.getcwd()
    assert env["Virtual Environment"]["Virtual Environment"] == "/venv"
    assert env["SDK"]["System Packages"]["pytest"] == pytest.__version__
    assert env["Installed Packages"]["Installed Packages"]["pytest"] == pytest.__version__
    assert re.fullmatch(r"[0-9.]+%", env["CPU"]["CPU Usage"])
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{2} GB", env["RAM"][key]) for key in ("Total", "Available", "Used"))
    assert all({"Mountpoint", "Total", "Used", "Free", "Percentage"} == set(disk) for disk in env["Disk"].values())
    assert json.loads(json.dumps(env)) == env


def test_opting_out_leaves_the_machine_out() -> None:
    """Hardware and installed packages are not looked at; the interpreter and its place are still told."""
    assert set(host_env(opt_out=True)) == {"SDK", "OS", "Project Working Directory", "Virtual Environment"}


def test_a_working_directory_that_was_removed_is_unknown() -> None:
    """A process whose folder is gone still describes its host."""
    code = (
        "import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d);"
        "from agentops_otel.host import host_env; print(host_env(opt_out=True)['Project Working Directory'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "{'Project Working Directory': None}\n"
