"""Decisions replayed without a model: the ledger, derived again from Temporal's own history."""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
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


async def rederive(run: str, histories: Sequence[str]) -> list[LedgerEntry]:
    """The ledger of all executions of a run, from their histories as JSON, in order.

    Raises temporalio.workflow.NondeterminismError if this code would have decided otherwise at any point.
    """
    entries: list[LedgerEntry] = []
    for number, history in enumerate(histories):
        watched = _Watch()
        replayer = Replayer(
            workflows=[BuildWorkflow],
            data_converter=pydantic_data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),  # so that the replayed instance can be read
            interceptors=[watched],
        )
        await replayer.replay_workflow(WorkflowHistory.from_json(f"{run}.{number}", history))
        if watched.instance is not None:
            entries.extend(watched.instance.entries)
    return entries


class _Watch(Interceptor):
    """Keeps hold of the workflow instance that a replay makes."""

    def __init__(self) -> None:
        self.instance: BuildWorkflow | None = None

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor]:
        watch = self

        class Inbound(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
                instance = workflow.instance()
                assert isinstance(instance, BuildWorkflow)
                watch.instance = instance
                return await super().execute_workflow(input)

        return Inbound
