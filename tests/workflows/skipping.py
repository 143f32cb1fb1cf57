"""The real server, skipping time while only timers are waited for."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from schemas.run import RunSpec
from schemas.state import RunState
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.workflows.stage import Stage
from workflows.build import BuildWorkflow
from workflows.runner import runner

SKIPS = 10_000  # of one run; the server's own limit is 100
SETTINGS = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    'history.timerProcessorMaxTimeShift="1ms"',  # timers go off up to so much late: by a second, if it is not said
)
SKIPPING = [word for setting in SETTINGS for word in ("--dynamic-config-value", setting)]
Takes = Callable[[str, Any, datetime], float]  # seconds of an activity, by its name, request and moment


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
async def working(client: Client, stage: Stage, interceptors: Sequence[Interceptor] = ()) -> AsyncIterator[None]:
    """Workers for both queues."""
    activities = stage.activities()
    async with (
        Worker(
            client, task_queue="control", workflows=[BuildWorkflow], workflow_runner=runner(), activities=activities,
            interceptors=interceptors,
        ),
        Worker(client, task_queue="control-gpu", activities=activities, interceptors=interceptors),
    ):  # fmt: skip
        yield


async def begin(client: Client, asked: RunSpec) -> WorkflowHandle[BuildWorkflow, RunState]:
    return await client.start_workflow("Build", asked, result_type=RunState, id="long", task_queue="control")


@asynccontextmanager
async def skipping(stage: Stage, asked: RunSpec) -> AsyncIterator[WorkflowHandle[BuildWorkflow, RunState]]:
    """A run with a server and workers of its own."""
    async with skipping_server() as environment, working(environment.client, stage):
        yield await begin(environment.client, asked)


class TimePasses(Interceptor):
    """Activities take their time on the run's own clock.

    The server skips no time while an activity is under way, but while one waits for another try. So the first try ends
    at once, asking for the second after the time that it takes: which leaves nothing in history that a real run lacks.
    """

    def __init__(self, seconds: Takes) -> None:
        self._seconds = seconds
        self.begun: list[str] = []  # activities whose time began to pass

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Taking(next, self._seconds, self.begun)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        seconds = self._seconds

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> Any:
                if seconds(input.activity, input.args[0], workflow.now()):
                    input.retry_policy = RetryPolicy(maximum_attempts=2)
                return super().start_activity(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


class _Taking(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, seconds: Takes, begun: list[str]) -> None:
        super().__init__(next)
        self._seconds = seconds
        self._begun = begun

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        seconds = self._seconds(info.activity_type, input.args[0], info.scheduled_time)
        if info.attempt > 1 or not seconds:
            return await super().execute_activity(input)
        self._begun.append(info.activity_type)
        raise ApplicationError(
            "time passes", next_retry_delay=timedelta(seconds=seconds), category=ApplicationErrorCategory.BENIGN
        )
