"""Workflow code decides at the time of its own tasks, whoever asks what and when."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkflowInstance

from activities.answers import answered
from schemas.state import ASK_AGAIN
from tests.workflows.timed import Timed
from workflows.runner import Timely, TimelyRunner, runner

STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED

OURS = TimelyRunner(restrictions=runner().restrictions.with_passthrough_modules("tests"))  # which no path leads to


@dataclass
class Inner(WorkflowInstance):
    """Notes the moments it was let act at."""

    at: list[int] = field(default_factory=list)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        self.at.append(act.timestamp.seconds)
        return WorkflowActivationCompletion(run_id=act.run_id)

    def get_serialization_context(self, command_info: Any) -> Any:
        raise NotImplementedError

    get_external_store_context = get_serialization_context

    def get_info(self) -> Any:
        raise NotImplementedError


def activation(second: int, events: int, *jobs: str, replaying: bool = False) -> WorkflowActivation:
    act = WorkflowActivation(run_id="a run", history_length=events, is_replaying=replaying)
    act.timestamp.seconds = second
    for job in jobs:
        getattr(act.jobs.add(), job).SetInParent()
    return act


def refused(*acts: WorkflowActivation) -> list[bool]:
    timely = Timely(Inner())
    return [timely.activate(act).WhichOneof("status") == "failed" for act in acts]


BEGUN = activation(1, 3, "initialize_workflow", replaying=True)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(activation(2, 9, "resolve_activity"), id="a task of its own time"),
        pytest.param(activation(1, 3, "resolve_activity"), id="a further step of the same task"),
        pytest.param(activation(1, 8, "query_workflow"), id="a query alone"),
        pytest.param(activation(1, 8, "resolve_activity", replaying=True), id="a replay: history says so"),
        pytest.param(activation(0, 3, "remove_from_cache"), id="the end of an instance in this worker"),
    ],
)
def test_a_step_is_taken(act: WorkflowActivation) -> None:
    assert refused(BEGUN, act) == [False, False]


def test_a_step_at_the_time_of_the_task_before_is_refused_and_the_workflow_does_not_see_it() -> None:
    inner = Inner()
    timely = Timely(inner)
    timely.activate(BEGUN)
    told = timely.activate(activation(1, 8, "resolve_activity", "query_workflow"))
    assert told.failed.failure.message == ASK_AGAIN
    assert told.run_id == "a run"
    assert inner.at == [1]


@dataclass
class Race:
    """A worker that takes over has a query and a task before it: which comes first is chance."""

    client: Client
    queue: str = field(default_factory=lambda: f"timed-{uuid4().hex}")
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def worker(self) -> Worker:
        return Worker(self.client, task_queue=self.queue, workflows=[Timed], workflow_runner=OURS)

    def others(self) -> Worker:
        @activity.defn(name="waits")
        async def waits() -> None:
            await self.done.wait()

        return Worker(self.client, task_queue=f"{self.queue}-others", activities=[waits])

    async def run(self) -> tuple[list[datetime], list[datetime], list[datetime]]:
        """The times that the workflow's steps were seen to have: by the first to ask, later, and in history."""
        async with self.others():
            async with self.worker():
                others = f"{self.queue}-others"
                handle = await self.client.start_workflow(Timed.run, others, id=self.queue, task_queue=self.queue)
                while not await steps(handle):
                    pass
            asking = asyncio.create_task(steps(handle))
            await asyncio.sleep(0)  # so that it is on its way
            self.done.set()
            await has(handle, COMPLETED)
            async with self.worker():
                first = await asking
                await has(handle, STARTED, 2)
                later = await steps(handle)
                await handle.signal(Timed.end)
                result = await handle.result()
        assert result == later
        assert await times(handle, FAILED) == []
        return first, later, (await times(handle, STARTED))[:2]


async def steps(handle: WorkflowHandle[Timed, list[datetime]]) -> list[datetime]:
    """As a query shows them. Its call may be cut off where a worker goes."""
    while True:
        with suppress(RPCError):
            return await answered(lambda: handle.query(Timed.steps))


async def times(handle: WorkflowHandle[Any, Any], kind: int) -> list[datetime]:
    events = [event async for event in handle.fetch_history_events() if event.event_type == kind]
    return [datetime.fromtimestamp(event.event_time.ToNanoseconds() / 1e9, UTC) for event in events]  # as the SDK does


async def has(handle: WorkflowHandle[Any, Any], kind: int, count: int = 1) -> None:
    while len(await times(handle, kind)) < count:
        pass


@pytest.mark.parametrize("number", range(10))  # without the guard about one in three goes wrong
async def test_what_a_query_shows_is_what_a_replay_gives(client: Client, number: int) -> None:
    first, later, known = await Race(client).run()
    assert later == known
    assert first == known[: len(first)]
