"""One timer for many waits: each wait with a time limit of its own would cost history two events."""

import asyncio
from datetime import datetime

from temporalio import workflow


class Alarm:
    """Goes off by a moment that may be moved. Where that is put off it may go off early, and is set anew."""

    def __init__(self, summary: str) -> None:
        self._summary = summary
        self._at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def by(self, moment: datetime) -> asyncio.Task[None]:
        """Done at that moment, or before."""
        if self._task is None or self._task.done() or self._at is None or moment < self._at:
            self.off()
            self._at = moment
            self._task = asyncio.create_task(workflow.sleep(moment - workflow.now(), summary=self._summary))
        return self._task

    def off(self) -> None:
        if self._task is not None:
            self._task.cancel()
