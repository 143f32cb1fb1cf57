"""What every activity has around its work: heartbeats, and errors in the words that the workflow knows."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.agent.doing import Doing, heartbeats
from activities.errors import BadInput, Impossible, LittleDisk, NeedsPerson, ToolFailed
from activities.hiding import hidden

LONGEST_ERROR = 4_000  # characters that enter history
NAMED = (NeedsPerson, Impossible, BadInput, ToolFailed)


@asynccontextmanager
async def attended(words: str = "starting") -> AsyncIterator[Doing]:
    """Heartbeats while the body runs. Errors that name who must act keep their name; all are bounded.

    A shutdown of the worker becomes `WorkerShutdown`, after which the workflow starts the next attempt at once.
    """
    doing = Doing()
    doing.now(words)
    try:
        async with heartbeats(doing):
            yield doing
    except NAMED as error:
        words = hidden(str(error))[:LONGEST_ERROR]
        where = (str(error.folder),) if isinstance(error, LittleDisk) else ()
        raise ApplicationError(words, *where, type=type(error).__name__, non_retryable=True) from None
    except ApplicationError:
        raise
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is not None and details.worker_shutdown:
            raise ApplicationError("the worker was shut down; its jobs run on", type="WorkerShutdown") from None
        raise
    except Exception as error:  # noqa: BLE001 - of whatever kind: it is raised again, named and bounded
        words = hidden(f"{type(error).__name__}: {error}")[:LONGEST_ERROR]
        raise ApplicationError(words, type=type(error).__name__) from _showable(error)


def _showable(error: Exception) -> Exception | None:
    """The error with its traceback, for Temporal's UI; nothing of one that holds a key, which history would keep."""
    whole = "".join(traceback.format_exception(error))
    return error if hidden(whole) == whole else None
