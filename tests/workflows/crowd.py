"""Many runs at once on one worker: `python -m tests.workflows.crowd [RUNS ...]` prints what they cost it.

The worker is a process of its own. Agents are played and think for a moment.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.bookkeeping import ledger_of
from activities.execution.durable import write_whole
from schemas.base import RunRef
from schemas.delivery import Published, PublishRequest
from schemas.state import RunState
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.workflows.facts import spec
from tests.workflows.stage import Stage
from workflows.build import BuildWorkflow
from workflows.runner import runner

THINKS = 2.0  # seconds
AT_ONCE = 64
HEAD = "| runs at once | wall | decision, median | 90 % below | decisions | worker |\n|---|---|---|---|---|---|\n"
PLAYED = ("setup", "designer", "coder", "tuner", "aggregator", "manager", "score")


Handle = WorkflowHandle[Any, RunState]


@dataclass(frozen=True)
class Crowd:
    """What so many runs at once took: seconds of wall time, and for each decision; bytes that the worker held."""

    runs: int
    states: Sequence[RunState]
    wall: float
    decisions: Sequence[float]
    memory: int

    @property
    def line(self) -> str:
        slow = sorted(self.decisions)[int(0.9 * len(self.decisions))]
        return (
            f"| {self.runs} | {self.wall:.0f} s | {1_000 * median(self.decisions):.0f} ms | {1_000 * slow:.0f} ms"
            f" | {len(self.decisions)} | {self.memory / 1e6:.0f} MB |"
        )


def thinking(client: Client) -> Stage:
    stage = Stage()

    def after_a_while(name: str) -> Any:
        part = getattr(stage, f"_{name}")

        async def act(request: Any) -> Any:
            await asyncio.sleep(THINKS)
            return await part(request)

        return act

    async def publish(request: PublishRequest) -> Published:
        ledger = Path(request.run.folder) / "ledger.jsonl"
        entries = await ledger_of(client.get_workflow_handle(request.run.id))
        await asyncio.to_thread(write_whole, ledger, "\n".join(entry.model_dump_json() for entry in entries))
        return Published(files=(str(ledger),))

    stage.parts.update({name: after_a_while(name) for name in PLAYED})
    stage.parts["publish"] = publish
    return stage


async def work(address: str) -> None:
    """A worker for both queues, until it is ended."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    activities = thinking(client).activities()
    async with (
        Worker(
            client, task_queue="crowd", workflows=[BuildWorkflow], activities=activities,
            max_concurrent_activities=AT_ONCE,
            workflow_runner=runner(),
        ),
        Worker(client, task_queue="crowd-gpu", activities=activities, max_concurrent_activities=AT_ONCE),
    ):  # fmt: skip
        await asyncio.Event().wait()


@asynccontextmanager
async def worker(module: str, *asked: str, log: Path | None = None) -> AsyncIterator[psutil.Process]:
    """A process of that module, until it is not needed any more."""
    with (log or Path(os.devnull)).open("ab") as file:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *asked, stdout=file, stderr=file)
    try:
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def crowd(client: Client, address: str, runs: int, folder: Path) -> Crowd:
    """So many runs at once, on a worker that is new."""
    async with worker("tests.workflows.crowd", "--serve", address) as process:
        return await watched(process, [_started(client, folder, number, runs) for number in range(runs)])


async def watched(process: psutil.Process, starting: Sequence[Awaitable[Handle]]) -> Crowd:
    """Runs from their start to the end of the last, on that worker."""
    memory, began = 0, time.monotonic()
    handles = [await one for one in starting]
    ending = asyncio.gather(*(handle.result() for handle in handles))
    while not ending.done():
        memory = max(memory, process.memory_info().rss)
        await asyncio.wait([ending], timeout=0.5)
    wall = time.monotonic() - began
    decisions = [seconds for handle in handles for seconds in await _decisions(handle)]
    return Crowd(len(handles), ending.result(), wall, decisions, memory)


async def _started(client: Client, folder: Path, number: int, runs: int) -> Handle:
    name = f"crowd-{runs}-{number}"
    (folder / name).mkdir(parents=True)
    asked = spec(candidates=3).model_copy(update={"run": RunRef(id=name, folder=str(folder / name))})
    return await client.start_workflow("Build", asked, result_type=RunState, id=name, task_queue="crowd")


async def _decisions(handle: Handle) -> list[float]:
    """Seconds from each moment when the workflow had something to decide until it had decided."""
    seconds, since = [], 0.0
    for event in (await handle.fetch_history()).events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            since = event.event_time.ToNanoseconds() / 1e9
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            seconds.append(event.event_time.ToNanoseconds() / 1e9 - since)
    return seconds


@asynccontextmanager
async def server() -> AsyncIterator[tuple[Client, str]]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(TEMPORAL), search_attributes=ATTRIBUTES,
        data_converter=pydantic_data_converter, dev_server_log_level="error",
    ) as environment:  # fmt: skip
        yield environment.client, environment.client.service_client.config.target_host


async def _table(counts: Sequence[int]) -> None:
    sys.stdout.write(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        async with server() as (client, address):
            for count in counts:
                found = await crowd(client, address, count, Path(folder))
                sys.stdout.write(found.line + "\n")
                sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=int, default=[1, 5, 20])
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asyncio.run(work(asked.serve) if asked.serve else _table(asked.runs))


if __name__ == "__main__":
    main()
