"""Invocations that fail: by the platform, by what is asked of them, or for want of a person."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from schemas.decision import Tune
from schemas.event import AttemptFailed, InvocationFailed, RunPaused, RunResumed
from schemas.person import Stop
from schemas.role import AggregateReport, AggregateRequest, CodeReport, CodeRequest
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, events, heard, plain_manager, staged, start, until
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)
ADVICE = "the API key was refused\nOnce that is mended: aibuildai resume toy-1"


def refused() -> ApplicationError:
    return ApplicationError("the API key was refused", type="NeedsPerson", non_retryable=True)


async def at_once(request: Any) -> None:
    """Nothing is waited for."""


def needing(stage: Stage, role: str, times: int = 1, ready: Callable[[Any], Awaitable[object]] = at_once) -> None:
    """Whoever has this part needs a person at first, and says so once it is ready to."""
    left = iter([True] * times)

    async def part(request: Any) -> Any:
        if next(left, False):
            await ready(request)
            raise refused()
        return await getattr(stage, f"_{role}")(request)

    stage.parts[role] = part


async def test_every_attempt_stands_in_history_and_ledger_under_its_own_id(client: Client) -> None:
    failures = iter([True, True])

    async def coder(request: CodeRequest) -> CodeReport:
        if next(failures, False):
            raise RuntimeError("the disk hiccuped")
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code")

    async with staged(client, Stage({"coder": coder})) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
        history = (await handle.fetch_history()).to_json()
    assert state.phase == "DONE"
    assert [(f.attempt, f.cause, f.again) for f in failed] == [(1, "platform", True), (2, "platform", True)]
    assert all(f'"{failed[0].invocation}.a{n}"' in history for n in (1, 2, 3))


async def test_an_invocation_that_keeps_failing_ends_only_itself(client: Client) -> None:
    async def coder(request: CodeRequest) -> CodeReport:
        if request.candidate == 1:
            raise ApplicationError("no such library", type="Impossible", non_retryable=True)
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code")

    async with staged(client, Stage({"coder": coder})) as queue:
        handle = await start(client, queue, spec(candidates=2))
        await until(handle, lambda state: 1 in state.candidates and state.candidates[1].failures > 0)
        await handle.execute_update(BuildWorkflow.discard, args=[1, "cannot be coded"])
        state = await handle.result()
        failed = events(await entries(handle), InvocationFailed)
    assert state.phase == "DONE"
    assert state.candidates[2].best is not None
    assert failed[0].why == "no such library"
    assert state.spend.lost_calls >= 1


async def test_what_needs_a_person_pauses_the_run_which_goes_on_from_the_same_place(client: Client) -> None:
    stage = Stage()
    needing(stage, "coder")
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        paused = await until(handle, lambda state: state.paused == "system")
        assert paused.pause_why == ADVICE
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
    assert state.phase == "DONE"
    assert [(f.attempt, f.cause) for f in failed] == [(1, "person")]


async def test_a_stop_with_delivery_while_a_person_is_needed_delivers_without_that_person(client: Client) -> None:
    async def aggregator(request: AggregateRequest) -> AggregateReport:
        raise refused()

    async with staged(client, Stage({"aggregator": aggregator})) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.paused == "system")
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="deliver without it"))
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
    assert (state.phase, state.verified, state.paused) == ("STOPPED", True, None)
    assert [failure.again for failure in failed] == [True, False]


@pytest.mark.parametrize("role", ["setup", "designer", "coder", "tuner", "manager", "aggregator"])
async def test_whoever_needs_a_person_goes_on_in_its_own_invocation_after_resume(client: Client, role: str) -> None:
    stage = Stage()
    needing(stage, role)
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.paused == "system")
        shown = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        found = await entries(handle)
    first, second = [(request.invocation, request.attempt) for request in stage.requests(role)][:2]
    assert (first[0], first[1] + 1) == second
    assert (state.phase, events(found, InvocationFailed)) == ("DONE", [])
    [paused] = events(found, RunPaused)
    assert (paused.by, paused.why) == ("system", ADVICE)
    assert f"PAUSED by system: {ADVICE}" in shown.current_details


async def test_several_that_need_the_same_person_pause_the_run_once(client: Client) -> None:
    stage, meeting = Stage(), asyncio.Barrier(3)
    needing(stage, "coder", times=3, ready=lambda request: meeting.wait())
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=3))
        await until(handle, lambda state: state.paused == "system")
        await heard(handle, AttemptFailed, 3)
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "DONE"
    assert [c.status for c in state.candidates.values()] == ["trained"] * 3
    assert [len(events(found, kind)) for kind in (RunPaused, RunResumed, AttemptFailed)] == [1, 1, 3]


async def test_a_call_from_before_the_mending_does_not_pause_the_run_again(client: Client) -> None:
    stage, both, late = Stage(), asyncio.Barrier(2), asyncio.Event()

    async def ready(request: CodeRequest) -> None:
        await both.wait()
        if request.candidate == 2:
            await late.wait()

    needing(stage, "coder", times=2, ready=ready)
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=2))
        await until(handle, lambda state: state.paused == "system")
        await handle.execute_update(BuildWorkflow.resume)
        late.set()
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "DONE"
    assert [len(events(found, kind)) for kind in (RunPaused, AttemptFailed)] == [1, 2]


async def test_while_a_person_is_needed_an_invocations_time_does_not_run(client: Client) -> None:
    stage = Stage()
    needing(stage, "tuner")

    async def manager(request: ManageRequest) -> Managed:
        steps = [
            Tune(candidate=1, minutes=0.05, brief="train") if s.kind == "tune" else s for s in plain_manager(request)
        ]
        return Managed(invocation=request.invocation, decisions=tuple(steps), tool_uses=("t",) * len(steps))

    stage.parts["manager"] = manager
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.paused == "system")
        deadline = stage.requests("tuner")[0].deadline
        await until(handle, lambda _: datetime.now(UTC) > deadline)
        resumed = datetime.now(UTC)
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
    assert state.phase == "DONE"
    left = (stage.requests("tuner")[1].deadline - resumed).total_seconds()
    assert 1.0 < left < 4.0
