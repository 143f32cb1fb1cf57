"""Turns of the policy: what becomes of decisions, and of a manager that gives none."""

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from schemas.decision import Finish, Tune, Wait
from schemas.event import DecisionRefused, ManagerDecided
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec, spoken
from tests.workflows.stage import Stage, entries, events, staged, start, until
from workflows.build import BuildWorkflow
from workflows.exploring import FIRST_REST

pytestmark = pytest.mark.timeout(60)


async def finishing(request: ManageRequest) -> Managed:
    """A manager that wants no more."""
    return Managed(invocation=request.invocation, decisions=(Finish(why="enough"),), tool_uses=("t",))


async def test_refused_decisions_go_back_to_the_manager_as_text(client: Client) -> None:
    async def manager(request: ManageRequest) -> Managed:
        if request.turn == 1:
            early = Tune(candidate=1, minutes=1, brief="too early")
            return Managed(invocation=request.invocation, decisions=(early,), tool_uses=("t1",))
        return await Stage()._manager(request)

    stage = Stage({"manager": manager})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
        refused = events(await entries(handle), DecisionRefused)
    assert state.phase == "DONE"
    assert len(refused) == 1
    answer = stage.requests("manager")[1].answers[0]
    assert (answer.tool_use, answer.refused) == ("t1", True)
    assert "there is no candidate 1" in answer.text


async def test_a_manager_that_only_waits_does_not_hang_the_run(client: Client) -> None:
    async def manager(request: ManageRequest) -> Managed:
        return Managed(invocation=request.invocation, decisions=(Wait(why="for what?"),), tool_uses=("t",))

    async with staged(client, Stage({"manager": manager})) as queue:
        state = await (await start(client, queue, spec())).result()
    assert state.phase == "FAILED"
    assert state.turns == 3


async def test_a_model_that_finishes_before_anything_has_a_score_is_refused_and_goes_on(client: Client) -> None:
    async def manager(request: ManageRequest) -> Managed:
        return await (finishing(request) if request.turn == 1 else Stage()._manager(request))

    stage = Stage({"manager": manager})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        state = await handle.result()
        [refused] = events(await entries(handle), DecisionRefused)
    assert (state.phase, state.finish) == ("DONE", "all are trained")
    assert refused.why.startswith("nothing has a score yet")
    [answer] = stage.requests("manager")[1].answers
    assert (answer.tool_use, answer.text, answer.refused) == ("t", f"Refused: {refused.why}", True)


async def test_a_model_that_insists_on_finishing_does_not_hang_the_run(client: Client) -> None:
    async with staged(client, Stage({"manager": finishing})) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        state = await handle.result()
        refused = events(await entries(handle), DecisionRefused)
    assert (state.phase, state.turns, len(refused)) == ("FAILED", 3, 3)


async def test_rules_that_know_of_nothing_to_try_finish_at_once(client: Client) -> None:
    async with staged(client, Stage({"manager": finishing})) as queue:
        state = await (await start(client, queue, spec(candidates=1))).result()
    assert (state.phase, state.turns, state.finish) == ("FAILED", 1, "enough")


async def test_a_manager_that_cannot_be_asked_is_stood_in_for(client: Client) -> None:
    async def manager(request: ManageRequest) -> Managed:
        raise ApplicationError("the model refused", type="Impossible", non_retryable=True)

    async with staged(client, Stage({"manager": manager})) as queue:
        state = await (await start(client, queue, spec(candidates=2))).result()
    assert state.phase == "DONE"


async def test_the_greedy_policy_steers_without_a_manager(client: Client) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, spec(candidates=2, policy="greedy"))).result()
    assert state.phase == "DONE"
    assert stage.requests("manager") == []


async def test_a_note_has_a_manager_asked_again_at_once(client: Client) -> None:
    outage = iter([True])

    async def manager(request: ManageRequest) -> Managed:
        if next(outage, False):
            raise RuntimeError("529 overloaded")
        return await Stage()._manager(request)

    stage = Stage({"manager": manager})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1, attempts=1))
        await until(handle, lambda state: state.turns == 1)
        await handle.execute_update(BuildWorkflow.steer, "it is back")
        state = await handle.result()
        turns = [entry for entry in await entries(handle) if isinstance(entry.event, ManagerDecided)]
    assert state.phase == "DONE"
    assert (turns[1].at - turns[0].at).total_seconds() < FIRST_REST
    told = [event.kind for event in stage.requests("manager")[1].happenings]
    assert told[:2] == ["run_prepared", "invocation_reported"]
