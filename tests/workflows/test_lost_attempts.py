"""Attempts whose worker is gone: past their deadline they are still reported, and called off they stay."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from schemas.decision import Tune
from schemas.event import AttemptFailed, InvocationFailed
from schemas.person import Stop
from schemas.role import CodeRequest, TuneRequest
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, events, heard, plain_manager, staged, start, tuning, until
from tests.workflows.test_runner import COMPLETED, OURS, SCHEDULED, has
from tests.workflows.timed import CallsOff
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)


def short(stage: Stage) -> Stage:
    """Its manager gives a tuner 2.4 seconds."""

    async def manager(request: ManageRequest) -> Managed:
        steps = [
            Tune(candidate=1, minutes=0.04, brief="train") if s.kind == "tune" else s for s in plain_manager(request)
        ]
        return Managed(invocation=request.invocation, decisions=tuple(steps), tool_uses=("t",) * len(steps))

    stage.parts["manager"] = manager
    return stage


async def test_what_was_trained_counts_though_the_attempt_was_lost_around_its_deadline(client: Client) -> None:
    stage, deadlines = short(Stage()), list[datetime]()

    async def tuner(request: TuneRequest) -> Any:
        deadlines.append(request.deadline)
        if len(deadlines) == 1:
            while datetime.now(UTC) <= request.deadline:
                activity.heartbeat()
                await asyncio.sleep(0)
            raise RuntimeError("the connection broke while it reported")
        return await stage._tuner(request)

    stage.parts["tuner"] = tuner
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
    assert (state.phase, state.candidates[1].status) == ("DONE", "trained")
    assert [(one.attempt, one.again) for one in failed] == [(1, True)]
    assert deadlines[0] == deadlines[1], "no more time than it had"


async def test_what_is_called_off_is_not_begun_anew_where_its_worker_dies_of_it(client: Client) -> None:
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            raise ApplicationError("its worker is gone", type="WorkerDied") from None

    stage.parts["tuner"] = tuner
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.discard, args=[1, "too slow"])
        await handle.result()
        found = await entries(handle)
    assert len(stage.requests("tuner")) == 1
    assert [(one.cause, one.again) for one in events(found, AttemptFailed)] == [("cancelled", False)]
    assert len(events(found, InvocationFailed)) == 1


@pytest.mark.parametrize("dies", ["as it is called off", "before"])
async def test_what_was_trained_counts_where_exploring_ends_while_its_worker_is_gone(client: Client, dies: str) -> None:
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        if request.attempt == 1:
            with suppress(asyncio.CancelledError):
                while dies != "before":
                    activity.heartbeat()
                    await asyncio.sleep(0.05)
            raise ApplicationError("its worker is gone", type="WorkerDied")
        return await stage._tuner(request)

    stage.parts["tuner"] = tuner
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        if dies == "before":
            await heard(handle, AttemptFailed, 1)  # it rests for a second before the next
        stopped = datetime.now(UTC)
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="enough"))
        state = await handle.result()
    assert (state.phase, state.candidates[1].status, state.verified) == ("STOPPED", "trained", True)
    first, second = stage.requests("tuner")
    assert second.deadline < first.deadline
    assert (second.deadline - stopped).total_seconds() < 5, "it reports, and begins nothing"


@pytest.mark.parametrize("first", ["NeedsPerson", "WorkerDied, then a pause"])
async def test_what_was_trained_counts_where_a_paused_run_is_stopped(client: Client, first: str) -> None:
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        if request.attempt == 1:
            raise ApplicationError("it cannot go on", type=first.partition(",")[0], non_retryable=True)
        return await stage._tuner(request)

    stage.parts["tuner"] = tuner
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await heard(handle, AttemptFailed, 1)
        if first == "NeedsPerson":
            await until(handle, lambda state: state.paused is not None)
        else:
            await handle.execute_update(BuildWorkflow.pause, "to look")
            await has(handle, EventType.EVENT_TYPE_TIMER_FIRED)  # it has rested, and waits for the run to be resumed
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="enough"))
        state = await handle.result()
    assert (state.phase, state.candidates[1].status, state.verified) == ("STOPPED", "trained", True)
    assert len(stage.requests("tuner")) == 2


async def test_what_a_stopped_invocation_cost_is_known(client: Client) -> None:
    stage = Stage()

    async def coder(request: CodeRequest) -> Any:
        raise RuntimeError("it broke")

    stage.parts["coder"] = coder
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await heard(handle, AttemptFailed, 1)  # it rests before the next
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="enough"))
        state = await handle.result()
        [failed] = events(await entries(handle), InvocationFailed)
    assert (failed.spend.dollars, failed.spend.lost_calls) == (0.0, 1)
    assert state.spend.dollars is not None


async def test_a_report_that_comes_as_it_is_called_off_is_kept(client: Client) -> None:
    queue, gate, ended = f"test-{uuid4().hex[:8]}", asyncio.Event(), asyncio.Event()

    @activity.defn(name="first")
    async def first() -> None:
        await gate.wait()

    @activity.defn(name="second")
    async def second() -> str:
        await ended.wait()
        return "a report"

    async with Worker(client, task_queue=f"{queue}-others", activities=[first, second]):
        async with steering(client, queue):
            handle = await client.start_workflow(CallsOff.run, f"{queue}-others", id=queue, task_queue=queue)
            await has(handle, SCHEDULED, 2)
        gate.set()
        await has(handle, COMPLETED)
        ended.set()
        await has(handle, COMPLETED, 2)
        async with steering(client, queue):  # which finds both ended in its first task
            assert await handle.result() == "a report"


def steering(client: Client, queue: str) -> Worker:
    return Worker(client, task_queue=queue, workflows=[CallsOff], workflow_runner=OURS)
