"""What a person does to a run: one update of its workflow, applied once however often it has to be sent."""

import asyncio
import uuid

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import BadInput
from ops import runs
from ops.errors import CommandFailed

TRIES = 5
AGAIN = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED)
ANSWER_SECONDS = 60.0


async def act(client: Client, run: str, update: str, arguments: list[object], *, id: str | None = None) -> str:
    """Sends an update and returns its id. The id stays the same over all tries, so that Temporal applies it once.

    BadInput if the run refuses it, with the run's own words; CommandFailed if the run is over or nobody answers.
    """
    name = id or f"{update}-{uuid.uuid4()}"
    for attempt in range(1, TRIES + 1):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await runs.handle(client, run).execute_update(update, args=arguments, id=name)
            return name
        except WorkflowUpdateFailedError as error:
            if not _passing(error) or attempt == TRIES:
                raise BadInput(f"{run} refuses: {_words(error)}") from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
            raise CommandFailed(f"no worker answers for {run}: `aibuildai up`, then try again") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise CommandFailed(f"{run} is over, or unknown to this Temporal: {error.message}") from error
            if error.status not in AGAIN or attempt == TRIES:
                raise CommandFailed(f"Temporal did not take it: {error.message}") from error
        await asyncio.sleep(0.5 * attempt)
    raise AssertionError("the last try raises")


def _passing(error: WorkflowUpdateFailedError) -> bool:
    """True if the update met the moment in which a run goes over to its next execution."""
    cause = error.cause
    return isinstance(cause, ApplicationError) and cause.type == "AcceptedUpdateCompletedWorkflow"


def _words(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause)
