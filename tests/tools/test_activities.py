"""Roles as Temporal runs them: heartbeats that say what goes on, errors by who must act, jobs that outlive workers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.errors import NeedsPerson
from activities.execution.jobs import LocalJobs
from activities.models.base import Model
from activities.models.scripted import ScriptedModel, calls
from activities.roles import RoleActivities
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.candidate import Candidate
from schemas.message import ModelRequest, Reply
from schemas.role import DesignRequest, TuneReport, TuneRequest
from tests.tools.conftest import CODE, TRAIN, Work
from tests.tools.test_roles import DESIGNED

JOB = "tuner.1.3.j1"
WAITS = """
import pathlib, sys, time
pathlib.Path(sys.argv[sys.argv.index("--out") + 1], "begun").touch()
time.sleep(120)
"""


@dataclass
class Bed:
    """A worker's environment for one activity, with the jobs of the run."""

    work: Work
    roles: RoleActivities
    jobs: LocalJobs
    environment: ActivityEnvironment = field(default_factory=ActivityEnvironment)
    beats: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment.on_heartbeat = self.beats.append

    @property
    def interpreter(self) -> Path:
        """An environment with Python and nothing else."""
        folder = self.work.bench.layout.folder / "environment"
        if not folder.exists():
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").symlink_to(Path(sys.executable).resolve())
        return folder

    @property
    def common(self) -> dict[str, Any]:
        layout = self.work.bench.layout
        return {
            "run": RunRef(id="run", folder=str(layout.folder)),
            "task": self.work.bench.task,
            "deadline": datetime.now(UTC) + timedelta(minutes=5),
            "environment": str(self.interpreter),
            "sandbox": "none",
        }

    def design(self) -> DesignRequest:
        return DesignRequest(invocation="designer.1.1", candidate=1, brief="", **self.common)

    async def tuning(self, attempt: int = 1, code: str = WAITS) -> TuneRequest:
        self.work.write(**{**CODE, "train.py": code})
        revision = await self.work.bench.revision("code that waits")
        return TuneRequest(
            invocation="tuner.1.3",
            attempt=attempt,
            candidate=1,
            brief="",
            revision=revision,
            seconds=100.0,
            card=Candidate(number=1),
            max_turns=1,
            **self.common,
        )

    async def until_it_trains(self, job: str = JOB) -> None:
        begun = self.work.bench.layout.job_out(job, "select") / "begun"
        async with asyncio.timeout(60):
            while not begun.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.05)


@pytest.fixture
async def bed(work: Work) -> AsyncIterator[Callable[[Model], Bed]]:
    layout = work.bench.layout
    jobs = LocalJobs(folder=layout.jobs, home=layout.folder, devices=("cpu:0",), sandbox="none")
    await Repository(layout.git_dir).init()
    yield lambda model: Bed(work, RoleActivities(layout.folder, ("cpu:0",), lambda _name: model), jobs)
    await jobs.stop_all()


TRAINS = ScriptedModel(lambda _request: calls(("train", {"minutes": 2})))


async def test_a_role_reports_and_its_heartbeats_say_what_it_does(bed: Callable[[Model], Bed]) -> None:
    seen = asyncio.Event()

    class Patient:
        """Answers once a heartbeat told that it thinks."""

        async def ask(self, request: ModelRequest) -> Reply:
            async with asyncio.timeout(30):
                await seen.wait()
            return DESIGNED

    made = bed(Patient())

    def beat(words: str) -> None:
        if "thinks" in words:
            seen.set()

    made.environment.on_heartbeat = beat
    report = await made.environment.run(made.roles.designer, made.design())
    assert report.problem is None


async def test_what_a_person_must_mend_pauses_the_run(bed: Callable[[Model], Bed]) -> None:
    def keyless(request: ModelRequest) -> Reply:
        raise NeedsPerson("set ANTHROPIC_API_KEY")

    made = bed(ScriptedModel(keyless))
    with pytest.raises(ApplicationError, match="set ANTHROPIC_API_KEY") as raised:
        await made.environment.run(made.roles.designer, made.design())
    assert (raised.value.type, raised.value.non_retryable) == ("NeedsPerson", True)


async def test_anything_else_is_bounded_and_for_another_attempt(bed: Callable[[Model], Bed]) -> None:
    def broken(request: ModelRequest) -> Reply:
        raise OSError("x" * 100_000)

    made = bed(ScriptedModel(broken))
    with pytest.raises(ApplicationError) as raised:
        await made.environment.run(made.roles.designer, made.design())
    assert raised.value.type == "OSError"
    assert not raised.value.non_retryable
    assert len(raised.value.message) <= 4_000


async def test_cancelled_by_the_workflow_it_stops_its_job(bed: Callable[[Model], Bed]) -> None:
    made = bed(TRAINS)
    running = asyncio.ensure_future(made.environment.run(made.roles.tuner, await made.tuning()))
    await made.until_it_trains()
    made.environment.cancel(ActivityCancellationDetails(cancel_requested=True))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert made.jobs.state(JOB).phase == "stopped"


async def test_called_off_it_reports_the_trainings_that_ended(bed: Callable[[Model], Bed]) -> None:
    """A person stops the run and wants what is trained: what a tuner at work has scored so far counts."""
    made = bed(ScriptedModel(lambda asked: calls(("train", {"minutes": 2, "quick": len(asked.messages) > 1}))))
    waits = f"import sys\nif '--quick' in sys.argv:\n    exec({WAITS!r})\n"
    request = await made.tuning(code=waits + TRAIN)
    running = asyncio.ensure_future(made.environment.run(made.roles.tuner, request.model_copy(update={"max_turns": 3})))
    await made.until_it_trains("tuner.1.3.j2")
    made.environment.cancel(ActivityCancellationDetails(cancel_requested=True))
    report = await running
    assert isinstance(report, TuneReport)
    assert report.problem is None
    assert [trial.job for trial in report.trials] == [JOB]
    assert report.best == JOB
    assert report.trials[0].score is not None
    assert report.revision == report.trials[0].revision
    assert made.jobs.state("tuner.1.3.j2").phase == "stopped"


async def test_a_worker_that_shuts_down_leaves_its_job_to_the_next_attempt(bed: Callable[[Model], Bed]) -> None:
    made = bed(TRAINS)
    request = await made.tuning()
    running = asyncio.ensure_future(made.environment.run(made.roles.tuner, request))
    await made.until_it_trains()
    made.environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
    with pytest.raises(ApplicationError) as raised:
        await running
    assert raised.value.type == "WorkerShutdown"
    assert made.jobs.state(JOB).phase == "running"

    begun = made.jobs.state(JOB).started_at
    again = ActivityEnvironment()
    second = asyncio.ensure_future(
        again.run(made.roles.tuner, request.model_copy(update={"attempt": 2, "max_turns": 1}))
    )
    await made.jobs.stop(JOB)
    report = await second
    assert isinstance(report, TuneReport)
    assert [trial.job for trial in report.trials] == [JOB]
    assert report.problem is not None
    assert made.jobs.state(JOB).started_at == begun


def test_activities_are_named_as_the_workflow_calls_them() -> None:
    from workflows.calls import AGGREGATE, CODE, DESIGN, MANAGE, SETUP, TUNE

    made = RoleActivities.__dict__
    for call in (SETUP, DESIGN, CODE, TUNE, AGGREGATE, MANAGE):
        definition = activity._Definition.must_from_callable(made[call.name])
        assert definition.name == call.name
        assert definition.arg_types == [call.request]
        assert definition.ret_type == call.report
