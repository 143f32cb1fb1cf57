"""Following a run on a terminal, in a log, or for a program; Ctrl-C detaches and the run goes on."""

import asyncio
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from temporalio.client import Client

from ops import following
from ops.console import give, say
from ops.ending import exit_code, summary
from ops.following import Entries, Lines, Nothing, Screen, Show
from ops.standing import standing
from schemas.state import RunState


async def show(client: Client, run: str, url: str | None, *, json: bool, after: int = 0) -> int:
    """Shows a run until it ends or pauses; the exit code says what it came to, 0 if a person detached."""
    try:
        state = await _followed(client, run, url, json=json, after=after)
    except asyncio.CancelledError:  # Ctrl-C
        if json:
            give({"run": run, "detached": True})
            return 0
        say(f"\nDetached: the run goes on. Come back with: aibuildai watch {run}")
        return 0
    if json:
        give(standing(state, datetime.now(UTC), url=url, live=True))
    else:
        say("\n".join(["", *summary(state)]))
    return exit_code(state)


async def events(client: Client, run: str, *, after: int = 0) -> int:
    """One JSON line for each event until the run ends or pauses."""
    try:
        return exit_code(await following.follow(client, run, Entries(Console(soft_wrap=True)), after=after))
    except asyncio.CancelledError:
        return 0


async def _followed(client: Client, run: str, url: str | None, *, json: bool, after: int) -> RunState:
    console = Console()
    if json or not console.is_terminal:
        quiet: Show = Nothing() if json else Lines(console)
        return await following.follow(client, run, quiet, after=after)
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        return await following.follow(client, run, Screen(console, live, url), after=after)
