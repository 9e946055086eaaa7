"""How a session lives through what happens to real processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentops_otel.records import Failure
from sessions.conftest import Recorded, Run

START = """
import os, signal, sys, threading, time
import agentops_otel as agentops
session = agentops.init(instrument_llm_calls=False)
agentops.record(agentops.ActionEvent(action_type="before"))
"""


def ended(recorded: Recorded) -> tuple[str, str | None, bool]:
    session = recorded.session()
    return session.end_state, session.end_state_reason, session.end_timestamp is not None


def test_a_program_that_forgets_to_end_its_session_leaves_it_indeterminate(run: Run, recorded: Recorded) -> None:
    """At the normal end of the interpreter everything is delivered and the end has a time and a reason."""
    run(START)
    process = recorded.session().processes[0]
    reason = f"process {process.pid} on host {process.host} exited without ending the session"
    assert ("Indeterminate", reason, True) == ended(recorded)
    assert [event.name for event in recorded.events()] == ["before"]


def test_a_short_program_tells_the_outline_of_its_host(run: Run, recorded: Recorded) -> None:
    """Looking at the machine would take longer than the program."""
    run(START)
    env = recorded.session().host_env
    assert set(env or {}) == {"SDK", "OS", "Project Working Directory", "Virtual Environment"}


def test_a_program_that_lasts_tells_all_of_its_host(run: Run, recorded: Recorded) -> None:
    """From a thread of its own; the end of the session does not replace it by the outline."""
    run(START + "from agentops_otel import runtime; runtime.running()._undescribed.flush(30); session.end_session()")
    env = recorded.session().host_env
    assert {"CPU", "RAM", "Disk", "Installed Packages"} < set(env or {})


@pytest.mark.parametrize(("call", "code"), [("sys.exit(3)", 3), ("sys.exit()", 0)])
def test_sys_exit_keeps_its_code(call: str, code: int, run: Run, recorded: Recorded) -> None:
    """The exit code is the program's own."""
    run(START + call, expect=code)
    assert recorded.session().end_state == "Indeterminate"


def test_an_uncaught_exception_ends_the_session_failure(run: Run, recorded: Recorded) -> None:
    """The reason is the exception, the error has its stack, the traceback on stderr and the exit code are Python's."""
    done = run(START + "raise RuntimeError('out of luck')", expect=1)
    assert "RuntimeError: out of luck" in done.stderr
    assert ended(recorded) == ("Failure", "RuntimeError: out of luck", True)
    error = recorded.events()[-1]
    assert isinstance(error, Failure)
    assert (error.error_type, error.details) == ("RuntimeError", "out of luck")


def test_an_excepthook_that_was_there_still_runs(run: Run, recorded: Recorded) -> None:
    """Ours is chained before it."""
    done = run("import sys\nsys.excepthook = lambda *error: print('mine', error[1])\n" + START + "1 / 0", expect=1)
    assert done.stdout == "mine division by zero\n"
    assert recorded.session().end_state == "Failure"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_session_and_the_process_as_it_would_have(name: str, run: Run, recorded: Recorded) -> None:
    """KeyboardInterrupt for SIGINT, death by the signal for SIGTERM; the reason names it."""
    bare = run(f"import os, signal, time\nos.kill(os.getpid(), signal.{name}); time.sleep(30)", expect=None)
    done = run(START + f"os.kill(os.getpid(), signal.{name}); time.sleep(30)", expect=None)
    assert bare.returncode == done.returncode
    assert ("Failure", f"Signal {name} detected", True) == ended(recorded)


def test_handlers_that_were_there_still_run_and_may_go_on(run: Run, recorded: Recorded) -> None:
    """A program that handles SIGTERM itself ends its session itself: an explicit end wins over the signal."""
    done = run(
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
        + START
        + "os.kill(os.getpid(), signal.SIGTERM); agentops.end_session('Success', 'drained')"
    )
    assert done.stdout == "handled\n"
    assert ended(recorded) == ("Success", "drained", True)


