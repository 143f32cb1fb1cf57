"""What stays of a run on disk: its ledger, its history, its reports, and the mark by which agents hold."""

import asyncio
import json
import os
from pathlib import Path

from temporalio import activity
from temporalio.client import Client, WorkflowHandle

from activities.agent.purse import Purse
from activities.attended import attended
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
            await asyncio.to_thread(extend, layout.ledger, await ledger_of(handle))
            doing.now("writing the history")
            await asyncio.to_thread(write_whole, layout.history(request.epoch), await history_of(handle))
            if not request.report:
                return Published(files=(str(layout.ledger),))
            doing.now("waiting for a place to write the reports")
            async with heavy():
                doing.now("writing the reports")
                reports = await asyncio.to_thread(render, layout)
        return Published(files=(str(layout.ledger), *map(str, reports)))

    @activity.defn(name="hold")
    async def hold(self, request: HoldRequest) -> Released:
        layout = Layout.of(request.run)
        if request.caps != Caps():
            await asyncio.to_thread(Purse(layout.purse, Caps()).raise_caps, request.caps)
        mark = layout.held
        if request.held:
            write_whole(mark, request.why or "paused")
        else:
            mark.unlink(missing_ok=True)
        return Released()


async def ledger_of(handle: WorkflowHandle[object, object]) -> list[LedgerEntry]:
    """The entries of one execution, page by page."""
    found: list[LedgerEntry] = []
    while True:
        after = found[-1].seq if found else 0
        page: list[LedgerEntry] = await handle.query("ledger", after, result_type=list[LedgerEntry])
        if not page:
            return found
        found += page


async def history_of(handle: WorkflowHandle[object, object]) -> str:
    return (await handle.fetch_history()).to_json()


def extend(ledger: Path, entries: list[LedgerEntry]) -> None:
    """Adds entries to the ledger's file, in the place of whatever follows the entry before them."""
    if not entries:
        return
    kept: list[str] = []
    if ledger.exists():
        lines = ledger.read_text().splitlines()
        kept = [line for line in lines if json.loads(line)["seq"] < entries[0].seq]
    lines = [*kept, *(entry.model_dump_json() for entry in entries)]
    write_whole(ledger, "\n".join(lines) + "\n")


def write_whole(path: Path, text: str) -> None:
    """The file is there whole, or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
