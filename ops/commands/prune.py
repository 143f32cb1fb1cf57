"""`aibuildai prune`."""

from datetime import timedelta
from typing import Annotated

import typer

from activities.errors import BadInput
from ops.console import Json, client_if_up, complete, give, here, say
from ops.ending import FAILED
from ops.pruning import Choice, Pruned, prune
from ops.settings import Settings
from ops.words import size


def add(app: typer.Typer) -> None:
    app.command(name="prune", help="Free the disk of what ended runs left; model, report and record stay.")(prune_runs)


def prune_runs(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Only these runs.")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, help="Only runs that ended so many days ago.")] = None,
    keep: Annotated[int, typer.Option(min=0, help="Leave the newest so many ended runs alone.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="Remove whole runs, with model, report and record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    json: Json = False,
) -> int:
    if all_ and not names and older_than is None and not keep:
        raise BadInput("--all removes models and records for good: name the runs, or give --older-than or --keep")
    choice = Choice(
        names=tuple(names or ()),
        older_than=None if older_than is None else timedelta(days=older_than),
        newest=keep,
        everything=all_,
    )
    pruned = complete(_prune(here(context), choice, dry_run=dry_run))
    if json:
        give({**pruned.model_dump(mode="json"), "bytes": pruned.bytes})
    else:
        say("\n".join(_lines(pruned)))
    return FAILED if pruned.problems else 0


async def _prune(settings: Settings, choice: Choice, *, dry_run: bool) -> Pruned:
    return await prune(settings, await client_if_up(settings), choice, dry_run=dry_run)


def _lines(pruned: Pruned) -> list[str]:
    gone = [f"{size(one.bytes):>10}  {one.name}" for one in (*pruned.runs, *pruned.shared)]
    kept = [f"Kept: {one.name}: {one.why}" for one in pruned.kept]
    total = f"{'Would free' if pruned.dry_run else 'Freed'} {size(pruned.bytes)}." if gone else "Nothing to remove."
    return [*gone, *kept, *pruned.problems, total]
