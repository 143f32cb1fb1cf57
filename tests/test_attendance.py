"""A worker that comes back reports the attempts that the one before it died over; nobody waits for heartbeats."""

import asyncio
import os
import signal
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import (
    Client,
    FailAsyncActivityInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowFailureError,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.attendance import Attempt, Attendance, report_the_dead

QUEUE = "attendance"
LONG = timedelta(minutes=10)
PROJECT = Path(__file__).parents[1]


@workflow.defn
class Waits:
    @workflow.run
    async def run(self) -> str:
        answer: str = await workflow.execute_activity(
            "work",
            activity_id="work.a1",
            start_to_close_timeout=LONG,
            heartbeat_timeout=LONG,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return answer


@activity.defn(name="work")
async def endless() -> str:
    await asyncio.Event().wait()
    return "never"


async def doomed(address: str, home: Path) -> None:
    """A worker process that says when it is at work, and works for ever."""
    client = await Client.connect(address)

    @activity.defn(name="work")
    async def work() -> str:
        print("at work", flush=True)  # noqa: T201
        return await endless()

    async with Worker(client, task_queue=QUEUE, activities=[work], interceptors=[Attendance(home)]):
        await asyncio.Event().wait()


def worker(client: Client, **more: Any) -> Worker:
    return Worker(client, task_queue=QUEUE, workflows=[Waits], workflow_runner=UnsandboxedWorkflowRunner(), **more)


async def killed_at_work(server: WorkflowEnvironment, home: Path) -> None:
    words = "import asyncio, pathlib, sys; from tests.test_attendance import doomed"
    code = f"{words}; asyncio.run(doomed(sys.argv[1], pathlib.Path(sys.argv[2])))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, _address(server), str(home), cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"at work\n"
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def _address(server: WorkflowEnvironment) -> str:
    return server.client.service_client.config.target_host


async def test_an_attempt_fails_at_once_when_the_next_worker_comes(server: WorkflowEnvironment, tmp_path: Path) -> None:
    async with worker(server.client):
        run = await server.client.start_workflow(Waits.run, id="dead", task_queue=QUEUE)
        await killed_at_work(server, tmp_path)
        assert await report_the_dead(server.client, tmp_path) == 1
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(run.result(), 30)
    cause = failed.value.cause
    assert isinstance(cause, ActivityError)
    assert isinstance(cause.cause, ApplicationError)
    assert cause.cause.type == "WorkerDied"


async def test_what_was_reported_is_forgotten(server: WorkflowEnvironment, tmp_path: Path) -> None:
    async with worker(server.client):
        run = await server.client.start_workflow(Waits.run, id="once", task_queue=QUEUE)
        await killed_at_work(server, tmp_path)
        await report_the_dead(server.client, tmp_path)
        assert await report_the_dead(server.client, tmp_path) == 0
        assert not [path for path in (tmp_path / "attendance").rglob("*") if path.is_file()]
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(run.result(), 30)


async def test_a_worker_that_lives_is_left_alone(server: WorkflowEnvironment, tmp_path: Path) -> None:
    attendance = Attendance(tmp_path)
    begun = asyncio.Event()

    @activity.defn(name="work")
    async def work() -> str:
        begun.set()
        return await endless()

    async with worker(server.client, activities=[work], interceptors=[attendance]):
        run = await server.client.start_workflow(Waits.run, id="alive", task_queue=QUEUE)
        await asyncio.wait_for(begun.wait(), 30)
        assert await report_the_dead(server.client, tmp_path) == 0
        await run.terminate()
    attendance.close()


async def test_an_attempt_that_nobody_awaits_any_more_is_no_error(server: WorkflowEnvironment, tmp_path: Path) -> None:
    async with worker(server.client):
        run = await server.client.start_workflow(Waits.run, id="gone", task_queue=QUEUE)
        await killed_at_work(server, tmp_path)
        await run.terminate()
        assert await report_the_dead(server.client, tmp_path) == 0


def left_by_a_dead_worker(home: Path, name: str) -> Path:
    """A list of one attempt, of a workflow that Temporal no longer knows."""
    folder = home / "attendance" / socket.gethostname() / name
    folder.mkdir(parents=True)
    folder.with_suffix(".lock").touch()
    attempt = Attempt(namespace="default", workflow="forgotten", run="", activity="work.a1")
    (folder / "attempt").write_text(attempt.model_dump_json())
    return folder


class Halted(Interceptor):
    """A client that stands still in its first report until it is let go."""

    def __init__(self) -> None:
        self.reporting, self.go_on = asyncio.Event(), asyncio.Event()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        halted = self

        class Outbound(OutboundInterceptor):
            async def fail_async_activity(self, input: FailAsyncActivityInput) -> None:
                halted.reporting.set()
                await halted.go_on.wait()
                await super().fail_async_activity(input)

        return Outbound(next)


async def test_two_workers_that_start_together_share_what_is_to_report(
    server: WorkflowEnvironment, tmp_path: Path
) -> None:
    one, other = left_by_a_dead_worker(tmp_path, "a"), left_by_a_dead_worker(tmp_path, "b")
    halted = Halted()
    slow = Client(**{**server.client.config(), "interceptors": [halted]})
    first = asyncio.create_task(report_the_dead(slow, tmp_path))
    await asyncio.wait_for(halted.reporting.wait(), 30)
    await report_the_dead(server.client, tmp_path)
    assert (one.exists(), other.exists()) == (True, False)
    halted.go_on.set()
    await asyncio.wait_for(first, 30)
    assert list(one.parent.iterdir()) == []


async def test_what_cannot_be_read_keeps_no_worker_from_serving(server: WorkflowEnvironment, tmp_path: Path) -> None:
    odd, other = left_by_a_dead_worker(tmp_path, "a"), left_by_a_dead_worker(tmp_path, "b")
    (odd / "folder").mkdir()
    await report_the_dead(server.client, tmp_path)
    assert (odd.exists(), other.exists()) == (True, False)
