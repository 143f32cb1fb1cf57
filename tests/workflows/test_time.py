"""Hours pass in seconds: the real server skips time while only timers are waited for."""

import time
from itertools import pairwise
from typing import Any

import pytest

from schemas.budget import Spend
from schemas.event import AttemptFailed, InvocationFailed, LimitReached, ManagerDecided, RunPrepared
from schemas.role import CodeReport, CodeRequest, Role
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec
from tests.workflows.skipping import skipping
from tests.workflows.stage import Stage, entries, events

pytestmark = pytest.mark.timeout(120)


async def test_attempts_back_off_until_the_deadline_and_the_deadline_ends_the_run() -> None:
    async def coder(request: CodeRequest) -> CodeReport:
        raise RuntimeError("the disk hiccuped")

    began = time.monotonic()
    async with skipping(Stage({"coder": coder}), spec(minutes=10, candidates=1, attempts=20)) as handle:
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "FAILED"
    assert "candidate 1: the disk hiccuped" in state.why
    assert state.ended is not None
    passed = (state.ended - state.clock.started).total_seconds()
    assert passed >= 400
    assert time.monotonic() - began < passed / 4
    assert [limit.limit for limit in events(found, LimitReached)] == ["explore_until"]
    failed = events(found, AttemptFailed)
    assert [failure.attempt for failure in failed] == list(range(1, len(failed) + 1))


async def test_an_outage_of_hours_ends_no_run_and_the_manager_is_told_all_once_it_is_over() -> None:
    outage = 16  # calls that fail, one for each turn

    async def manager(request: ManageRequest) -> Managed:
        if request.turn <= outage:
            raise RuntimeError("529 overloaded")
        return await stage._manager(request)

    async def account(request: Any) -> Spend:
        return Spend(model_calls=1, dollars=0.25)

    stage = Stage({"manager": manager, "account": account})
    async with skipping(stage, spec(minutes=600, candidates=2, attempts=1)) as handle:
        state = await handle.result()
        found = await entries(handle)
    assert (state.phase, state.finish) == ("DONE", "all are trained")
    turns = [entry for entry in found if isinstance(entry.event, ManagerDecided)]
    without, after = turns[:outage], turns[outage:]
    assert {entry.event.policy for entry in without} == {"greedy"}
    assert not any(step.kind == "finish" for entry in without for step in entry.event.decisions)
    rests = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(without)]
    assert [round(rest, -1) for rest in rests[:6]] == [30, 60, 120, 240, 480, 900]
    assert max(rests) < 910
    assert (after[0].at - state.clock.started).total_seconds() > 2.5 * 3_600
    told = stage.requests("manager")[outage].happenings
    assert isinstance(told[0], RunPrepared)
    assert state.spend_by_role[Role.MANAGER].dollars == pytest.approx(0.25 * outage)
    assert [failure.spend.dollars for failure in events(found, InvocationFailed)] == [0.25] * outage


async def test_an_outage_that_does_not_end_is_over_with_the_time_for_exploring() -> None:
    async def manager(request: ManageRequest) -> Managed:
        raise RuntimeError("529 overloaded")

    async with skipping(Stage({"manager": manager}), spec(minutes=60, candidates=1, attempts=1)) as handle:
        state = await handle.result()
        found = await entries(handle)
    assert (state.phase, state.verified) == ("DONE", True)
    assert [limit.limit for limit in events(found, LimitReached)] == ["explore_until"]
