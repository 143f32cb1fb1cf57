"""Sees which processes of a machine have a key."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.whole.conftest import of_home

SUPERVISOR = "activities.execution.supervisor"


@dataclass
class Witness:
    """Looks at all processes while a run goes on: whose environment has the key, and which jobs were looked at."""

    home: Path
    key: str
    holders: set[tuple[str, ...]] = field(default_factory=set)
    jobs: set[int] = field(default_factory=set)

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.1)

    def look(self) -> None:
        under = {child for pid in of_home(self.home) for child in _under_supervisor(pid)}
        for process in psutil.process_iter():
            try:
                before, environ, words = process.cmdline(), _environ(process.pid), process.cmdline()
            except (psutil.Error, OSError):
                continue
            if before != words:
                continue  # it became another program meanwhile; the next look sees that one
            if self.key.encode() in environ:
                self.holders.add(tuple(words))
            elif process.pid in under and environ:
                self.jobs.add(process.pid)


def _environ(pid: int) -> bytes:
    return (Path("/proc") / str(pid) / "environ").read_bytes()


def _under_supervisor(pid: int) -> set[int]:
    """A supervisor and all that runs under it."""
    try:
        process = psutil.Process(pid)
        if SUPERVISOR not in process.cmdline():
            return set()
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        return set()
