"""What people do to a run."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from schemas.person import Extension, Stop
from tests.workflows.facts import spec
from tests.workflows.stage import holding, staged, start, tuning, until
from workflows.build import BuildWorkflow
from workflows.calls import ALIVE

pytestmark = pytest.mark.timeout(60)


async def test_a_stop_cancels_what_is_in_flight_and_ends_the_run(client: Client) -> None:
    stage, _ = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.stop, Stop(why="enough"))
        state = await handle.result()
    assert (state.phase, state.why, state.in_flight) == ("STOPPED", "enough", {})
    assert stage.requests("estimate") == []
    assert stage.requests("release") != []


async def test_a_stop_with_delivery_delivers_what_is_trained(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        gate.set()
        await until(handle, lambda state: state.candidates[1].best is not None)
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="good enough"))
        state = await handle.result()
    assert (state.phase, state.verified) == ("STOPPED", True)


async def test_a_cancelled_workflow_lands_what_is_in_flight_first(client: Client) -> None:
    stage, _ = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.cancel()
        state = await handle.result()
    assert (state.phase, state.in_flight) == ("STOPPED", {})


async def test_while_paused_nothing_is_admitted_and_agents_are_told_to_hold(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.pause, "lunch")
        turns = (await handle.query(BuildWorkflow.state)).turns
        gate.set()
        paused = await until(handle, lambda state: not state.in_flight)
        assert (paused.paused, paused.turns) == ("person", turns)
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
    assert state.phase == "DONE"
    assert [request.held for request in stage.requests("hold")] == [True, False]


async def test_a_worker_that_is_silent_is_missed_whatever_it_was_asked_for(client: Client) -> None:
    """Also where agents are told to hold, and where it is counted what an invocation without a report has cost."""
    stage, _ = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.pause, "lunch")
        async with asyncio.timeout(30):
            while not stage.requests("hold"):  # noqa: ASYNC110 - workers are at work meanwhile
                await asyncio.sleep(0.02)
        await handle.execute_update(BuildWorkflow.stop, Stop(why="enough"))
        await handle.result()
        history = await handle.fetch_history()
    asked = [event.activity_task_scheduled_event_attributes for event in history.events]
    patience = {one.activity_type.name: one.heartbeat_timeout.ToTimedelta() for one in asked if one.activity_id}
    assert {"hold", "account", "tuner", "publish"} <= set(patience)
    assert set(patience.values()) == {ALIVE}


async def test_requests_to_hold_and_to_go_on_say_which_is_later(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.pause, "lunch")
        gate.set()
        await until(handle, lambda state: not state.in_flight)
        await handle.execute_update(BuildWorkflow.resume)
        await handle.result()
    paused, resumed = stage.requests("hold")
    assert 0 < paused.seq < resumed.seq


async def test_a_note_reaches_the_manager_at_its_next_turn(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        turns = (await handle.query(BuildWorkflow.state)).turns
        await handle.execute_update(BuildWorkflow.steer, "prefer small models")
        await until(handle, lambda state: state.turns > turns)
        gate.set()
        await handle.result()
    notes = [
        event.note for request in stage.requests("manager") for event in request.happenings if hasattr(event, "note")
    ]
    assert "prefer small models" in notes


async def test_more_time_moves_the_deadline(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        before = await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.extend, Extension(minutes=30))
        after = await handle.query(BuildWorkflow.state)
        gate.set()
        await handle.result()
    assert (after.clock.deadline - before.clock.deadline).total_seconds() == 1_800
    assert after.budget.seconds == before.budget.seconds + 1_800


@pytest.mark.parametrize(
    ("update", "argument", "words"),
    [
        (BuildWorkflow.steer, " ", "1 to 8,000 characters"),
        (BuildWorkflow.extend, Extension(), "give minutes"),
        (BuildWorkflow.extend, Extension(dollars=1, minutes=5), "the run has no limit of dollars to extend"),
        (BuildWorkflow.extend, Extension(tokens=1, agent_calls=1), "no limit of tokens and agent calls to extend"),
        (BuildWorkflow.discard, 7, "there is no candidate 7"),
    ],
)
async def test_an_act_that_makes_no_sense_is_rejected_and_leaves_no_trace(
    client: Client, update: Any, argument: Any, words: str
) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        before = await until(handle, tuning)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(update, argument)
        after = await handle.query(BuildWorkflow.state)
        gate.set()
        await handle.result()
    assert words in str(refused.value.cause)
    assert before.seq == after.seq


async def test_a_stop_at_once_is_not_taken_back(client: Client) -> None:
    stage, _ = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.stop, Stop(why="enough"))
        with pytest.raises((WorkflowUpdateFailedError, RPCError)):  # refused, or the run is over already
            await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True))
        state = await handle.result()
    assert (state.phase, state.verified) == ("STOPPED", None)
