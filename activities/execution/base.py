"""The seams to what runs generated code."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.job import JobSpec, JobState, Limits, Step


@dataclass(frozen=True)
class Command:
    """What to execute.

    `options` are handed to the program on a descriptor (`--args`), as what is in its command line can be read in the
    sandbox: its first process shows it in /proc. `outside` asks for a network of its own that is joined from outside.
    """

    argv: tuple[str, ...]
    options: tuple[str, ...] = ()
    outside: bool = False


class Sandbox(Protocol):
    """Turns one step into a command that confines it."""

    @property
    def name(self) -> str: ...

    @property
    def in_own_processes(self) -> bool:
        """False if a service outside runs the code, which then keeps its limits, too."""
        ...

    def command(
        self,
        step: Step,
        *,
        environment: str,
        variables: dict[str, str],
        devices: tuple[str, ...],
        network: bool,
        limits: Limits,
        label: str = "",
    ) -> Command:
        """The command that runs the step: its mounts, its variables, the device files it may open, nothing else.

        `label` names what the command may leave behind, for `clean`.
        """
        ...

    def clean(self, label: str) -> None:
        """Ends and removes what could outlive the command's processes. Safe to do at any time."""
        ...


class Jobs(Protocol):
    """The jobs of one run."""

    async def start(self, spec: JobSpec, *, id: str) -> JobState:
        """Starts the job, or finds the one of that id that runs or ran: a job is never started twice."""
        ...

    async def wait(self, id: str, *, until: datetime) -> JobState:
        """The job's state once it ended, or as it is at `until`."""
        ...

    async def stop(self, id: str) -> JobState:
        """Signals, waits for the grace, kills the whole tree, and returns the final state."""
        ...

    def log(self, id: str, *, characters: int = 6_000) -> str:
        """The job's output so far, bounded, its end kept; of sealed steps only what may be shown."""
        ...