def test_an_ignored_signal_stays_ignored(run: Run, recorded: Recorded) -> None:
    """Where the program ignores SIGTERM, nothing happens."""
    run(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + START
        + "os.kill(os.getpid(), signal.SIGTERM); agentops.end_session('Success')"
    )
    assert ended(recorded) == ("Success", None, True)


def test_init_in_another_thread_leaves_the_signals_alone(run: Run, recorded: Recorded) -> None:
    """Only the main thread may set handlers; elsewhere the session works without them."""
    run(
        """
        import threading
        import agentops_otel as agentops
        def work():
            agentops.init(instrument_llm_calls=False)
            agentops.record(agentops.ActionEvent(action_type="in a thread"))
            agentops.end_session("Success")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    )
    assert [event.name for event in recorded.events()] == ["in a thread"]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_process_that_vanishes_leaves_what_was_flushed(end: str, run: Run, recorded: Recorded) -> None:
    """Nothing runs at such an end; a reader sees that the process is gone and says so."""
    run(START + f"session.record(agentops.ActionEvent(action_type='last'), flush_now=True); {end}", expect=None)
    process = recorded.session().processes[0]
    reason = f"process {process.pid} on host {process.host} ended without closing the session"
    assert ("Indeterminate", reason, False) == ended(recorded)
    assert [event.name for event in recorded.events()] == ["before", "last"]


def test_kill_at_any_moment_loses_nothing_that_was_flushed(recorded: Recorded, home: Path) -> None:
    """A session is killed at random points; every event whose flush had returned is in the store."""
    source = START + (
        "print(session.session_id, flush=True)\n"
        "for number in range(100_000):\n"
        "    session.record(agentops.ActionEvent(action_type=str(number)), flush_now=True)\n"
        "    print(number, flush=True)\n"
    )
    chance = random.Random(7)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            session_id = process.stdout.readline().strip()
            for _ in range(chance.randrange(2, 60)):
                process.stdout.readline()
            process.kill()
            told = [int(line) for line in process.stdout if line.strip().isdigit() and line.endswith("\n")]
        names = {event.name for event in recorded.events(session_id)}
        last = told[-1] if told else 0
        assert {str(number) for number in range(last + 1)} <= names
    for session in recorded.sessions():
        assert (session.end_state, session.is_running) == ("Indeterminate", False)
        assert "ended without closing the session" in str(session.end_state_reason)


def test_a_running_session_is_seen_running(recorded: Recorded) -> None:
    """While the process lives its session runs, before anything but the start was recorded."""
    source = (
        "import sys, agentops_otel as agentops\ns = agentops.init(instrument_llm_calls=False)\n"
        "s._home.flush(5); print('ready', flush=True); sys.stdin.readline()"
    )
    program = [sys.executable, "-c", source]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert recorded.session().is_running
        process.communicate("go on\n", timeout=30)
    assert not recorded.session().is_running


JOIN = """
import sys, agentops_otel as agentops
agentops.init(inherited_session_id=sys.argv[1], instrument_llm_calls=False)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 50):
    agentops.record(agentops.LLMEvent(id=f"event-{number}", model="m", prompt_tokens=number, cost="0.001"))
