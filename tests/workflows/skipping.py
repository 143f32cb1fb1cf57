"""The real server, skipping time while only timers are waited for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from schemas.run import RunSpec
from schemas.state import RunState
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.workflows.stage import Stage
from workflows.build import BuildWorkflow

SKIPPING = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]


@asynccontextmanager
async def skipping(stage: Stage, asked: RunSpec) -> AsyncIterator[WorkflowHandle[BuildWorkflow, RunState]]:
    """A run of its own server, for which hours pass in seconds."""
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(TEMPORAL),
        dev_server_extra_args=SKIPPING,
        search_attributes=ATTRIBUTES,
        data_converter=pydantic_data_converter,
        dev_server_log_level="error",
    ) as environment:
        activities = stage.activities()
        async with (
            Worker(environment.client, task_queue="control", workflows=[BuildWorkflow], activities=activities),
            Worker(environment.client, task_queue="control-gpu", activities=activities),
        ):
            yield await environment.client.start_workflow(
                "Build", asked, result_type=RunState, id="long", task_queue="control"
            )
