"""Jobs: one execution of generated code under a supervisor of its own."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.base import Record

JobPurpose = Literal["run", "check", "train", "predict", "fit", "refit", "verify", "install", "probe"]
JobPhase = Literal["queued", "running", "done", "failed", "stopped"]


class Mount(Record):
    """A host path and where the code sees it."""

    source: str
    target: str
    writable: bool = False


class Step(Record):
    """One command of a job. Steps run in order; the first that fails ends the job.

    `argv` is as seen inside the sandbox; `python` as its first word stands for the environment's interpreter. With
    `expect`, those files (host paths) must exist and hold something afterwards, else the step failed. A `sealed` step
    may have seen withheld inputs: of its log only frames and the exception's type are shown to agents.
    """

    name: str
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    workdir: str
    seconds: float
    environment: dict[str, str] = Field(default_factory=dict)
    expect: tuple[str, ...] = ()
    sealed: bool = False


class Limits(Record):
    """What a job may take. Memory counts the whole process tree; disk the writable mounts."""

    memory_mb: int = 8_192
    processes: int = 512
    output_mb: int = 8
    disk_mb: int = 20_480
    grace_seconds: float = 10.0  # between the stop signal and the kill


class JobSpec(Record):
    """What to run. `environment` is the folder of a candidates' environment; `devices` how many are leased."""

    purpose: JobPurpose
    steps: tuple[Step, ...]
    environment: str
    limits: Limits = Limits()
    devices: int = 1
    network: bool = False
    deadline: datetime | None = None  # of the whole job, waiting for a device included
    priority: int = 1  # lower goes first; short checks are 0


class StepState(Record):
    name: str
    seconds: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    problem: str | None = None
    note: str | None = None  # what a reader should know of a step that did not fail
    peak_memory_mb: float | None = None


class JobState(Record):
    """What is known of a job. `problem` is in words that an agent can act on."""

    id: str
    purpose: JobPurpose
    phase: JobPhase
    device: str | None = None
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps: tuple[StepState, ...] = ()
    problem: str | None = None
    sandbox: str = ""
    restarts: int = 0  # how often a new supervisor took it up, because the one before had died

    @property
    def ended(self) -> bool:
        return self.phase in ("done", "failed", "stopped")

    @property
    def seconds(self) -> float:
        """Seconds on the device so far, or in all."""
        return sum(step.seconds for step in self.steps)
