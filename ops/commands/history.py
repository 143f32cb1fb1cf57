"""`aibuildai history`."""

from typing import Annotated

import typer

from ops import auditing, runs, telling
from ops.console import Json, Run, complete, found, give, here, say
from ops.errors import CommandFailed
from ops.settings import Settings
from schemas.event import LedgerEntry

WHOLE = 20_000  # characters: a reason is never cut here


def add(app: typer.Typer) -> None:
    app.command(name="history", help="What was decided, in order, with the reasons.")(history)


def history(
    context: typer.Context,
    run: Run,
    verify: Annotated[
        bool, typer.Option("--verify", help="Replay Temporal's history without a model, and compare the ledgers.")
    ] = False,
    json: Json = False,
) -> int:
    settings = here(context)
    return complete(_verify(settings, run, json=json) if verify else _history(settings, run, json=json))


async def _history(settings: Settings, prefix: str, *, json: bool) -> int:
    client, run = await found(settings, prefix)
    entries = await runs.ledger(settings, client, run)
    if not entries:
        raise CommandFailed(f"no worker answers for {run}, and its folder holds no ledger yet: `aibuildai up`")
    if json:
        give([entry.model_dump(mode="json") for entry in entries])
    else:
        say("\n".join(_line(entry) for entry in entries))
    return 0


def _line(entry: LedgerEntry) -> str:
    return f"{entry.seq:>4}  {entry.at.astimezone():%Y-%m-%d} {telling.line(entry, WHOLE)}"


async def _verify(settings: Settings, prefix: str, *, json: bool) -> int:
    client, run = await found(settings, prefix)
    verdict = await auditing.verify(settings, client, run)
    if json:
        give(verdict)
    else:
        say("\n".join([verdict.words, *verdict.problems]))
    return 0 if verdict.agrees else 1
