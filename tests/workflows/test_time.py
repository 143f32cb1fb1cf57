"""Hours pass in seconds: the real server skips time while only timers are waited for."""

import time

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from schemas.event import AttemptFailed, LimitReached
from schemas.role import CodeReport, CodeRequest
from schemas.state import RunState
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, entries, events
from workflows.build import BuildWorkflow

SKIPPING = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]


@pytest.mark.timeout(120)
async def test_attempts_back_off_until_the_deadline_and_the_deadline_ends_the_run() -> None:
    async def coder(request: CodeRequest) -> CodeReport:
        raise RuntimeError("the disk hiccuped")

    stage = Stage({"coder": coder})
    began = time.monotonic()
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
            handle = await environment.client.start_workflow(
                "Build",
                spec(minutes=10, candidates=1, attempts=20),
                result_type=RunState,
                id="long",
                task_queue="control",
            )
            state = await handle.result()
            found = await entries(handle)
    assert state.phase == "FAILED"
    assert "candidate 1: the disk hiccuped" in state.why
    assert state.ended is not None
    passed = (state.ended - state.clock.started).total_seconds()
    assert passed >= 400
    assert time.monotonic() - began < passed / 4
    assert [limit.limit for limit in events(found, LimitReached)] == ["explore_until"]
    failed = events(found, AttemptFailed)
    assert [failure.attempt for failure in failed] == list(range(1, len(failed) + 1))
