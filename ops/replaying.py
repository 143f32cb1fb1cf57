"""A run's ledger derived again from Temporal's history, without a model and without a worker."""

from collections.abc import Sequence

from temporalio.client import Client
from temporalio.service import RPCError

from ops.cores import one_core
from schemas.event import LedgerEntry
from workflows.replay import rederive


async def histories(client: Client, run: str) -> list[str]:
    """The histories of all executions as JSON, in order; empty if the server does not know the run (any more)."""
    found: list[str] = []
    execution: str | None = None
    try:
        while True:
            history = await client.get_workflow_handle(run, run_id=execution).fetch_history()
            found.insert(0, history.to_json())
            # each execution names the one that it continues
            execution = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
            if not execution:
                return found
    except RPCError:
        return []


async def derived(client: Client, run: str) -> list[LedgerEntry]:
    """The ledger as the server's histories give it; raises temporalio.workflow.NondeterminismError as `rederive`."""
    return await replayed(run, await histories(client, run))


async def replayed(run: str, found: Sequence[str]) -> list[LedgerEntry]:
    """The ledger as histories give it; raises as `rederive`."""
    with one_core():
        return await rederive(run, found)
