"""What an invocation's tools work with."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from activities.agent.doing import Doing
from activities.agent.limits import Limits as TimeLimits
from activities.agent.records import Result
from activities.agent.tracing import span
from activities.errors import ToolFailed
from activities.execution.base import Jobs
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.budget import Money
from schemas.job import JobPurpose, JobSpec, JobState, Limits, Step
from schemas.profile import DataProfile
from schemas.task import Task

STOPPING = timedelta(seconds=20)  # for a job to stop by itself once its deadline has passed


@dataclass
class Bench:
    """Folders, jobs and limits of one attempt. `candidate` is None for setup, and 0 for the aggregator."""

    layout: Layout
    task: Task
    invocation: str
    candidate: int | None
    environment: str
    jobs: Jobs
    repository: Repository
    worktree: Path
    parents: tuple[str, ...]  # of the revisions that this invocation makes
    limits: TimeLimits
    doing: Doing
    done: Callable[[], Sequence[Result]]  # what tools came to so far, in this attempt and those before
    training_seconds: float | None = None
    job_limits: Limits = field(default_factory=Limits)
    home: Path = Path()
    devices: tuple[str, ...] = ()
    sandbox: str = "auto"
    running: set[str] = field(default_factory=set)
    money: Callable[[], Money | None] = lambda: None  # that agents may still spend, where it is capped
    attempt: int = 1

    def left(self) -> dict[str, Any]:
        """What every result says that took time: it is true then, while an opening is read again by later attempts."""
        money = self.money() or Money()
        seconds = round(max(self.limits.seconds_left, 0.0), 1)
        return {"seconds_left": seconds, "dollars_left": money.dollars, "tokens_left": money.tokens}

    @property
    def profile(self) -> DataProfile:
        return DataProfile.model_validate_json(self.layout.profile.read_bytes())

    async def tree(self) -> str:
        """The tree of the repository as it stands."""
        return await self.repository.snapshot(self.worktree)

    async def revision(self, message: str) -> str:
        """A commit of the repository as it stands."""
        return await self.repository.commit(await self.tree(), self.parents, message)

    async def checkout(self, revision: str, job: str) -> Path:
        """The tree that a job runs: made once, so that a repeated call finds what runs there as it was."""
        folder = self.layout.job_tree(job)
        if not folder.exists():
            await self.repository.refresh(revision, folder)
        return folder

    def started(self, job: str) -> bool:
        """True if the call is a repeated one: what it began is looked for even when time is over."""
        return self.layout.job_tree(job).exists()

    def seconds(self, asked: float) -> float:
        """How long generated code may run. Raises ToolFailed where no time is left."""
        left = self.limits.seconds_left
        if left < 1:
            raise ToolFailed("your time is over: no further job is started, so report what you have")
        return min(asked, left)

    async def run(
        self,
        job: str,
        purpose: JobPurpose,
        steps: Sequence[Step],
        *,
        words: Callable[[], str],
        priority: int = 1,
        devices: int = 1,
        device_memory_mb: int | None = None,
    ) -> JobState:
        """Starts the job or finds it, and waits for its end; a job that overstays the deadline is stopped."""
        memory = self.job_limits.memory_mb * devices  # each device comes with its share of the machine's
        spec = JobSpec(
            purpose=purpose,
            steps=tuple(steps),
            environment=self.environment,
            limits=self.job_limits.model_copy(update={"memory_mb": memory}),
            devices=devices,
            device_memory_mb=device_memory_mb,
            network=self.task.network,
            deadline=self.limits.deadline,
            priority=priority,
        )
        self.running.add(job)
        self.doing.now(words)
        with span("job", job=job, purpose=purpose) as current:
            state = await self.jobs.start(spec, id=job)
            if not state.ended:
                state = await self.jobs.wait(job, until=self.limits.deadline + STOPPING)
            if not state.ended:
                state = await self.jobs.stop(job)
            current.set_attribute("aibuildai.phase", state.phase)
        self.running.discard(job)
        return state

    async def stop_jobs(self) -> None:
        """Stops what this invocation waits for."""
        await asyncio.gather(*(self.jobs.stop(job) for job in sorted(self.running)))
