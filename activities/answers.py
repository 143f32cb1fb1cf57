"""A run's workflow is asked, and asked again where a worker that takes over has a task to do first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import WorkflowQueryFailedError

from schemas.state import ASK_AGAIN

PAUSE = 0.2  # seconds
MOST = 50
Answer = TypeVar("Answer")


async def answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a query. Raises WorkflowQueryFailedError if it fails for another reason, or on and on."""
    for _ in range(MOST):
        try:
            return await ask()
        except WorkflowQueryFailedError as error:
            if ASK_AGAIN not in str(error):
                raise
        await asyncio.sleep(PAUSE)
    return await ask()
