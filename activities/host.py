"""The host that a worker serves: its home folder, its devices, and what a job may take of it."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from activities.execution.jobs import LocalJobs
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.job import Limits

USABLE_MEMORY = 0.8  # of the machine's, shared by the jobs that run at once


@dataclass(frozen=True)
class Host:
    home: Path
    devices: tuple[str, ...]

    def jobs(self, run: RunRef, sandbox: str) -> LocalJobs:
        return LocalJobs(folder=Layout.of(run).jobs, home=self.home, devices=self.devices, sandbox=sandbox)

    def limits(self) -> Limits:
        """One job's share of the memory, as every device may be leased at once."""
        usable = psutil.virtual_memory().total * USABLE_MEMORY
        return Limits(memory_mb=int(usable / 2**20 / max(len(self.devices), 1)))
