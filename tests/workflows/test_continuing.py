"""A history that is long goes on in a new execution, and what is at work then loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle

from schemas.event import InvocationReported, InvocationStarted, LedgerEntry, ManagerDecided, PersonSteered
from schemas.state import RunState
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, events, holding, staged, start, tuning, until
from workflows import ledger
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)
LONG = 80  # events; the training is at work before there are so many
TOO_LONG = 100
STEP = 30  # more than one step of the workflow adds: from then on it knows


@dataclass
class Run:
    """A run whose tuner is held at work."""

    handle: WorkflowHandle[BuildWorkflow, RunState]
    first: WorkflowHandle[BuildWorkflow, RunState]  # its first execution alone
    stage: Stage
    gate: asyncio.Event

    async def steered_until(self, events: int) -> int:
        """Notes until the first execution has so many events; how many they were."""
        notes = 0
        while (await self.first.describe()).history_length < events:
            notes += 1
            await self.first.execute_update(BuildWorkflow.steer, f"note {notes}")
        return notes

    async def training_alone(self) -> None:
        """Until nothing but the training is under way, and nobody has called that off."""
        under_way = {"manager": PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED}
        while "manager" in under_way:
            pending = (await self.first.describe()).raw_description.pending_activities
            under_way = {one.activity_type.name: one.state for one in pending}
        assert under_way == {"tuner": PendingActivityState.PENDING_ACTIVITY_STATE_STARTED}

    def told(self) -> list[str]:
        """The notes that the manager has heard, in order."""
        asked = self.stage.requests("manager")
        return [event.note for one in asked for event in one.happenings if isinstance(event, PersonSteered)]

    async def over(self) -> tuple[list[LedgerEntry], list[LedgerEntry]]:
        """The ledger of both executions, once the tuner was let go on and the run has ended."""
        self.gate.set()
        assert (await self.handle.result()).phase == "DONE"
        return await entries(self.first), await entries(self.handle)


@asynccontextmanager
async def held(client: Client, **settings: Any) -> AsyncIterator[Run]:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1, **settings))
        first = client.get_workflow_handle_for(BuildWorkflow.run, handle.id, run_id=handle.first_execution_run_id)
        await until(handle, tuning)
        yield Run(handle, first, stage, gate)


def nothing_lost(found: list[LedgerEntry]) -> None:
    """What was started has reported, once; and the chain holds over both executions."""
    starts = [event.invocation for event in events(found, InvocationStarted)]
    reports = [event.invocation for event in events(found, InvocationReported)]
    assert sorted(reports) == sorted(set(starts)) == sorted(starts)
    assert ledger.broken_at(found) is None


async def test_a_long_history_waits_for_a_quiet_moment_and_the_manager_is_asked_meanwhile(client: Client) -> None:
    async with held(client, history_events=LONG) as run:
        notes = await run.steered_until(LONG)
        await run.first.execute_update(BuildWorkflow.steer, "what now?")
        before = await until(run.first, lambda state: "what now?" in run.told())
        assert (before.spec.epoch, tuning(before)) == (0, True)
        first, second = await run.over()
    assert events(first, InvocationReported)[-1].report.kind == "tune"
    assert events(second, InvocationStarted)[0].role == "aggregator"
    assert len(run.told()) == notes + 1
    nothing_lost(first + second)


async def test_a_history_that_is_too_long_starts_nothing_more_and_what_is_at_work_reports_first(client: Client) -> None:
    """What people say while it is drained is told to the manager in the new execution."""
    async with held(client, history_drain=TOO_LONG) as run:
        notes = await run.steered_until(TOO_LONG + STEP)
        await run.training_alone()
        turns = (await run.first.query(BuildWorkflow.state)).turns
        await run.first.execute_update(BuildWorkflow.steer, "what now?")
        before = await run.first.query(BuildWorkflow.state)
        await run.training_alone()
        assert (before.turns, tuning(before), "what now?" in run.told()) == (turns, True, False)
        first, second = await run.over()
    assert events(first, ManagerDecided)[-1].turn == turns
    assert events(first, InvocationReported)[-1].report.kind == "tune"
    assert events(second, ManagerDecided)[0].turn == turns + 1
    assert run.told() == [f"note {number}" for number in range(1, notes + 1)] + ["what now?"]
    nothing_lost(first + second)
