"""Short whole runs by a script: `python -m tests.whole.scripted [RUNS ...]` prints what so many at once cost a worker.

All is real (server, worker, data, sandbox, trainings, scorer, delivery) but for the model, which says at once what
leads to one candidate with one training.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

import worker
from activities.execution import environments
from activities.host import Host
from activities.models.playbook.conversation import Conversation, parse
from activities.models.scripted import ScriptedModel, calls
from activities.workspace.layout import Layout
from ops import server
from ops.settings import Settings
from schemas.base import RunRef
from schemas.budget import Budget
from schemas.job import JobState
from schemas.message import ModelRequest, Reply
from schemas.role import AggregateRequest, Role
from schemas.run import RunSettings, RunSpec
from schemas.state import ManageRequest, RunState
from tests.tools.conftest import CODE
from tests.workflows import crowd
from tests.workspace import tasks
from workflows.calls import CONTROL, GPU_SUFFIX

MODEL = "server/scripted"
DEVICES = ("cpu:0", "cpu:1")
ROWS = 300
PLAN = "---\napproach: a line\nfamily: linear\n---\n\nA line.\n"


# --- the model ------------------------------------------------------------------------------------------------


def reply(request: ModelRequest) -> Reply:
    """The next step of the role that the conversation belongs to, by what it has done so far."""
    conversation = parse(request)
    return calls(*STEPS[Role(conversation.role)](conversation))


Uses = Sequence[tuple[str, dict[str, Any]]]


def _setup(_conversation: Conversation) -> Uses:
    notes = {"path": "SETUP.md", "text": "Everything is there.\n"}
    return [("write_file", notes), ("report_setup", {"summary": "Nothing was missing."})]


def _designer(_conversation: Conversation) -> Uses:
    report = {"approach": "a line", "family": "linear", "summary": "The price is linear."}
    return [("write_file", {"path": "PLAN.md", "text": PLAN}), ("report_design", report)]


def _coder(conversation: Conversation) -> Uses:
    if conversation.last("check"):
        return [("report_code", {"summary": "It runs."})]
    return [*(("write_file", {"path": name, "text": text}) for name, text in CODE.items()), ("check", {})]


def _tuner(conversation: Conversation) -> Uses:
    if conversation.last("train"):
        return [("report_tune", {"best": f"{conversation.request['invocation']}.j1", "summary": "As it is."})]
    return [("train", {"minutes": 10, "note": "as it is"})]


def _aggregator(conversation: Conversation) -> Uses:
    [card] = AggregateRequest.model_validate(conversation.request).candidates
    assert card.best is not None
    members = [{"candidate": card.number, "job": card.best.job}]
    return [("report_aggregate", {"members": members, "method": "single", "summary": "The only one."})]


def _manager(conversation: Conversation) -> Uses:
    board = ManageRequest.model_validate(conversation.turns[-1]).board
    if not board.candidates:
        return [("design", {"candidate": 1, "brief": "a line"})]
    [card] = board.candidates
    if board.in_flight:
        return [("wait", {"why": "it is at work"})]
    if card.best:
        return [("finish", {"why": "one is enough"})]
    if card.codes:
        return [("tune", {"candidate": 1, "minutes": 30, "brief": "as it is"})]
    return [("code", {"candidate": 1, "brief": "as planned"})]


STEPS = {
    Role.SETUP: _setup,
    Role.DESIGNER: _designer,
    Role.CODER: _coder,
    Role.TUNER: _tuner,
    Role.AGGREGATOR: _aggregator,
    Role.MANAGER: _manager,
}


# --- a home folder, its server, and a worker for all -----------------------------------------------------------


async def serve(home: Path, address: str) -> None:
    """The product's own worker for both queues, until it is ended."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    host = Host(home, DEVICES)
    both = [
        worker.served(queue, client, host, models=lambda _name: ScriptedModel(reply))
        for queue in (CONTROL, CONTROL + GPU_SUFFIX)
    ]
    async with both[0], both[1]:
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Place:
    """A home folder with a server of its own, an environment for candidates, and a task that is copied to each run."""

    settings: Settings
    client: Client
    address: str
    task: Path

    async def together(self, runs: int, *, minutes: float) -> crowd.Crowd:
        """So many runs at once, on a worker that is new."""
        asked = ("tests.whole.scripted", "--serve", str(self.settings.home), self.address)
        async with crowd.worker(*asked, log=self.settings.logs / f"worker.{runs}.log") as process:
            return await crowd.watched(process, [self._started(f"short-{runs}-{n}", minutes) for n in range(runs)])

    async def _started(self, name: str, minutes: float) -> crowd.Handle:
        layout = Layout(self.settings.runs / name)
        shutil.copytree(self.task, layout.task)
        spec = RunSpec(
            run=RunRef(id=name, folder=str(layout.folder)),
            name="houses",
            settings=RunSettings(model=MODEL, candidates=1, sandbox="bubblewrap", web=False),
            budget=Budget(seconds=60 * minutes),
        )
        return await self.client.start_workflow("Build", spec, result_type=RunState, id=name, task_queue=CONTROL)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    settings = Settings.load(folder / "home", {})
    settings.logs.mkdir(parents=True)
    task = tasks.houses(folder / "task", rows=ROWS)
    await asyncio.to_thread(environments.base, settings.home)  # whose making is no part of any run's time
    try:
        record, _ = await server.ensure(settings)
        client = await Client.connect(record.address, data_converter=pydantic_data_converter)
        yield Place(settings, client, record.address, task)
    finally:
        await asyncio.to_thread(server.shut, settings)


def jobs(layout: Layout) -> Iterator[JobState]:
    """Every job of a run, as it ended."""
    for path in sorted(layout.jobs.glob("*/state.json")):
        yield JobState.model_validate_json(path.read_bytes())


def most_at_once(jobs: Sequence[JobState]) -> int:
    """How many of them ran at the same time."""
    begun = [(job.started_at, 1) for job in jobs if job.started_at is not None]
    ended = [(job.ended_at, -1) for job in jobs if job.ended_at is not None]
    return max(accumulate(change for _, change in sorted([*begun, *ended])), default=0)


async def _table(counts: Sequence[int]) -> None:
    sys.stdout.write(crowd.HEAD)
    with tempfile.TemporaryDirectory() as folder:
        async with place(Path(folder)) as made:
            for count in counts:
                found = await made.together(count, minutes=60)
                sys.stdout.write(f"{found.line}\n")
                sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=int, default=[1, 5, 20])
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "ADDRESS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asyncio.run(serve(Path(asked.serve[0]), asked.serve[1]) if asked.serve else _table(asked.runs))


if __name__ == "__main__":
    main()
