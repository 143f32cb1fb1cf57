"""How workers run workflow code: in Temporal's sandbox, which refuses clocks, chance and files."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# models of data alone: made anew for every run they took a quarter of a second, and megabytes
SHARED = ("schemas",)


def runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*SHARED))
