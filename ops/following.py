"""Looking at a run while it goes on, and showing what is seen until it ends, pauses, or the person has seen enough."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from ops import runs, telling, view
from ops.errors import CommandFailed
from ops.spending import Spent, spent
from schemas.event import LedgerEntry
from schemas.state import RunState

EVERY = 1.0  # seconds between looks
QUIET = 30.0  # seconds after which a terminal that cannot redraw is told that all is well
SILENT_LOOKS = 15  # without an answer, before a person is told to look at the workers
SILENCE = "no worker answers; `aibuildai doctor` says why, `aibuildai up` starts what is down"
CLOSING = 120.0  # seconds that a run which has ended may take to write its reports


@dataclass(frozen=True)
class Look:
    """A run at one moment: `entries` are new since the last look, `doing` maps invocations to what they do."""

    state: RunState
    cost: Spent
    entries: Sequence[LedgerEntry] = ()
    doing: dict[str, str] = field(default_factory=dict)
    closed: bool = False


class Show(Protocol):
    """What is done with each look, and where nobody answers."""

    def look(self, look: Look, now: datetime) -> None: ...

    def silence(self, advice: str) -> None: ...


async def follow(client: Client, run: str, show: Show, *, after: int = 0) -> RunState:
    """Shows a run until it has ended and its reports are written, or it is paused; returns its last state."""
    state: RunState | None = None
    async for look in looks(client, run, show, after):
        state = look.state
        show.look(look, datetime.now(UTC))
        if look.closed or state.paused:
            break
    if state is None:
        raise CommandFailed(f"nothing is known of {run}: see `aibuildai doctor`")
    return state


async def looks(client: Client, run: str, show: Show, after: int) -> AsyncIterator[Look]:
    """One look a second; the last has `closed` set."""
    seq, silent, ended = after, 0, 0.0
    while True:
        found = await look_at(client, run, seq)
        silent = 0 if found else silent + 1
        if silent and silent % SILENT_LOOKS == 0:
            why = await runs.unable(client, run)
            show.silence(f"the run cannot answer: {why}" if why else SILENCE)
        if found:
            seq = found.entries[-1].seq if found.entries else seq
            ended += EVERY if found.state.ended else 0.0
            yield found if ended < CLOSING else replace(found, closed=True)
        await asyncio.sleep(EVERY)


async def look_at(client: Client, run: str, after: int) -> Look | None:
    """What is to be seen now; None if nobody answers."""
    try:
        description = await runs.handle(client, run).describe(rpc_timeout=timedelta(seconds=10))
    except RPCError:  # the server is down or restarts: it is asked again
        return None
    state = await runs.live_state(client, run)
    entries = await runs.new_entries(client, run, after) if state else None
    if state is None or entries is None:
        return None
    doing = {
        activity.activity_id.rpartition(".a")[0] or activity.activity_id: await _words(client, activity)
        for activity in description.raw_description.pending_activities
    }
    over = description.status is not WorkflowExecutionStatus.RUNNING
    return Look(state, await asyncio.to_thread(spent, state), entries, doing, closed=over)


async def _words(client: Client, activity: Any) -> str:
    """What the last heartbeat of an activity said."""
    payloads = activity.heartbeat_details.payloads
    if not payloads:
        return "at work" if activity.HasField("last_started_time") else "waits for a worker"
    values = await client.data_converter.decode(payloads)
    return " ".join(str(values[0]).split())[:120]


class Screen:
    """Redraws one screen, for a terminal; events scroll by above it."""

    def __init__(self, console: Console, live: Live, url: str | None) -> None:
        self._console, self._live, self._url = console, live, url

    def look(self, look: Look, now: datetime) -> None:
        for entry in look.entries:
            self._console.print(telling.line(entry), style="dim", markup=False, highlight=False)
        self._live.update(view.screen(look.state, look.doing, now, self._url, look.cost))

    def silence(self, advice: str) -> None:
        self._console.print(advice, style="yellow", markup=False)


class Lines:
    """Appends lines, for logs and pipes: each event, and a sign of life where nothing happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spoke: datetime | None = None

    def look(self, look: Look, now: datetime) -> None:
        for entry in look.entries:
            self._say(telling.line(entry), now)
        if self._spoke is None or (now - self._spoke).total_seconds() >= QUIET:
            what = [view.flight(one, look.doing, now, look.cost.costs) for one in look.state.in_flight.values()]
            self._say("; ".join([view.headline(look.state, now, look.cost).plain, *what]), now)

    def silence(self, advice: str) -> None:
        self._say(advice, datetime.now(UTC))

    def _say(self, text: str, now: datetime) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._spoke = now


class Entries:
    """One JSON line for each event, for programs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def look(self, look: Look, now: datetime) -> None:  # noqa: ARG002 - the protocol's
        for entry in look.entries:
            self._console.out(entry.model_dump_json(), highlight=False)

    def silence(self, advice: str) -> None:
        pass


class Nothing:
    """For a command whose only output is its result."""

    def look(self, look: Look, now: datetime) -> None:
        pass

    def silence(self, advice: str) -> None:
        pass
