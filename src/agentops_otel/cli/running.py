"""`agentops-otel run`: a program as one session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from agentops_otel.cli.output import remark
from agentops_otel.cli.stored import DB, path_of

if TYPE_CHECKING:
    from agentops_otel.records import Session as Record
    from agentops_otel.runtime import Runtime
    from agentops_otel.sessions import Session


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option("--tag", "tags", multiple=True, help="A tag of the session; may be given again.")
@click.option(
    "--scope",
    type=click.Choice(["process", "trace"]),
    default="process",
    help="What is a session: the whole run, or each trace (servers).",
)
@DB
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def run_program(tags: tuple[str, ...], scope: str, db: str | None, command: tuple[str, ...]) -> int:
    """Run a program as one session, and exit as it does.

    The program need not know of it, nor the Python programs it starts: what they call is recorded, and they join the
    session. It ends Success if the exit code is 0, else Failure, unless the program has said so itself.
    """
    from agentops_otel import client, runtime

    if shutil.which(command[0]) is None:
        raise click.UsageError(f"there is no program {command[0]!r}", click.get_current_context())
    environment = {"AGENTOPS_SESSION_SCOPE": scope, "PYTHONPATH": _python_path()}
    if db:
        environment["AGENTOPS_DB"] = str(path_of(db))
    if scope == "trace":
        if tags:
            raise click.UsageError("--tag is for the session of a whole run", click.get_current_context())
        return _shell_code(_exit_code_of(command, environment))
    client.init(auto_start_session=False, instrument_llm_calls=False, db=db)
    room, session = runtime.running(), client.start_session(list(tags))
    assert room is not None
    assert session is not None
    code = _exit_code_of(command, environment)
    _end(room, session, code)
    return _shell_code(code)


def _python_path() -> str:
    """PYTHONPATH with the folder in front whose `sitecustomize` records a program."""
    folder = str(Path(__file__).parents[1] / "autostart")
    return os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])


def _shell_code(code: int) -> int:
    """As a shell has it: 128 and the number of a signal."""
    return code if code >= 0 else 128 - code


def _exit_code_of(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it to its end, with these variables added.

    Ctrl-C reaches it by the terminal; SIGTERM is handed on, so that it can end in order.
    """
    process = subprocess.Popen(command, env={**os.environ, **environment})

    def hand_on(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(room: Runtime, session: Session, code: int) -> None:
    """End the session by the exit code, unless the program has ended it, or failed in it."""
    from agentops_otel import runtime

    session.flush()  # else a short program that has said goodbye is all that is known of the session
    record = room.record_of(session.key)
    if record is None or record.end_timestamp is None:
        failure = f"Signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        session.end_session("Failure" if code else "Success", failure if code else None)
        record = room.record_of(session.key)
    runtime.stop()
    with suppress(BrokenPipeError):  # the exit code is the program's, whoever still listens
        remark(_said(session, record))


def _said(session: Session, record: Record | None) -> str:
    from agentops_otel.text.values import cost_text, duration_text, events_text, state_text

    short = session.key[:8]
    if record is None:
        return f"session {short}"
    cost, time = cost_text(record.statistics), duration_text(record.duration_ns)
    return f"session {short}: {state_text(record)}, {time}, {cost}, events {events_text(record.statistics)}"
