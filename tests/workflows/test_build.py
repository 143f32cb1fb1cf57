"""The workflow on the real server, with its activities played."""

from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from schemas.candidate import Member
from schemas.decision import Tune, Wait
from schemas.delivery import DeliveryRequest, Verified
from schemas.event import (
    AttemptFailed,
    ChoiceMade,
    DecisionRefused,
    InvocationFailed,
    LedgerEntry,
    ScoreRejected,
)
from schemas.person import Extension, Stop
from schemas.role import AggregateReport, AggregateRequest, CodeReport, CodeRequest, TuneRequest
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, holding, staged, start, tuning, until
from workflows import ledger
from workflows.build import BuildWorkflow
from workflows.replay import rederive

pytestmark = pytest.mark.timeout(60)


async def entries(handle: Any) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    while page := await handle.query(BuildWorkflow.ledger, found[-1].seq if found else 0):
        found += page
    return found


def events(found: list[LedgerEntry], kind: type) -> list[Any]:
    return [entry.event for entry in found if isinstance(entry.event, kind)]


async def test_a_run_goes_through_all_roles_and_delivers(client: Client) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec())
        state = await handle.result()
        found = await entries(handle)
    assert (state.phase, state.verified, state.refitted) == ("DONE", True, True)
    assert [c.status for c in state.candidates.values()] == ["trained"] * 3
    assert state.best is not None
    assert state.best.number == 3
    assert state.report_score is not None
    assert {"setup", "designer", "coder", "tuner", "aggregator", "manager"} <= {name for name, _ in stage.asked}
    assert ledger.broken_at(found) is None
    assert (found[-1].seq, found[-1].digest) == (state.seq, state.head)


async def test_the_ledger_is_derived_again_from_history_alone(client: Client) -> None:
    async with staged(client, Stage()) as queue:
        handle = await start(client, queue, spec())
        await handle.result()
        found = await entries(handle)
        history = (await handle.fetch_history()).to_json()
    assert await rederive(handle.id, [history]) == found


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


async def test_a_run_in_which_nothing_can_be_trained_fails_and_says_why(client: Client) -> None:
    async def coder(request: CodeRequest) -> CodeReport:
        raise ApplicationError("no such library", type="Impossible", non_retryable=True)

    async def manager(request: ManageRequest) -> Managed:
        stuck = any(candidate.failures for candidate in request.board.candidates)
        return Managed(invocation=request.invocation) if stuck else await Stage()._manager(request)

    async with staged(client, Stage({"coder": coder, "manager": manager})) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
    assert state.phase == "FAILED"
    assert "candidate 1: no such library" in state.why


async def test_a_false_score_is_rejected_and_does_not_count(client: Client) -> None:
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        report = await stage._tuner(request)
        stage.scores[report.trials[0].job] = 0.9  # what the scorer finds, against the claim
        return report

    stage.parts["tuner"] = tuner
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        state = await handle.result()
        rejected = events(await entries(handle), ScoreRejected)
    assert state.phase == "FAILED"
    assert "the scorer finds 0.9" in rejected[0].why


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


async def test_a_choice_worse_than_the_leader_gives_way_to_the_leader(client: Client) -> None:
    async def aggregator(request: AggregateRequest) -> AggregateReport:
        worst = request.candidates[0]
        assert worst.best is not None
        member = Member(candidate=1, job=worst.best.job, revision=worst.best.revision)
        return AggregateReport(invocation=request.invocation, members=(member,), summary="mine")

    async with staged(client, Stage({"aggregator": aggregator})) as queue:
        handle = await start(client, queue, spec(candidates=2))
        state = await handle.result()
    assert state.choice is not None
    assert [member.candidate for member in state.choice.report.members] == [2]
    assert "Candidate 2 alone" in state.choice.report.summary


async def test_what_fails_the_final_check_gives_way_to_the_next(client: Client) -> None:
    async def verify(request: DeliveryRequest) -> Verified:
        passed = request.members[0].candidate == 1
        return Verified(passed=passed, problem=None if passed else "holds predictions", rows=100)

    stage = Stage({"verify": verify})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=2))
        state = await handle.result()
        choices = events(await entries(handle), ChoiceMade)
    assert (state.phase, state.verified) == ("DONE", True)
    assert [choice.report.members[0].candidate for choice in choices] == [2, 1]
    tried = [(r.members[0].candidate, r.refitted) for r in stage.requests("verify")]
    assert tried == [(2, True), (2, False), (1, True)]


async def test_nothing_is_delivered_if_nothing_passes_the_final_check(client: Client) -> None:
    async def verify(request: DeliveryRequest) -> Verified:
        return Verified(passed=False, problem="holds predictions")

    async with staged(client, Stage({"verify": verify})) as queue:
        state = await (await start(client, queue, spec(candidates=1))).result()
    assert state.phase == "FAILED"
    assert "holds predictions" in state.why


# --- people ---------------------------------------------------------------------------------------------------


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


async def test_what_needs_a_person_pauses_the_run_which_goes_on_from_the_same_place(client: Client) -> None:
    broken = iter([True])

    async def coder(request: CodeRequest) -> CodeReport:
        if next(broken, False):
            raise ApplicationError("the API key was refused", type="NeedsPerson", non_retryable=True)
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code")

    async with staged(client, Stage({"coder": coder})) as queue:
        handle = await start(client, queue, spec(candidates=1))
        paused = await until(handle, lambda state: state.paused == "system")
        assert paused.pause_why == "the API key was refused"
        await handle.execute_update(BuildWorkflow.resume)
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
    assert state.phase == "DONE"
    assert [(f.attempt, f.cause) for f in failed] == [(1, "person")]


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


async def test_a_long_history_goes_on_in_a_new_execution_with_nothing_lost(client: Client) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=3, parallel=1, history_events=60))
        state = await handle.result()
        last = await entries(client.get_workflow_handle(handle.id))
    assert state.phase == "DONE"
    assert state.spec.epoch >= 1
    assert [c.status for c in state.candidates.values()] == ["trained"] * 3
    assert ledger.broken_at(last, previous=last[0].previous) is None
    assert last[0].seq > 1
    assert [request.turn for request in stage.requests("manager")] == list(range(1, state.turns + 1))


async def test_bad_input_fails_the_run_before_any_agent_starts(client: Client) -> None:
    async def prepare(request: Any) -> Any:
        raise ApplicationError("train.csv has no column 'y'", type="BadInput", non_retryable=True)

    stage = Stage({"prepare": prepare})
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, spec())).result()
    assert state.phase == "FAILED"
    assert "train.csv has no column 'y'" in state.why
    assert {"setup", "manager"}.isdisjoint({name for name, _ in stage.asked})


async def test_a_stop_with_delivery_while_a_person_is_needed_delivers_without_that_person(client: Client) -> None:
    async def aggregator(request: AggregateRequest) -> AggregateReport:
        raise ApplicationError("the API key was refused", type="NeedsPerson", non_retryable=True)

    async with staged(client, Stage({"aggregator": aggregator})) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.paused == "system")
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="deliver without it"))
        state = await handle.result()
        failed = events(await entries(handle), AttemptFailed)
    assert (state.phase, state.verified, state.paused) == ("STOPPED", True, None)
    assert [failure.again for failure in failed] == [True, False]


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
