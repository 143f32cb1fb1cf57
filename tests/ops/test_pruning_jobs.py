"""Prune and the jobs of runs: what runs is left alone, what was terminated from outside is stopped."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import psutil
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.execution import processes
from activities.execution.folder import Order
from activities.execution.jobs import LocalJobs
from activities.workspace.layout import Layout
from ops.settings import Settings
from schemas.job import JobSpec, Limits, Step
from tests.ops.conftest import Shell
from tests.ops.pruned import REMAINS, left, made, names
from tests.workflows.facts import spec
from tests.workflows.stage import holding, staged, start

pytestmark = pytest.mark.timeout(120)


Training = Callable[[Layout], Awaitable[list[psutil.Process]]]


@pytest_asyncio.fixture(loop_scope="session")
async def training(home: Settings) -> AsyncIterator[Training]:
    """Starts a job of the run, `j2`, that would go on for a minute: its supervisor and all below that."""
    started: list[LocalJobs] = []

    async def start_job(where: Layout) -> list[psutil.Process]:
        started.append(LocalJobs(where.jobs, home.home, ("cpu:0",), "none"))
        running = where.job("j2") / "running"
        code = f"import pathlib, time; pathlib.Path({str(running)!r}).touch(); time.sleep(60)"
        train = Step(name="train", argv=("python", "-c", code), mounts=(), workdir="/", seconds=60)
        limits = Limits(grace_seconds=2.0)
        await started[-1].start(
            JobSpec(purpose="train", steps=(train,), environment=sys.prefix, limits=limits), id="j2"
        )
        while not running.exists():
            soon = datetime.now(UTC) + timedelta(seconds=0.05)
            assert not (await started[-1].wait("j2", until=soon)).ended, started[-1].log("j2")
        [supervisor] = processes.supervisors(str(where.job("j2").resolve()))
        return [supervisor, *supervisor.children(recursive=True)]

    yield start_job
    for jobs in started:
        await jobs.stop_all()


async def test_a_run_whose_jobs_still_run_is_kept_while_nobody_can_be_asked(
    home: Settings, down: Shell, training: Training
) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    job = await training(where)
    found = await down("prune")
    assert "Kept: toy-1: its jobs still run: j2" in found.out
    assert (where.job("j1") / "log.txt").exists()
    assert all(process.is_running() for process in job)


async def test_a_run_that_was_terminated_from_outside_is_pruned_and_its_jobs_are_stopped(
    home: Settings, client: Client, server: WorkflowEnvironment, training: Training
) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        where = made(home, handle.id, ended_days_ago=None)
        job = await training(where)
        shell = Shell(home.home, {"TEMPORAL_ADDRESS": server.client.service_client.config.target_host})
        await shell("prune")
        assert all(process.is_running() for process in job), "the run is under way"
        await handle.terminate()
        gate.set()
    assert names(await shell("prune", "--dry-run", "--json"), "runs") == [handle.id]
    assert all(process.is_running() for process in job), "nothing is touched by a dry run"
    found = await shell("prune", "--json")
    assert names(found, "runs") == [handle.id], found.out
    assert left(where) == REMAINS
    _, alive = psutil.wait_procs(job, timeout=10)
    assert alive == []


async def test_a_job_that_nobody_supervises_does_not_run(home: Settings, down: Shell) -> None:
    """As where its supervisor and all workers were killed, or the machine went down."""
    where = made(home, "toy-1", ended_days_ago=1)
    order = Order(
        id="j1",
        spec=JobSpec(purpose="train", steps=(), environment=""),
        sandbox="none",
        ordered_at=datetime.now(UTC),
    )
    (where.job("j1") / "spec.json").write_text(order.model_dump_json())
    found = await down("prune", "--json")
    assert names(found, "runs") == ["toy-1"], found.out
