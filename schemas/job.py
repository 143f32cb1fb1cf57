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
    may have seen withheld inputs: of its log only frames and the exception's type are shown to agents. A `spread` step
    that has several GPUs runs as one process on each, started by torchrun. An `offline` one has no network, even
    where the job has.
    """

    name: str
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    workdir: str
    seconds: float
    environment: dict[str, str] = Field(default_factory=dict)
    expect: tuple[str, ...] = ()
    sealed: bool = False
    offline: bool = False
    spread: bool = False


class Limits(Record):
    """What a job may take. Memory counts the whole process tree; disk the writable mounts."""

    memory_mb: int = 8_192
    processes: int = 512
    output_mb: int = 8
    disk_mb: int = 20_480
    least_free_mb: int = 0  # where it writes: with less, its processes are held until somebody makes room
    grace_seconds: float = 10.0  # between the stop signal and the kill


class JobSpec(Record):
    """What to run. `environment` is the folder of a candidates' environment; `devices` how many are leased.

    A job that declares `device_memory_mb` shares a GPU with others, as far as their memory fits; else it has it alone.
    """

    purpose: JobPurpose
    steps: tuple[Step, ...]
    environment: str
    limits: Limits = Limits()
    devices: int = 1
    device_memory_mb: int | None = None  # on each device
    network: bool = False
    deadline: datetime | None = None  # of the whole job, waiting for a device included
    priority: int = 1  # lower goes first; short checks are 0


class Use(Record):
    """What a step's processes took: means over its time, and peaks. GPU numbers are of the leased devices, summed."""

    cores: float = 0.0
    memory_mb: float = 0.0
    peak_memory_mb: float = 0.0
    gpu_percent: float | None = None  # mean over the devices; None where no GPU was leased or could be asked
    gpu_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = None
    gpu_shared: bool = False  # other jobs could have parts of the GPUs: the numbers are of all together


class Sample(Record):
    """What they took at a moment, `at` seconds after the step began. A job's `usage.jsonl` has some tens for a step."""

    step: str
    at: float
    cores: float
    memory_mb: float
    gpu_percent: float | None = None
    gpu_memory_mb: float | None = None


class StepState(Record):
    """`seconds` counts those of supervisors that died in the step, too."""

    name: str
    seconds: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    problem: str | None = None
    note: str | None = None  # what a reader should know of a step that did not fail
    peak_memory_mb: float | None = None
    use: Use | None = None
    limited_by: str = ""  # who kept its memory and processes in bounds: kernel, container, or else the supervisor


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
    held: str | None = None  # a folder with so little room that the job stands still

    @property
    def ended(self) -> bool:
        return self.phase in ("done", "failed", "stopped")

    @property
    def seconds(self) -> float:
        """Seconds on the device so far, or in all."""
        return sum(step.seconds for step in self.steps)
