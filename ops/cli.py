"""The `aibuildai` command."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from activities.errors import BadInput
from ops import telemetry
from ops.commands import acts, doctor, history, lists, prune, report, run, services, status, task, watch
from ops.console import failing
from ops.ending import BAD_INPUT
from ops.errors import CommandFailed

INTERRUPTED = 130
# typer has click within or beside it, depending on its version: the base of what both raise for bad usage
USAGE: type[Exception] = typer.BadParameter.__mro__[1]


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Builds AI models from a task in words and a folder of data, as durable runs that can be steered and audited.",
)
for group in (run, lists, status, watch, acts, history, report, prune, services, doctor):
    group.add(app)
app.add_typer(task.app, name="task", help="Describe a task.")


@app.callback()
def configure(
    home: Annotated[
        Path | None, typer.Option(envvar="AIBUILDAI_HOME", help="Where runs, server and logs live (~/.aibuildai).")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What is logged to standard error.")] = LogLevel.WARNING,
) -> None:
    telemetry.configure(json=not sys.stderr.isatty(), level=log_level)
    if home is not None:  # so that processes started from here agree
        os.environ["AIBUILDAI_HOME"] = str(home.expanduser().absolute())


def main() -> None:
    """The command's entry: runs it, and leaves with its exit code."""
    code = run_command(sys.argv[1:])
    telemetry.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    # the SDK's threads may still call into Python while the interpreter is taken down, which aborts the process
    os._exit(code)


def run_command(arguments: list[str]) -> int:
    """Runs one command; 0 done, 1 failed, 2 bad input, 3 stopped or paused, 130 interrupted."""
    json = "--json" in arguments
    try:
        code = app(args=arguments, prog_name="aibuildai", standalone_mode=False)
    except (BadInput, CommandFailed) as error:
        return failing(error, json=json)
    except USAGE as error:
        said = _usage(error)
        return failing(BadInput(said), json=json) if said else BAD_INPUT
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # what reads our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _usage(error: Exception) -> str:
    """What is wrong and where help is; empty where help was all that was missing, and has been printed."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "aibuildai"
    words = getattr(error, "format_message", error.__str__)()  # it names the flag, which `message` does not
    return f"{words}\nSee `{command} --help`." if words else ""
