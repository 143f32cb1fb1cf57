"""Decisions replayed without a model: the ledger, derived again from Temporal's own history."""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from schemas.event import LedgerEntry
from workflows.build import BuildWorkflow

UPDATES = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
)


async def rederive(run: str, histories: Sequence[str]) -> list[LedgerEntry]:
    """The ledger of all executions of a run, from their histories as JSON, in order; of one that goes on, so far.

    Raises temporalio.workflow.NondeterminismError if this code would have decided otherwise at any point.
    """
    entries: list[LedgerEntry] = []
    for number, history in enumerate(histories):
        events = _decided(WorkflowHistory.from_json(f"{run}.{number}", history).events)
        if not events:
            continue
        watched = _Watch()
        replayer = Replayer(
            workflows=[BuildWorkflow],
            data_converter=pydantic_data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),  # so that the replayed instance can be read
            interceptors=[watched],
            debug_mode=True,  # in this thread: nobody waits meanwhile, and handing each step over takes a fifth more
        )
        await replayer.replay_workflow(WorkflowHistory(f"{run}.{number}", events))
        if watched.instance is not None:
            entries.extend(watched.instance.entries)
    return entries


def _decided(events: Sequence[HistoryEvent]) -> Sequence[HistoryEvent]:
    """Up to the last step that the workflow took.

    What came since would be decided by the replay itself, at a time of its own.
    """
    steps = [n for n, event in enumerate(events, 1) if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    end = steps[-1] if steps else 0
    while end and end < len(events) and _commanded(events[end]):
        end += 1
    return events[:end]


def _commanded(event: HistoryEvent) -> bool:
    """True for an event that the workflow caused, and nothing from outside."""
    attributes = getattr(event, event.WhichOneof("attributes") or "", None)
    return event.event_type in UPDATES or hasattr(attributes, "workflow_task_completed_event_id")


class _Watch(Interceptor):
    """Keeps hold of the workflow instance that a replay makes."""

    def __init__(self) -> None:
        self.instance: BuildWorkflow | None = None

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002 - the interceptor's signature
    ) -> type[WorkflowInboundInterceptor]:
        watch = self

        class Inbound(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
                instance = workflow.instance()
                assert isinstance(instance, BuildWorkflow)
                watch.instance = instance
                return await super().execute_workflow(input)

        return Inbound
