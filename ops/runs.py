"""Runs as commands see them: found by a prefix, read from Temporal while a worker answers, else from their folder."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import NondeterminismError

from activities.answers import answered
from activities.errors import BadInput
from activities.execution.durable import whole_lines
from activities.workspace.layout import Layout
from ops import replaying
from ops.errors import CommandFailed
from ops.settings import Settings
from schemas.event import LedgerEntry, RunEnded
from schemas.state import RunState
from workflows import fold

WORKFLOW = "Build"
ANSWER = timedelta(seconds=10)  # a query is answered within milliseconds if a worker is there at all

MOST_LISTED = 200
SILENT = (
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.FAILED_PRECONDITION,  # no worker polls the queue, or the first task has not been done yet
)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Known:
    """A run's state and where it was read; `live` is False where only its folder could be asked."""

    state: RunState
    live: bool


def layout(settings: Settings, run: str) -> Layout:
    """The run's folder; a run in another playground is linked from the home folder."""
    return Layout((settings.runs / run).resolve())


def local_runs(settings: Settings) -> list[str]:
    """The runs that this home folder knows, newest first."""
    if not settings.runs.is_dir():
        return []
    found = [path for path in settings.runs.iterdir() if (path / "run.json").is_file()]
    return [path.name for path in sorted(found, key=lambda path: (path / "run.json").stat().st_mtime, reverse=True)]


async def every(settings: Settings, client: Client | None) -> list[str]:
    """All runs that the home folder or the server knows, newest first."""
    local = local_runs(settings)
    if client is None:
        return local
    query = f"WorkflowType = '{WORKFLOW}'"
    remote = [item.id async for item in client.list_workflows(query, limit=MOST_LISTED)]
    return list(dict.fromkeys([*local, *remote]))


async def resolve(settings: Settings, client: Client | None, prefix: str) -> str:
    """The one run whose id begins with `prefix`; BadInput names those that do."""
    found = [run for run in local_runs(settings) if run.startswith(prefix)]
    if prefix not in found and client is not None:
        found += [run for run in await _remote(client, prefix) if run not in found]
    if prefix in found:
        return prefix
    if not found:
        raise BadInput(f"there is no run {prefix!r}: `aibuildai list` shows them")
    if len(found) > 1:
        raise BadInput(f"{prefix!r} begins {len(found)} runs, write more of it: {', '.join(sorted(found)[:8])}")
    return found[0]


async def _remote(client: Client, prefix: str) -> list[str]:
    if not prefix.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return []
    query = f"WorkflowType = '{WORKFLOW}' AND WorkflowId STARTS_WITH '{prefix}'"
    return list(dict.fromkeys([item.id async for item in client.list_workflows(query, limit=20)]))


async def known(settings: Settings, client: Client | None, run: str) -> Known:
    """The run's state: from its folder once it ended, else from its workflow; where no worker answers, from its ledger
    as far as it is written, or from its history replayed."""
    finished = ended(settings, run)
    if finished is not None:
        return Known(finished, live=client is not None)
    if client is not None:
        state = await live_state(client, run)
        if state is not None:
            return Known(state, live=True)
    entries = await _recorded(client, run, read_ledger(layout(settings, run)))
    if not entries:
        raise CommandFailed(f"nothing is known of {run} yet, and no server answers: `aibuildai up`")
    return Known(folded(entries), live=False)


def ended(settings: Settings, run: str) -> RunState | None:
    """The last state of a run that has written its end to its folder: nobody has to be asked for it."""
    entries = read_ledger(layout(settings, run))
    return folded(entries) if entries and isinstance(entries[-1].event, RunEnded) else None


async def live_state(client: Client, run: str) -> RunState | None:
    """The workflow's own word; None if the server does not know the run, or no worker answers."""
    return await _asked(lambda: handle(client, run).query("state", result_type=RunState, rpc_timeout=ANSWER))


async def unable(client: Client, run: str) -> str:
    """Why the workflow cannot answer though a worker is there, which no waiting mends; empty if that is not so."""
    try:
        async with asyncio.timeout(ANSWER.total_seconds()):
            await answered(lambda: handle(client, run).query("state", rpc_timeout=ANSWER))
    except WorkflowQueryFailedError as error:
        return str(error)
    except (TimeoutError, RPCError):
        pass
    return ""


async def new_entries(client: Client, run: str, after: int) -> list[LedgerEntry] | None:
    """The ledger's entries after a number, as far as this execution holds them; None if no worker answers."""
    found: list[LedgerEntry] = []
    while True:
        start = found[-1].seq if found else after
        page = await _asked(lambda: _page(client, run, start))  # noqa: B023 - awaited before `start` changes
        if page is None:
            return None
        if not page:
            return found
        found += page


async def _page(client: Client, run: str, after: int) -> list[LedgerEntry]:
    page: list[LedgerEntry] = await handle(client, run).query(
        "ledger", after, result_type=list[LedgerEntry], rpc_timeout=ANSWER
    )
    return page


async def _asked(ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """The answer to a query; None where nobody is there who can give it, while its history can still be read."""
    try:
        async with asyncio.timeout(ANSWER.total_seconds()):
            return await answered(ask)
    except (TimeoutError, WorkflowQueryFailedError):
        return None
    except RPCError as error:
        if error.status in SILENT:
            return None
        raise


async def ledger(settings: Settings, client: Client | None, run: str) -> list[LedgerEntry]:
    """All that is known of a run's ledger: what its folder holds, and what its workflow holds beyond.

    Where no worker answers but the server does, the history is replayed here instead.
    """
    entries = read_ledger(layout(settings, run))
    if client is None or (entries and isinstance(entries[-1].event, RunEnded)):
        return entries
    more = await new_entries(client, run, entries[-1].seq if entries else 0)
    return entries + more if more is not None else await _recorded(client, run, entries)


async def _recorded(client: Client | None, run: str, written: list[LedgerEntry]) -> list[LedgerEntry]:
    """The ledger as it was written, or as the server's history gives it where that is further."""
    if client is None or (written and isinstance(written[-1].event, RunEnded)):
        return written
    try:
        return max(written, await replaying.derived(client, run), key=len)
    except (NondeterminismError, RuntimeError) as error:
        if written:
            return written
        raise CommandFailed(f"the history of {run} is of another version of this code: {error}") from error


def read_ledger(where: Layout) -> list[LedgerEntry]:
    """The ledger in a run's folder, of one that was cut off what is complete; CommandFailed if a line is damaged."""
    if not where.ledger.is_file():
        return []
    try:
        return [LedgerEntry.model_validate_json(line) for line in whole_lines(where.ledger)]
    except ValueError as error:
        raise CommandFailed(f"{where.ledger} was damaged, or written by a newer version: {error}") from error


def folded(entries: Sequence[LedgerEntry]) -> RunState:
    """The state that a ledger comes to."""
    state = fold.begin(entries[0])
    for entry in entries[1:]:
        state = fold.apply(state, entry)
    return state


def handle(client: Client, run: str) -> WorkflowHandle[Any, Any]:
    return client.get_workflow_handle(run)
