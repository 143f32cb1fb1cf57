"""`aibuildai watch`."""

import typer

from ops import runs
from ops.connection import connect, target
from ops.console import Json, Run, complete, found, here, say
from ops.ending import exit_code, summary
from ops.settings import Settings
from ops.showing import events, show


def add(app: typer.Typer) -> None:
    app.command(name="watch", help="Follow a run; Ctrl-C leaves it to itself. With --json, one line for each event.")(
        watch
    )


def watch(context: typer.Context, run: Run, json: Json = False) -> int:
    return complete(_watch(here(context), run, json=json))


async def _watch(settings: Settings, prefix: str, *, json: bool) -> int:
    client, run = await found(settings, prefix)
    finished = runs.ended(settings, run)
    if finished is not None:  # its folder tells it all: nobody has to be asked
        entries = [entry.model_dump_json() for entry in runs.read_ledger(runs.layout(settings, run))]
        say("\n".join(entries if json else summary(finished)))
        return exit_code(finished)
    if client is None:
        client = await connect(settings)  # which says how to get a server
    if json:
        return await events(client, run)
    where = target(settings)
    return await show(client, run, where.url(run) if where else None, json=False)
