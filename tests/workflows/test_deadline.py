"""The clock bounds a run: what has no time left is not started, and past the deadline only delivery goes on."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ops.standing import standing
from schemas.decision import Tune
from schemas.event import InvocationStarted, LedgerEntry, Overrun, RefitEnded
from schemas.state import Managed, ManageRequest, RunState
from tests.workflows.facts import spec
from tests.workflows.skipping import TimePasses, begin, skipping, skipping_server, working
from tests.workflows.stage import Stage, entries, events, plain_manager, until
from workflows.build import BuildWorkflow
from workflows.delivering import LEAST_DELIVERY

pytestmark = pytest.mark.timeout(120)
HOUR = timedelta(hours=1)


def seconds_of(state: RunState) -> float:
    """What the run took, as it is reported."""
    return standing(state, datetime.now(UTC), url=None, live=False).spent.seconds


def started_after(found: list[LedgerEntry], moment: datetime) -> list[str]:
    return [entry.event.role for entry in found if isinstance(entry.event, InvocationStarted) and entry.at > moment]


async def test_a_training_is_given_no_more_than_the_time_that_is_left() -> None:
    """Three minutes are left for exploring when ten are asked for."""
    stage = Stage()

    async def manager(request: ManageRequest) -> Managed:
        steps = [
            step.model_copy(update={"minutes": 10.0}) if isinstance(step, Tune) else step
            for step in plain_manager(request)
        ]
        return Managed(invocation=request.invocation, decisions=steps, tool_uses=("t",) * len(steps))

    stage.parts["manager"] = manager
    async with skipping(stage, spec(minutes=5, candidates=1)) as handle:
        state = await handle.result()
    [asked] = stage.requests("tuner")
    assert 170 < asked.seconds <= 210
    assert asked.deadline <= state.clock.explore_until


async def test_a_deadline_that_passes_while_the_machine_is_off_leaves_delivery_alone() -> None:
    """The aggregator is at work when every worker goes; the next one comes hours after the deadline."""
    stage, asked = Stage(), spec(minutes=60, candidates=2)

    passing = TimePasses(lambda name, *_: 3 * HOUR.total_seconds() if name == "aggregator" else 0.0)
    async with skipping_server() as environment:
        async with working(environment.client, stage, [passing]):
            with environment.with_time_skipping_disabled():
                handle = await begin(environment.client, asked)
            before = await until(handle, lambda state: "aggregator" in passing.begun)
        skipped = asyncio.ensure_future(environment.fast_forward(handle, 4 * HOUR))
        while await environment.get_current_time(handle) < before.clock.started + 3 * HOUR:  # noqa: ASYNC110 - of the server's own clock
            await asyncio.sleep(0.05)
        async with working(environment.client, stage, [passing]):
            state = await handle.result()
            found = await entries(handle)
        await skipped
    assert (before.phase, before.verified) == ("AGGREGATING", None)
    assert (state.phase, state.verified, state.refitted) == ("DONE", True, False)
    assert state.ended is not None
    late = state.ended - state.clock.deadline
    assert late > 1.9 * HOUR
    [overrun] = events(found, Overrun)
    assert overrun.seconds == pytest.approx(late.total_seconds(), abs=30)
    [refit] = events(found, RefitEnded)
    assert "0 s are left" in refit.refitted.problem
    assert started_after(found, state.clock.deadline) == []
    [check] = stage.requests("verify")
    assert check.deadline - state.ended <= max(LEAST_DELIVERY, HOUR / 4)
    assert seconds_of(state) == pytest.approx((state.ended - state.clock.started).total_seconds(), abs=1.0)


async def test_a_run_that_was_paused_over_its_deadline_starts_nothing_more_and_delivers() -> None:
    stage = Stage()
    async with skipping_server() as environment, working(environment.client, stage):
        handle = await begin(environment.client, spec(minutes=60, candidates=3, parallel=1))
        await until(handle, lambda state: 1 in state.candidates and state.candidates[1].best is not None)
        await handle.execute_update(BuildWorkflow.pause, "the machine is needed")
        await environment.fast_forward(handle, 2 * HOUR)
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        found = await entries(handle)
    assert (state.phase, state.verified) == ("DONE", True)
    assert started_after(found, state.clock.deadline) == ["aggregator"]
    assert seconds_of(state) > 2 * 3_600
