"""The real server, skipping time while only timers are waited for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from schemas.run import RunSpec
from schemas.state import RunState
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.workflows.stage import Stage
from workflows.build import BuildWorkflow

SKIPS = 10_000  # of one run; the server's own limit is 100
SKIPPING = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]


@asynccontextmanager
async def skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server of its own, for whose runs hours pass in seconds."""
    async with await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(max_session_skip_count=SKIPS),
        dev_server_existing_path=str(TEMPORAL),
        dev_server_extra_args=SKIPPING,
        search_attributes=ATTRIBUTES,
        data_converter=pydantic_data_converter,
        dev_server_log_level="error",
    ) as environment:
        yield environment


@asynccontextmanager
async def working(client: Client, stage: Stage, **options: Any) -> AsyncIterator[None]:
    """Workers for both queues; `options` are of the one that takes workflows."""
    activities = stage.activities()
    async with (
        Worker(client, task_queue="control", workflows=[BuildWorkflow], activities=activities, **options),
        Worker(client, task_queue="control-gpu", activities=activities),
    ):
        yield


async def begin(client: Client, asked: RunSpec) -> WorkflowHandle[BuildWorkflow, RunState]:
    return await client.start_workflow("Build", asked, result_type=RunState, id="long", task_queue="control")


@asynccontextmanager
async def skipping(stage: Stage, asked: RunSpec) -> AsyncIterator[WorkflowHandle[BuildWorkflow, RunState]]:
    """A run with a server and workers of its own."""
    async with skipping_server() as environment, working(environment.client, stage):
        yield await begin(environment.client, asked)
