"""The `aibuildai` command."""

import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from activities.errors import BadInput
from ops import telemetry
from ops.commands import acts, doctor, history, lists, report, run, services, status, task, watch
from ops.console import failing
from ops.errors import CommandFailed

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Builds AI models from a task in words and a folder of data, as durable runs that can be steered and audited.",
)
for group in (run, lists, status, watch, acts, history, report, services, doctor):
    group.add(app)
app.add_typer(task.app, name="task", help="Describe a task.")


@app.callback()
def configure(
    home: Annotated[
        Path | None, typer.Option(envvar="AIBUILDAI_HOME", help="Where runs, server and logs live (~/.aibuildai).")
    ] = None,
    log_level: Annotated[str, typer.Option(help="What is logged to standard error: debug, info, warning.")] = "warning",
) -> None:
    telemetry.configure(json=not sys.stderr.isatty(), level=log_level)
    if home is not None:  # so that processes started from here agree
        os.environ["AIBUILDAI_HOME"] = str(home.expanduser().absolute())


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and leaves with its exit code: 0 done, 1 failed, 2 bad input, 3 stopped or paused."""
    given = sys.argv[1:] if arguments is None else arguments
    json = "--json" in given
    try:
        code = app(args=given, standalone_mode=False)
    except (BadInput, CommandFailed) as error:
        code = failing(error, json=json)
    except click.UsageError as error:
        code = failing(BadInput(_usage(error)), json=json)
    except click.Abort:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "aibuildai"
    return f"{error.format_message()}\nSee `{command} --help`."
