"""The workflow on the real server, with its activities played: whole runs, and their ledgers."""

from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from schemas.role import CodeReport, CodeRequest
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, staged, start
from workflows import ledger
from workflows.replay import rederive

pytestmark = pytest.mark.timeout(60)


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


async def test_bad_input_fails_the_run_before_any_agent_starts(client: Client) -> None:
    async def prepare(request: Any) -> Any:
        raise ApplicationError("train.csv has no column 'y'", type="BadInput", non_retryable=True)

    stage = Stage({"prepare": prepare})
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, spec())).result()
    assert state.phase == "FAILED"
    assert "train.csv has no column 'y'" in state.why
    assert {"setup", "manager"}.isdisjoint({name for name, _ in stage.asked})


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
