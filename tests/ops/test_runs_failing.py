"""A run whose workflow cannot answer, or whose steps fail, is read from its history and its folder."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.workspace.layout import Layout
from ops import runs
from ops.settings import Settings
from schemas.state import ASK_AGAIN, RunState
from tests.workflows.facts import START, spec, started
from tests.workflows.stage import Stage, staged, start, until
from workflows import ledger

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ANSWER", timedelta(seconds=1))


@workflow.defn(name="Build")
class Broken:
    """What a defect does: each step of the workflow fails, and is tried again."""

    @workflow.run
    async def run(self, _request: Any) -> None:
        raise RuntimeError("a defect")


@workflow.defn(name="Build")
class Other:
    """Code of another version."""

    @workflow.run
    async def run(self, _request: Any) -> None:
        await workflow.sleep(3_600)


def worker(client: Client, queue: str, code: type) -> Worker:
    return Worker(client, task_queue=queue, workflows=[code], workflow_runner=UnsandboxedWorkflowRunner())


async def test_a_run_whose_steps_fail_is_read_from_its_history(client: Client, tmp_path: Path) -> None:
    home = Settings.load(tmp_path, {})
    async with staged(client, Stage()) as queue:
        handle = await start(client, queue, spec())
        await until(handle, lambda state: state.phase == "EXPLORING")
    async with worker(client, queue, Broken):
        known = await runs.known(home, client, handle.id)
        assert (known.live, known.state.phase) == (False, "EXPLORING")
        assert await runs.new_entries(client, handle.id, 0) is None
        entries = await runs.ledger(home, client, handle.id)
    assert entries[-1].digest == known.state.head
    await handle.terminate()


async def test_a_worker_that_always_has_a_task_to_do_first_is_as_none() -> None:
    async def refused() -> RunState:
        raise WorkflowQueryFailedError(ASK_AGAIN)

    began = time.monotonic()
    assert await runs._asked(refused) is None
    assert time.monotonic() - began < 3


async def test_a_worker_that_was_stopped_as_it_answers_is_as_none() -> None:
    assert await runs._asked(asyncio.Event().wait) is None


async def test_where_the_history_is_of_other_code_the_written_ledger_is_read(client: Client, tmp_path: Path) -> None:
    home = Settings.load(tmp_path, {})
    queue = f"other-{uuid4().hex}"
    handle = await start(client, queue, spec())
    async with worker(client, queue, Other):
        await handle.query("__stack_trace")
    with pytest.raises(runs.CommandFailed, match="is of another version of this code"):
        await runs.known(home, client, handle.id)
    written = [ledger.entry(started(), seq=1, at=START, previous=ledger.GENESIS)]
    where = Layout(home.runs / handle.id)
    where.folder.mkdir(parents=True)
    where.ledger.write_text("".join(f"{entry.model_dump_json()}\n" for entry in written))
    assert await runs.ledger(home, client, handle.id) == written
    await handle.terminate()


async def test_what_keeps_a_run_from_answering_is_known_where_a_worker_is_there(client: Client) -> None:
    queue = f"other-{uuid4().hex}"
    handle = await start(client, queue, spec())
    async with worker(client, queue, Other):
        await handle.query("__stack_trace")
        assert "state" in await runs.unable(client, handle.id)  # which this code has no query for
    assert await runs.unable(client, handle.id) == ""
    await handle.terminate()
