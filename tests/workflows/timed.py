"""A workflow that notes the time of its steps."""

from datetime import datetime, timedelta

from temporalio import workflow


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
