"""A home folder with a real server and real workers, each of which can be struck, and comes back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.execution.jobs import LocalJobs
from activities.workspace.layout import Layout
from ops import server, workers
from ops.connection import ServerRecord, read_server
from ops.processes import gone
from ops.settings import Settings
from schemas.state import RunState
from tests.faults.moments import Plan
from tests.ops.conftest import Shell
from workflows.calls import CONTROL, GPU_SUFFIX

GPU = CONTROL + GPU_SUFFIX
PROJECT = Path(__file__).parents[2]
LOOK = 0.1  # seconds


@dataclass
class Worker:
    """One queue's worker. `plan` is the moment at which it will kill itself."""

    queue: str
    process: subprocess.Popen[bytes]
    plan: Path
    started: float

    def doom(self, plan: Plan) -> None:
        """From here on, the plan holds. Written whole, for the worker looks for it."""
        draft = self.plan.with_suffix(".draft")
        draft.write_text(plan.model_dump_json())
        draft.replace(self.plan)

    def died(self) -> float:
        """When it killed itself, in seconds since the epoch."""
        return float(json.loads(self.plan.with_suffix(".struck").read_text()))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@dataclass
class Stand:
    """Everything of one home folder. Workers are children of this process, as of a service manager."""

    settings: Settings
    workers: dict[str, Worker] = field(default_factory=dict)
    plans: int = 0
    address: str | None = None  # where workers connect to, if not to the server itself

    @classmethod
    async def up(cls, home: Path) -> "Stand":
        home.mkdir(parents=True, exist_ok=True)
        stand = cls(Settings.load(home, {}))
        stand.settings.logs.mkdir(exist_ok=True)
        try:
            await server.ensure(stand.settings)
            stand.work_all()
            await stand.polled()
        except BaseException:
            await stand.down()
            raise
        return stand

    @property
    def server(self) -> ServerRecord:
        found = read_server(self.settings)
        assert found is not None, "a stand has a server"
        return found

    @property
    def shell(self) -> Shell:
        return Shell(self.settings.home, {"TEMPORAL_ADDRESS": self.server.address, "ANTHROPIC_API_KEY": ""})

    def layout(self, run: str) -> Layout:
        return Layout(self.settings.runs / run)

    async def client(self) -> Client:
        return await Client.connect(self.server.address, data_converter=pydantic_data_converter)

    # --- workers ----------------------------------------------------------------------------------------------

    def work(self, queue: str, *, name: str | None = None, project: Path = PROJECT) -> Worker:
        """Starts a worker, of the project in that folder."""
        self.plans += 1
        plan = self.settings.home / f"plan.{self.plans}.json"
        own = {"TEMPORAL_ADDRESS": self.address or self.server.address, "FAULT_PLAN": str(plan), "OMP_NUM_THREADS": "1"}
        asked = ["--home", str(self.settings.home), "--queues", queue, "--devices", "cpu:0,cpu:1"]
        with (self.settings.logs / f"{name or queue}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.killable", *asked],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=project,
                env={**os.environ, **own, "PYTHONPATH": str(project)},
                start_new_session=True,
            )
        made = Worker(queue, process, plan, time.time())
        self.workers[name or queue] = made
        return made

    async def polled(self, within: float = 90.0) -> None:
        """Once every worker asks for work: a command that finds none would start workers of its own."""
        client, until = await self.client(), time.time() + within
        for worker in self.workers.values():
            while not any(
                name.startswith(f"{worker.process.pid}@") for name in await workers.pollers(client, worker.queue)
            ):
                assert worker.alive, f"the worker for {worker.queue} has ended; see {self.settings.logs}"
                assert time.time() < until, f"the worker for {worker.queue} asks for nothing"
                await asyncio.sleep(LOOK)

    async def struck(self, worker: Worker, *, within: float) -> bool:
        """True once the worker has killed itself; False if its moment did not come in time."""
        until = time.time() + within
        while worker.alive and time.time() < until:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(LOOK)
        return not worker.alive

    async def end(self, name: str, how: signal.Signals = signal.SIGTERM, within: float = 45.0) -> float:
        """Signals a worker and waits for its end. How long it took, in seconds."""
        began = time.time()
        worker = self.workers.pop(name)
        worker.process.send_signal(how)
        await asyncio.to_thread(worker.process.wait, within)
        return time.time() - began

    async def kill_server(self) -> None:
        process = self.server.process
        os.kill(process.pid, signal.SIGKILL)
        assert await asyncio.to_thread(gone, process, seconds=10.0)

    async def kill_all(self) -> None:
        """Server and workers, at once."""
        await self.kill_server()
        for name in [*self.workers]:
            await self.end(name, signal.SIGKILL)

    async def serve(self) -> None:
        await server.ensure(self.settings)

    def work_all(self) -> None:
        for queue in (CONTROL, GPU):
            self.work(queue)

    async def brought_up(self) -> None:
        """As a person does after the machine was off."""
        found = await Shell(self.settings.home)("up")
        assert found.code == 0, found.err + found.out

    async def down(self) -> None:
        for worker in self.workers.values():
            if worker.alive:
                worker.process.send_signal(signal.SIGCONT)
                worker.process.kill()
                worker.process.wait()
        self.workers.clear()
        for run in self.settings.runs.iterdir() if self.settings.runs.is_dir() else ():
            jobs = Layout(run).jobs
            await LocalJobs(folder=jobs, home=self.settings.home, devices=()).stop_all()  # which a run that failed left
        await asyncio.to_thread(workers.shut, self.settings)
        await asyncio.to_thread(server.shut, self.settings)

    # --- runs -------------------------------------------------------------------------------------------------

    async def run(self, task: Path, *flags: object) -> str:
        found = await self.shell("run", task, "--detach", "--json", *flags)
        assert found.code == 0, found.err + found.out
        return str(found.json["run"])

    async def state(self, run: str, within: float = 120.0) -> RunState:
        """The run's state, as soon as a worker answers for it."""
        until = time.time() + within
        while True:
            try:
                client = await self.client()
                handle = client.get_workflow_handle(run)
                return await handle.query("state", result_type=RunState, rpc_timeout=timedelta(seconds=5))
            except Exception:
                if time.time() > until:
                    raise
                await asyncio.sleep(LOOK)

    async def ledger(self, run: str) -> list[dict[str, object]]:
        found = await self.shell("history", run, "--json")
        assert found.code == 0, found.err
        return list(found.json)

    async def ended(self, run: str, within: float) -> RunState:
        until = time.time() + within
        while True:
            state = await self.state(run)
            if state.ended is not None:
                return state
            assert time.time() < until, f"run {run} did not end within {within:.0f} s; it is {state.phase}"
            await asyncio.sleep(1.0)


def written(layout: Layout) -> int:
    """Bytes of all journals: they grow when an agent does something."""
    return sum(path.stat().st_size for path in (layout.folder / "journals").glob("*/a*.jsonl"))


async def grown(layout: Layout, beyond: int, *, within: float) -> float | None:
    """When journals had grown, in seconds since the epoch; None if they did not in time."""
    until = time.time() + within
    while time.time() < until:
        if written(layout) > beyond:
            return time.time()
        await asyncio.sleep(LOOK)
    return None
