"""The tree of commands, and what becomes of their errors: one line on stderr and an exit code."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence

import click

from agentops_otel._version import __version__
from agentops_otel.cli.diagnosis import doctor
from agentops_otel.cli.explaining import explain
from agentops_otel.cli.keeping import store
from agentops_otel.cli.moving import export_sessions, import_files
from agentops_otel.cli.output import complain
from agentops_otel.cli.prices import prices, reprice
from agentops_otel.cli.running import run_program
from agentops_otel.cli.serving import keys, projects, serve
from agentops_otel.cli.sessions import sessions
from agentops_otel.errors import AgentOpsError, ConfigurationError, InvalidValueError, SessionNotFoundError, StoreError

OK, PROBLEM, USAGE, NO_SESSION, STORE_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

NAME = "agentops-otel"
COMPLETING = "_AGENTOPS_OTEL_COMPLETE"
"""Set by the shell functions that click makes for completion."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=NAME, message=f"%(prog)s %(version)s (Python {platform.python_version()})")
def app() -> None:
    """Sessions of AI agents: look at them, export them, and see what is recorded.

    \b
    Exit codes: 0 done, 1 a problem was found or nothing was, 2 wrong usage,
    3 no such session, 4 the store cannot be used.
    """


for command in (
    *(sessions, export_sessions, import_files, doctor, explain),
    *(run_program, prices, reprice, serve, keys, projects, store),
):
    app.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Nothing of ours is raised."""
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and later; it holds the help of a group
            click.echo(error.format_message())
            return USAGE
        return complain(f"{_sentence(error)}; see `{_path(error)} --help`", USAGE)
    except click.ClickException as error:
        return complain(error.format_message(), PROBLEM)
    except (click.Abort, KeyboardInterrupt):
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _stop_writing()
    except AgentOpsError as error:
        return complain(str(error), _code_of(error))
    except OSError as error:
        return complain(f"{error.filename or 'output'}: {error.strerror or error}", PROBLEM)


def _invoke(arguments: list[str]) -> int:
    """What `app.main` does, except that it would take a closed pipe for a failure."""
    if COMPLETING in os.environ:  # the shell asks for completions, and wants no more than the answer
        app.main(arguments, prog_name=NAME)
    with app.make_context(NAME, arguments) as context:
        code = app.invoke(context)
    return code if isinstance(code, int) else OK


def _sentence(error: click.UsageError) -> str:
    return " ".join(error.format_message().split()).rstrip(".")


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx is not None else NAME


def _code_of(error: AgentOpsError) -> int:
    if isinstance(error, SessionNotFoundError):
        return NO_SESSION
    if isinstance(error, StoreError):
        return STORE_FAILED
    return USAGE if isinstance(error, (ConfigurationError, InvalidValueError)) else PROBLEM


def _stop_writing() -> int:
    """Whoever read our output has seen enough, as `head` has. What is still buffered must not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK
