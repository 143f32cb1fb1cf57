"""`aibuildai status`."""

from datetime import UTC, datetime

import typer
from rich.console import Console

from ops import following, runs, view
from ops.connection import target
from ops.console import Json, Run, complete, found, give, here, say
from ops.ending import summary
from ops.settings import Settings
from ops.spending import spent
from ops.standing import standing


def add(app: typer.Typer) -> None:
    app.command(name="status", help="How a run stands.")(status)


def status(context: typer.Context, run: Run, json: Json = False) -> None:
    complete(_status(here(context), run, json=json))


async def _status(settings: Settings, prefix: str, *, json: bool) -> None:
    client, run = await found(settings, prefix)
    known = await runs.known(settings, client, run)
    where, now = target(settings), datetime.now(UTC)
    url = where.url(run) if where else None
    if json:
        give(standing(known.state, now, url=url, live=known.live))
        return
    look = await following.look_at(client, run, known.state.seq) if client and known.live else None
    Console().print(view.screen(known.state, look.doing if look else {}, now, url, spent(known.state)))
    if known.state.ended or known.state.paused:
        say("\n".join(["", *summary(known.state)]))
    if not known.live and not known.state.ended:
        say("No worker answers: this is what the run's folder holds. `aibuildai up` lets it go on.")
