"""Heartbeats and errors of an activity: what every activity that takes more than a moment has around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import BadInput, Impossible, NeedsPerson, ToolFailed

BEAT_SECONDS = 3.0
LONGEST_TEXT = 4_000
NAMED = (NeedsPerson, Impossible, BadInput, ToolFailed)  # errors that say who must act


@asynccontextmanager
async def beating(doing: str) -> AsyncIterator[None]:
    """Heartbeats while the block runs, and errors with a name that the workflow knows.

    A shutdown of the worker becomes `WorkerShutdown`, so that the next attempt starts at once.
    """
    beat = asyncio.create_task(_beat(doing))
    try:
        yield
    except NAMED as error:
        raise ApplicationError(str(error)[:LONGEST_TEXT], type=type(error).__name__, non_retryable=True) from None
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is not None and details.worker_shutdown:
            raise ApplicationError("the worker was shut down", type="WorkerShutdown") from None
        raise
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat


async def _beat(doing: str) -> None:
    while True:
        activity.heartbeat(doing)
        await asyncio.sleep(BEAT_SECONDS)
