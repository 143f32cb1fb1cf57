"""How workers run workflow code: in Temporal's sandbox, which refuses clocks, chance and files, and at its own time."""

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

from schemas.state import ASK_AGAIN

# models of data alone: made anew for every run they took a quarter of a second, and megabytes
SHARED = ("schemas",)


def runner() -> SandboxedWorkflowRunner:
    return TimelyRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*SHARED))


class TimelyRunner(SandboxedWorkflowRunner):
    """Runs workflow code in workflow tasks alone, each with a time of its own.

    A worker that takes over may be asked a query before the task that is due. To answer it, the SDK would have the
    workflow act on all that happened since its last task, at that task's time, and would keep what came of it:
    decisions that rest on a time no replay gives. Such a step is refused here. The query fails, the SDK forgets the
    run, and the task that comes next reads it anew from its history.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return Timely(super().create_instance(det))


class Timely(WorkflowInstance):
    """An instance that takes no step at the time of an earlier one."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._done: tuple[int, int, int] | None = None  # seconds, nanoseconds, and the events there were

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        moment = (act.timestamp.seconds, act.timestamp.nanos, act.history_length)
        steps = any(job.WhichOneof("variant") != "query_workflow" for job in act.jobs)
        if steps and not act.is_replaying and self._done and moment[:2] == self._done[:2] and moment != self._done:
            refused = WorkflowActivationCompletion(run_id=act.run_id)
            refused.failed.failure.message = ASK_AGAIN
            return refused
        self._done = moment
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
