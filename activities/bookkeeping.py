"""What stays of a run on disk: its ledger, its history, its reports, and the mark by which agents hold."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from temporalio import activity
from temporalio.client import Client, WorkflowHandle

from activities.agent.journal import Superseded
from activities.agent.purse import Purse
from activities.answers import answered
from activities.attended import attended
from activities.execution.durable import whole_lines, write_whole
from activities.fence import fenced, numbers
from activities.heavy import heavy
from activities.workspace.layout import Layout
from activities.workspace.report import render
from schemas.delivery import HoldRequest, Published, PublishRequest, Released
from schemas.event import LedgerEntry
from schemas.role import Caps


class BookkeepingActivities:
    """On the control queue. The workflow is asked for its ledger, so that no copy of it enters history."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name="publish")
    async def publish(self, request: PublishRequest) -> Published:
        layout, info = Layout.of(request.run), activity.info()
        assert info.workflow_id is not None, "publish is called by a workflow"
        handle: WorkflowHandle[object, object] = self._client.get_workflow_handle(
            info.workflow_id, run_id=info.workflow_run_id
        )
        async with attended("writing the ledger") as doing:
            entries = await ledger_of(handle)
            known = entries[-1].seq if entries else 0
            with fenced(layout.fence("publish"), known, *numbers(info.activity_id)[-1:]) as fence:
                await asyncio.to_thread(extend, layout.ledger, entries, fence.write)
                doing.now("writing the history")
                await asyncio.to_thread(fence.write, layout.history(request.epoch), await history_of(handle))
                if not request.report:
                    return Published(files=(str(layout.ledger),))
                doing.now("waiting for a place to write the reports")
                async with heavy():
                    doing.now("writing the reports")
                    reports = await asyncio.to_thread(render, layout, fence.write)
        return Published(files=(str(layout.ledger), *map(str, reports)))

    @activity.defn(name="hold")
    async def hold(self, request: HoldRequest) -> Released:
        layout = Layout.of(request.run)
        async with attended("telling agents"):
            if request.caps != Caps():
                await asyncio.to_thread(Purse(layout.purse, Caps()).raise_caps, request.caps)
            with suppress(Superseded):  # agents were told what is newer
                await asyncio.to_thread(_mark, layout, request)
        return Released()


def _mark(layout: Layout, request: HoldRequest) -> None:
    with fenced(layout.fence("hold"), request.seq) as fence:
        if request.held:
            fence.write(layout.held, request.why or "paused")
        else:
            fence.remove(layout.held)


async def ledger_of(handle: WorkflowHandle[object, object]) -> list[LedgerEntry]:
    """The entries of one execution, page by page."""
    found: list[LedgerEntry] = []
    while True:
        after = found[-1].seq if found else 0
        page = await answered(lambda: _page(handle, after))  # noqa: B023 - awaited before `after` changes
        if not page:
            return found
        found += page


async def _page(handle: WorkflowHandle[object, object], after: int) -> list[LedgerEntry]:
    page: list[LedgerEntry] = await handle.query("ledger", after, result_type=list[LedgerEntry])
    return page


async def history_of(handle: WorkflowHandle[object, object]) -> str:
    return (await handle.fetch_history()).to_json()


def extend(ledger: Path, entries: list[LedgerEntry], write: Callable[[Path, str], object] = write_whole) -> None:
    """Adds what the ledger's file lacks; it never gets shorter. From where the entries differ, theirs are put there."""
    lines = [line.decode() for line in whole_lines(ledger)] if ledger.exists() else []
    known: dict[int, str] = {json.loads(line)["seq"]: line for line in lines}
    if not entries or max(known, default=0) > entries[-1].seq:
        return
    kept = [line for seq, line in known.items() if seq < entries[0].seq]
    whole = [*kept, *(_line(entry, known.get(entry.seq)) for entry in entries)]
    if whole != lines:
        write(ledger, "\n".join(whole) + "\n")


def _line(entry: LedgerEntry, there: str | None) -> str:
    """As it is there, if it says the same: an older version may have written it."""
    if there is not None and LedgerEntry.model_validate_json(there) == entry:
        return there
    return entry.model_dump_json()