"""


def test_four_processes_writing_one_session_add_up_as_one_would(run: Run, recorded: Recorded) -> None:
    """Two hundred calls by four processes at once, and their sums, are those of one process."""
    session_id = "6f1d3c2a-0000-4000-8000-00000000beef"
    children = [subprocess.Popen([sys.executable, "-c", JOIN, session_id, str(part * 50)]) for part in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    run(
        "import agentops_otel as agentops\n"
        f"agentops.init(inherited_session_id='{session_id}', instrument_llm_calls=False).end_session('Success')"
    )
    session = recorded.session()
    assert (session_id, "Success", 5) == (session.session_id, session.end_state, len(session.processes))
    counts = session.statistics
    assert (200, sum(range(200)), "0.2") == (counts.llms, counts.prompt_tokens, str(counts.cost))
    assert {f"event-{number}" for number in range(200)} == {event.event_id for event in recorded.events()}


def test_threads_that_start_and_end_sessions_leave_the_environment_as_it_was(run: Run) -> None:
    """A child process that is started later joins none of theirs."""
    run(
        """
        import os, sys, threading
        import agentops_otel as agentops
        agentops.init(auto_start_session=False, instrument_llm_calls=False, exporter="none")
        sys.setswitchinterval(1e-6)

        def work():
            for _ in range(50):
                agentops.start_session().end_session()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert "TRACEPARENT" not in os.environ and "BAGGAGE" not in os.environ
        """
    )


def test_child_processes_join_by_their_environment(run: Run, recorded: Recorded) -> None:
    """A child that calls init without arguments joins the one active session; later it is as it was before."""
    run(
        START
        + """
import subprocess
child = 'import agentops_otel as a; a.init(instrument_llm_calls=False); a.record(a.ActionEvent(action_type="child"))'
subprocess.run([sys.executable, "-c", child], check=True)
agentops.end_session("Success")
assert "TRACEPARENT" not in os.environ and "BAGGAGE" not in os.environ
"""
    )
    assert {"before", "child"} == {event.name for event in recorded.events()}
    assert (recorded.session().end_state, len(recorded.session().processes)) == ("Success", 2)


def test_two_active_sessions_announce_none_to_children(run: Run) -> None:
    """Nothing is guessed."""
    run(START + "agentops.start_session(); assert 'TRACEPARENT' not in os.environ")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")


@needs_fork
def test_a_forked_child_records_into_the_session_and_does_not_end_it(run: Run, recorded: Recorded) -> None:
    """os.fork: the child's events arrive, and its exit leaves the session to the parent."""
    run(
        START
        + """
pid = os.fork()
if pid == 0:
    agentops.record(agentops.ActionEvent(action_type="child"))
    sys.exit(0)
os.waitpid(pid, 0)
agentops.record(agentops.ActionEvent(action_type="after"))
agentops.end_session("Success")
"""
    )
    assert {"before", "child", "after"} == {event.name for event in recorded.events()}
    assert (recorded.session().end_state, len(recorded.session().processes)) == ("Success", 2)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_record_into_the_session(
    method: str, run: Run, recorded: Recorded, tmp_path: Path
) -> None:
    """Workers of every start method deliver what they recorded although they leave past atexit."""
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing
import agentops_otel as agentops

def work(number):
    agentops.init(instrument_llm_calls=False)
    agentops.record(agentops.ActionEvent(action_type=str(number)))

