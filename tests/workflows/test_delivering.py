"""What is chosen, checked and delivered, and what gives way."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from schemas.candidate import Member
from schemas.delivery import DeliveryRequest, Verified
from schemas.event import (
    ChoiceMade,
    ScoreRejected,
)
from schemas.role import AggregateReport, AggregateRequest, TuneRequest
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, events, staged, start

pytestmark = pytest.mark.timeout(60)


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


async def test_all_choices_share_the_time_that_delivery_may_take_past_the_deadline(client: Client) -> None:
    async def verify(request: DeliveryRequest) -> Verified:
        return Verified(passed=request.members[0].candidate == 1, problem="holds predictions", rows=100)

    stage = Stage({"verify": verify})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(minutes=60, candidates=3))
        state = await handle.result()
    deadlines = {request.invocation: request.deadline for request in stage.requests("verify")}
    assert len(deadlines) == 3, "each choice is a delivery of its own"
    assert set(deadlines.values()) == {state.clock.deadline + timedelta(minutes=15)}, "a quarter of the budget"
