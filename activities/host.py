"""The host that a worker serves: its home folder, its devices, and what a job may take of it."""

import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from activities.execution import cgroups
from activities.execution.jobs import LocalJobs
from activities.execution.leases import forget_machines
from activities.execution.room import MARK_MB, Room
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.event import LedgerEntry, RunEnded
from schemas.job import Limits

log = logging.getLogger(__name__)
END_BYTES = 1 << 17  # of a ledger: more than its last line
USABLE_MEMORY = 0.8  # of the machine's, shared by the jobs that run at once


@dataclass(frozen=True)
class Host:
    home: Path
    devices: tuple[str, ...]
    low_disk_mb: int = MARK_MB  # must be free where it writes, for anything to be begun

    def jobs(self, run: RunRef, sandbox: str) -> LocalJobs:
        return LocalJobs(
            folder=Layout.of(run).jobs,
            home=self.home,
            devices=self.devices,
            sandbox=sandbox,
            room=self.room(run).check,
        )

    def room(self, run: RunRef) -> Room:
        """Where the run and the server write."""
        return Room((Path(run.folder), self.home), self.low_disk_mb)

    async def sweep(self) -> tuple[str, ...]:
        """Stops jobs that still run for runs that ended while no worker was there to stop them. Names them."""
        await asyncio.to_thread(forget_machines, self.home)
        await asyncio.to_thread(cgroups.forget_empty)
        stopped = []
        for layout in await asyncio.to_thread(lambda: list(self._ended())):
            try:
                stopped += [f"{layout.folder.name}: {job}" for job in await self._stopped(layout)]
            except (OSError, RuntimeError, ValueError) as error:
                log.warning("jobs of run %s, which ended, could not be stopped: %s", layout.folder.name, error)
        return tuple(stopped)

    async def _stopped(self, layout: Layout) -> tuple[str, ...]:
        """The jobs of a run that ended which ran on until now."""
        jobs = LocalJobs(folder=layout.jobs, home=self.home, devices=self.devices)
        left = await asyncio.to_thread(jobs.running)
        if left:
            log.info("run %s ended before its jobs %s: they are stopped", layout.folder.name, ", ".join(left))
            await jobs.stop_all()
        return left

    def _ended(self) -> Iterator[Layout]:
        """The runs of this home folder whose ledgers say so; those of other playgrounds are links in it."""
        for folder in sorted((self.home / "runs").glob("*")):
            layout = Layout(folder.resolve())
            if layout.ledger.is_file() and _is_over(layout.ledger):
                yield layout

    def limits(self) -> Limits:
        """One job's share of the memory, as every device may be leased at once."""
        usable = cgroups.allowed_memory() * USABLE_MEMORY
        memory_mb = int(usable / 2**20 / max(len(self.devices), 1))
        return Limits(memory_mb=memory_mb, least_free_mb=self.low_disk_mb // 2)


def _is_over(ledger: Path) -> bool:
    with ledger.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - END_BYTES, 0))
        lines = file.read().splitlines()
    try:
        return bool(lines) and isinstance(LedgerEntry.model_validate_json(lines[-1]).event, RunEnded)
    except ValueError:
        return False  # its last line is being written
