"""Workflows of a few steps: one notes their times, one calls off what has just ended."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.attempts import told


@workflow.defn(name="Timed")
class Timed:
    """Waits for an activity of another queue, then for a signal."""

    def __init__(self) -> None:
        self._steps: list[datetime] = []
        self._ended = False

    @workflow.run
    async def run(self, queue: str) -> list[datetime]:
        self._steps.append(workflow.now())
        await workflow.execute_activity("waits", task_queue=queue, start_to_close_timeout=timedelta(minutes=5))
        self._steps.append(workflow.now())
        await workflow.wait_condition(lambda: self._ended)
        return self._steps

    @workflow.signal
    def end(self) -> None:
        self._ended = True

    @workflow.query
    def steps(self) -> list[datetime]:
        return self._steps


@workflow.defn(name="CallsOff")
class CallsOff:
    """Waits for two activities; as soon as the first ends, whoever waits for the second is called off."""

    @workflow.run
    async def run(self, queue: str) -> str:
        limit = timedelta(minutes=5)
        first = workflow.start_activity("first", task_queue=queue, start_to_close_timeout=limit)
        second = workflow.start_activity("second", task_queue=queue, start_to_close_timeout=limit, result_type=str)
        waiting = asyncio.create_task(told(second))
        await first
        waiting.cancel()
        try:
            return await waiting
        except asyncio.CancelledError:
            return "lost"
