"""A day of a run: its histories stay small and replay quickly, and its worker needs no more memory at the end."""

import asyncio
import gc
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import psutil
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from ops.cores import one_core
from schemas.event import InvocationReported, InvocationStarted, LedgerEntry
from schemas.state import RunState
from tests.workflows.day import Day, taken
from tests.workflows.facts import bounded, spoken
from tests.workflows.skipping import TimePasses, begin, skipping_server, working
from tests.workflows.stage import events
from workflows import ledger
from workflows.build import BuildWorkflow
from workflows.replay import rederive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

INVOCATIONS = 400
TURNS = 300
MEGABYTE = 1_000_000


@dataclass
class Played:
    """A run that ended. `memory` is what its worker held through the day, in resident bytes."""

    state: RunState
    histories: list[Any]
    ledger: list[LedgerEntry]
    memory: list[int] = field(default_factory=list)

    def every(self) -> list[HistoryEvent]:
        return [event for history in self.histories for event in history.events]

    @property
    def size(self) -> int:
        return sum(event.ByteSize() for event in self.every())

    @property
    def events(self) -> int:
        """Without the server's own word on each time that it skipped."""
        return self.counts().total() - self.counts()["WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"]

    def counts(self) -> Counter[str]:
        return Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in self.every())


async def played(day: Day, **settings: Any) -> Played:
    asked = bounded(spoken(24 * 60, candidates=6, **settings), dollars=1_000.0)
    process, memory = psutil.Process(), []
    async with skipping_server() as environment:
        async with working(environment.client, day, [TimePasses(taken)]):
            handle = await begin(environment.client, asked)
            result = asyncio.ensure_future(handle.result())
            while not result.done():
                gc.collect()
                memory.append(process.memory_info().rss)
                await asyncio.wait([result], timeout=2.0)
            state = result.result()
            executions = await executions_of(environment.client, handle.id)
        histories = [await one.fetch_history() for one in executions]
    return Played(state, histories, day.ledger, memory)


async def executions_of(client: Client, run: str) -> list[WorkflowHandle[Any, Any]]:
    """All executions of a run, in order."""
    found: list[WorkflowHandle[Any, Any]] = []
    execution: str | None = None
    while True:
        one = client.get_workflow_handle(run, run_id=execution)
        found.insert(0, one)
        start = (await one.fetch_history()).events[0].workflow_execution_started_event_attributes
        if not start.continued_execution_run_id:
            return found
        execution = start.continued_execution_run_id


async def replayed(day: Played) -> list[LedgerEntry]:
    return await rederive("long", [history.to_json() for history in day.histories])


@pytest.fixture(scope="module")
async def day() -> Played:
    found = await played(Day(INVOCATIONS - 2))  # without setup and aggregator
    assert (found.state.phase, found.state.why) == ("DONE", "delivered and verified")
    assert (found.state.turns, found.state.invocations) == (TURNS, INVOCATIONS)
    assert found.ledger[-1].at - found.ledger[0].at > timedelta(hours=18)
    return found


async def test_a_day_of_300_turns_and_400_invocations_stays_under_6000_events_and_10_megabytes(day: Played) -> None:
    assert day.events < 6_000, day.counts()
    assert day.size < 10 * MEGABYTE


async def test_a_day_replays_from_its_histories_in_under_three_seconds(day: Played) -> None:
    """Of processor time, so that what else the machine does is not counted; and to the same ledger."""
    replayer = Replayer(
        workflows=[BuildWorkflow],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    )
    took = []
    with one_core():
        for _ in range(5):
            began = time.process_time()
            for history in day.histories:
                await replayer.replay_workflow(history)
            took.append(time.process_time() - began)
    assert min(took) < 3.0, took
    found = await replayed(day)
    assert found == day.ledger
    assert ledger.broken_at(found) is None


def test_a_worker_needs_no_more_memory_at_the_end_of_a_day(day: Played) -> None:
    quarter = len(day.memory) // 4
    early, late = median(day.memory[quarter : 2 * quarter]), median(day.memory[-quarter:])
    assert late - early < 25 * MEGABYTE, [size // MEGABYTE for size in day.memory]


async def test_a_history_that_is_too_long_is_drained_of_work_and_nothing_is_lost() -> None:
    """There is no quiet moment, so what is in flight reports before a new execution takes over."""
    found = await played(Day(60), history_events=50, history_drain=200)
    assert found.state.phase == "DONE"
    assert found.state.spec.epoch == len(found.histories) - 1 >= 2
    starts = [event.invocation for event in events(found.ledger, InvocationStarted)]
    reports = [event.invocation for event in events(found.ledger, InvocationReported)]
    assert sorted(starts) == sorted(reports)
    assert len(set(reports)) == len(reports) == found.state.invocations
    assert await replayed(found) == found.ledger
    assert ledger.broken_at(found.ledger) is None
    for before, after in pairwise(found.histories):
        assert after.events[0].event_time.ToDatetime() >= before.events[-1].event_time.ToDatetime()
