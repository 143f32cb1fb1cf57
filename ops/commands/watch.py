"""`aibuildai watch`."""

import typer

from ops import runs
from ops.connection import connect, target
from ops.console import Json, Run, complete, here
from ops.settings import Settings
from ops.showing import events, show


def add(app: typer.Typer) -> None:
    app.command(name="watch", help="Follow a run; Ctrl-C leaves it to itself. With --json, one line for each event.")(
        watch
    )


def watch(context: typer.Context, run: Run, json: Json = False) -> int:
    return complete(_watch(here(context), run, json=json))


async def _watch(settings: Settings, prefix: str, *, json: bool) -> int:
    client = await connect(settings)
    run = await runs.resolve(settings, client, prefix)
    if json:
        return await events(client, run)
    where = target(settings)
    return await show(client, run, where.url(run) if where else None, json=False)
