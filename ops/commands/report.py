"""`aibuildai report`."""

import webbrowser
from typing import Annotated

import typer

from ops import runs
from ops.console import Json, Run, complete, found, give, here, say
from ops.errors import CommandFailed
from ops.settings import Settings


def add(app: typer.Typer) -> None:
    app.command(name="report", help="Write a run's reports again, and print where they are.")(report)


def report(
    context: typer.Context,
    run: Run,
    open_: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    json: Json = False,
) -> None:
    # imported here: it loads what draws, which no other command should wait for
    from activities.workspace.report import render

    settings = here(context)
    name = complete(_current(settings, run))
    where = runs.layout(settings, name)
    # a run that was pruned lacks what its reports tell of: they stay as they were written
    reports = sorted(where.output.glob("report.*")) if where.pruned.is_file() else render(where)
    files = [str(path) for path in reports]
    if json:
        give({"run": name, "files": files})
    else:
        say("\n".join(files))
    if open_:
        webbrowser.open(f"file://{files[0]}")


async def _current(settings: Settings, prefix: str) -> str:
    """The run's id, once its folder holds all of the ledger that is known; a run itself writes it at its end."""
    from activities.bookkeeping import extend

    client, run = await found(settings, prefix)
    where = runs.layout(settings, run)
    if not where.folder.is_dir():
        raise CommandFailed(f"the folder of {run} is not on this machine: its reports lie with its workers")
    entries = await runs.ledger(settings, client, run)
    if not entries:
        raise CommandFailed(f"nothing is known of {run} yet: no worker answers; `aibuildai up`")
    extend(where.ledger, entries)
    return run
