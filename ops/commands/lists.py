"""`aibuildai list`."""

import asyncio
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from ops import runs
from ops.connection import target
from ops.console import Json, client_if_up, complete, give, here, say
from ops.errors import CommandFailed
from ops.settings import Settings
from ops.standing import Standing, standing

AT_ONCE = 8  # a worker may have to replay a run's history to answer


def add(app: typer.Typer) -> None:
    app.command(name="list", help="All runs, the newest first.")(list_runs)


def list_runs(context: typer.Context, json: Json = False) -> None:
    complete(_list(here(context), json=json))


async def _list(settings: Settings, *, json: bool) -> None:
    client = await client_if_up(settings)
    names = await runs.every(settings, client)
    some = asyncio.Semaphore(AT_ONCE)
    found = await asyncio.gather(*(_one(settings, client, name, some) for name in names))
    if json:
        give([one.model_dump(mode="json") if one else {"run": name} for name, one in zip(names, found, strict=True)])
        return
    if not names:
        say("No runs yet: aibuildai run TASK starts one.")
        return
    Console().print(_table(names, found))


async def _one(settings: Settings, client: Client | None, run: str, some: asyncio.Semaphore) -> Standing | None:
    where = target(settings)
    url = where.url(run) if where else None
    try:
        state = runs.ended(settings, run)
        if state is not None:
            return standing(state, datetime.now(UTC), url=url, live=False)
        async with some:
            known = await runs.known(settings, client, run)
    except CommandFailed:  # a run of which nothing can be read is still listed, by its name
        return None
    return standing(known.state, datetime.now(UTC), url=url, live=known.live)


def _table(names: list[str], found: list[Standing | None]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("run", "phase", "best", "metric", "candidates"):
        table.add_column(name, overflow="fold")
    for name, one in zip(names, found, strict=True):
        if one is None:
            table.add_row(name, "unknown", "", "", "")
            continue
        value = f"{one.best.value:.4g}" if one.best else ""
        phase = "PAUSED" if one.paused else one.phase
        table.add_row(name, phase, value, one.best.metric if one.best else "", str(len(one.candidates)))
    return table