if __name__ == "__main__":
    with agentops.init(instrument_llm_calls=False):
        context = multiprocessing.get_context("{method}")
        workers = [context.Process(target=work, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
"""
    )
    subprocess.run([sys.executable, str(program)], check=True, timeout=60)
    assert {"0", "1", "2"} == {event.name for event in recorded.events()}
    assert recorded.session().end_state == "Success"


PROVIDERS = {
    "none": "",
    "sdk": """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
""",
    "sampled out": """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
provider = TracerProvider(sampler=ALWAYS_OFF)
trace.set_tracer_provider(provider)
""",
    "not an SDK": """
from opentelemetry import trace
class Foreign(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return trace.NoOpTracer()
provider = Foreign()
trace.set_tracer_provider(provider)
""",
}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_session_is_recorded_beside_any_provider(kind: str, run: Run, recorded: Recorded) -> None:
    """Whatever provider the host has is used or left alone, never replaced; no event and no cost is lost."""
    check = "assert trace.get_tracer_provider() is provider" if PROVIDERS[kind] else ""
    run(
        PROVIDERS[kind]
        + START
        + f"""
agentops.record(agentops.LLMEvent(model="m", cost=0.5))
assert agentops.end_session("Success") == "0.500000"
{check}
"""
    )
    session = recorded.session()
    assert (
        *(session.end_state, session.statistics.actions, session.statistics.llms, str(session.statistics.cost)),
    ) == ("Success", 1, 1, "0.5")
    assert session.session_id.replace("-", "") == recorded.events()[0].trace_id


LATER = """
from opentelemetry import trace
early = trace.get_tracer("app")
with early.start_as_current_span("early"):
    pass
{provider}
with trace.get_tracer("app").start_as_current_span("step"):
    agentops.record(agentops.LLMEvent(model="m", cost=0.5))
with early.start_as_current_span("resolved"):
    pass
assert agentops.end_session("Success") == "0.500000"
assert trace.get_tracer_provider() is provider
"""


@pytest.mark.parametrize("kind", [kind for kind in PROVIDERS if PROVIDERS[kind]])
def test_a_provider_that_the_host_sets_after_us_takes_the_place_of_ours(
    kind: str, run: Run, recorded: Recorded
) -> None:
    """The host is not told that it may not, its provider is global, and all spans are recorded whoever makes them."""
    done = run(START + LATER.format(provider=PROVIDERS[kind]))
    assert done.stderr == ""
    names = {"before", "early", "chat m", "resolved"}
    kept = {"step"} if kind == "sdk" else set()  # the others drop what the host makes
    assert {event.name for event in recorded.events()} == names | kept
    assert recorded.session().end_state == "Success"


def test_the_spans_of_a_provider_that_is_set_after_us_are_exported_by_it(run: Run) -> None:
    """As where it was set before: its exporter gets its own spans and ours."""
    run(
        """
        import agentops_otel as agentops
        agentops.init(instrument_llm_calls=False)
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        kept, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(kept))
        trace.set_tracer_provider(provider)
        with trace.get_tracer("app").start_as_current_span("mine"):
            agentops.record(agentops.ActionEvent(action_type="ours"))
        agentops.end_session("Success")
        assert [span.name for span in kept.get_finished_spans()][:2] == ["ours", "mine"]
        """
    )


def test_the_host_spans_and_ids_are_its_own(run: Run) -> None:
    """The host's id generator makes the host's ids, and its exporter sees its spans unchanged."""
    run(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.sdk.trace.id_generator import IdGenerator

        class Counting(IdGenerator):
            count = 0
            def generate_span_id(self):
                self.count += 1
                return self.count
            def generate_trace_id(self):
                return 7

        kept, ids = InMemorySpanExporter(), Counting()
        provider = TracerProvider(id_generator=ids)
        provider.add_span_processor(SimpleSpanProcessor(kept))
        trace.set_tracer_provider(provider)
        import agentops_otel as agentops
        agentops.init(instrument_llm_calls=False).end_session()
        with trace.get_tracer("app").start_as_current_span("mine", attributes={"a": 1}):
            pass
        mine = kept.get_finished_spans()[-1]
        assert (mine.name, dict(mine.attributes), mine.context.trace_id, mine.parent) == ("mine", {"a": 1}, 7, None)
        assert provider.id_generator is ids
        """
    )


def test_a_disabled_sdk_disables_us_and_nothing_else(run: Run) -> None:
    """OTEL_SDK_DISABLED: every call works and nothing is recorded."""
    run(
        "import os\nos.environ['OTEL_SDK_DISABLED'] = 'true'\n"
        + START
        + "assert agentops.end_session('Success') == '0.000000'"
    )


def test_a_home_that_cannot_be_written_never_reaches_the_program(tmp_path: Path, run: Run) -> None:
    """The program runs to its end; one line on stderr names the file and the remedy."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")
    started = time.monotonic()
    done = run(
        f"import os\nos.environ['AGENTOPS_HOME'] = {str(blocked / 'home')!r}\nos.environ['AGENTOPS_STRICT'] = ''\n"
        + START
        + "print('cost', agentops.end_session('Success'))"
    )
    assert done.stdout == "cost 0.000000\n"
    assert str(blocked) in done.stderr
    assert time.monotonic() - started < 30
