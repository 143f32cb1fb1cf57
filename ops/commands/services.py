"""`aibuildai up` and `aibuildai down`."""

import typer

from ops import stack
from ops.console import Json, complete, give, here, say


def add(app: typer.Typer) -> None:
    app.command(name="up", help="Start the server and the workers that do not run; runs go on.")(up)
    app.command(name="down", help="Stop the workers and the server; runs go on at the next `up`.")(down)


def up(context: typer.Context, json: Json = False) -> None:
    result = complete(stack.up(here(context)))
    if json:
        give(
            {
                "address": result.where.address,
                "ui": result.where.ui,
                "started": list(result.started),
                "notes": result.notes,
            }
        )
        return
    say(f"Temporal: {result.where.address}" + (f"  UI: {result.where.ui}" if result.where.ui else ""))
    say(f"Started: {', '.join(result.started)}" if result.started else "Everything runs already.")
    for note in result.notes:
        say(note)


def down(context: typer.Context, json: Json = False) -> None:
    stopped = stack.down(here(context))
    if json:
        give({"stopped": list(stopped)})
    else:
        say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing ran.")
        say("Runs go on at the next `up`; jobs that train meanwhile go on by themselves.")
