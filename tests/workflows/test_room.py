"""Too little room on disk: the run pauses, and goes on by itself once there is some."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from schemas.delivery import RoomFound, RoomRequest
from schemas.event import AttemptFailed, RunPaused, RunResumed
from schemas.person import Stop
from schemas.state import RunState
from tests.workflows.facts import spec
from tests.workflows.skipping import skipping
from tests.workflows.stage import Stage, entries, events, staged, start, until
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)
ROLES = ["prepare", "manager", "coder", "tuner", "aggregator", "estimate", "refit", "verify"]


def lacking(stage: Stage, role: str, times: int = 1) -> None:
    """Whoever has this part lacks room at first."""
    left = iter([True] * times)

    async def part(request: Any) -> Any:
        if next(left, False):
            raise ApplicationError("9 MB are free", "/home/full", type="LittleDisk", non_retryable=True)
        return await getattr(stage, f"_{role}")(request)

    stage.parts[role] = part


@asynccontextmanager
async def waiting(client: Client) -> AsyncIterator[WorkflowHandle[BuildWorkflow, RunState]]:
    """A run that lacked room for its coder, where nobody ever makes some."""
    stage = Stage()
    lacking(stage, "coder")

    async def room(request: RoomRequest) -> RoomFound:
        while True:
            activity.heartbeat("full")
            await asyncio.sleep(0.05)

    stage.parts["room"] = room
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.until_room is not None)
        yield handle


@pytest.mark.parametrize("role", ROLES)
async def test_whoever_lacks_room_pauses_the_run_which_goes_on_by_itself(client: Client, role: str) -> None:
    stage = Stage()
    lacking(stage, role)
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
        found = await entries(handle)
    assert (state.phase, state.until_room) == ("DONE", None)
    [paused], [resumed] = events(found, RunPaused), events(found, RunResumed)
    assert (paused.by, paused.until_room) == ("system", "/home/full")
    assert paused.why == "9 MB are free\nOnce there is room the run goes on by itself."
    assert (resumed.by, resumed.why) == ("system", "5,000 MB are free on disk again")
    assert [(failure.error, failure.cause) for failure in events(found, AttemptFailed)] == [("LittleDisk", "person")]
    assert [request.folder for request in stage.requests("room")] == ["/home/full"]


async def test_several_that_lack_room_pause_the_run_once(client: Client) -> None:
    stage, meeting = Stage(), asyncio.Barrier(3)
    lacking(stage, "coder", times=3)
    coder = stage.parts["coder"]
    first = iter([True] * 3)

    async def together(request: Any) -> Any:
        if next(first, False):
            await meeting.wait()
        return await coder(request)

    stage.parts["coder"] = together
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=3))
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "DONE"
    assert len(events(found, AttemptFailed)) == 3
    assert len(events(found, RunPaused)) == len(events(found, RunResumed)) == 1


async def test_a_person_may_resume_before_there_is_room(client: Client) -> None:
    async with waiting(client) as handle:
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "DONE"
    assert [resumed.by for resumed in events(found, RunResumed)] == ["person"]


async def test_a_person_who_pauses_meanwhile_is_waited_for(client: Client) -> None:
    async with waiting(client) as handle:
        await handle.execute_update(BuildWorkflow.pause, "I make room")
        state = await handle.query(BuildWorkflow.state)
        assert (state.paused, state.until_room) == ("person", None)
        await handle.execute_update(BuildWorkflow.resume)
        assert (await handle.result()).phase == "DONE"


async def test_a_stop_ends_the_waiting(client: Client) -> None:
    async with waiting(client) as handle:
        await handle.execute_update(BuildWorkflow.stop, Stop(why="enough"))
        state = await handle.result()
    assert (state.phase, state.paused) == ("STOPPED", None)


async def test_room_must_last_longer_each_time_that_the_run_pauses(client: Client) -> None:
    stage = Stage()
    lacking(stage, "coder", times=3)
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await handle.result()
    assert [request.steady_seconds for request in stage.requests("room")] == [5.0, 10.0, 20.0]


async def test_where_nobody_could_look_another_looks_a_while_later() -> None:
    stage = Stage()
    lacking(stage, "coder")
    broken = iter([True] * 3)

    async def room(request: RoomRequest) -> RoomFound:
        if next(broken, False):
            raise OSError("the disk is not mounted")
        return await stage._room(request)

    stage.parts["room"] = room
    async with skipping(stage, spec(candidates=1)) as handle:
        assert (await handle.result()).phase == "DONE"
    assert len(stage.requests("room")) == 4
