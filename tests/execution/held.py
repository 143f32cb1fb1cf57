"""A job on a disk that fills up, and what became of it: `python -m tests.execution.held FOLDER ENVIRONMENT`."""

import asyncio
import json
import sys
from pathlib import Path

from activities.errors import LittleDisk
from activities.execution.jobs import LocalJobs
from schemas.job import JobState, Limits
from tests.execution.conftest import Bench

LEAST_MB, BALLAST_MB = 20, 50
STEPS, SECONDS = 40, 5.0  # steps of the job, 50 ms each, and what it may take; it is held for longer
HELD = 6.0
WORKS = f"""
import pathlib, signal, sys, time
out = pathlib.Path("/out")
signal.signal(signal.SIGTERM, lambda *_: (out.joinpath("saved").write_text("all"), sys.exit(0)))
for step in range({STEPS}):
    out.joinpath("step").write_text(str(step))
    time.sleep(0.05)
"""


class Disk:
    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        self._ballast.write_bytes(b"x" * (BALLAST_MB << 20))

    def clear(self) -> None:
        self._ballast.unlink()


async def held(bench: Bench, disk: Disk, job: str) -> LittleDisk:
    """Starts the job, and fills the disk once it works. What is told to who waits for it."""
    limits = Limits(memory_mb=1_000, grace_seconds=5.0, least_free_mb=LEAST_MB)
    await bench.jobs.start(bench.spec(bench.step(WORKS, seconds=SECONDS), limits=limits), id=job)
    await bench.until(lambda: step(bench) >= 1, job)
    disk.fill()
    try:
        await bench.ended(job)
    except LittleDisk as told:
        return told
    raise AssertionError("nobody told that it is held")


def step(bench: Bench) -> int:
    file = bench.out / "step"
    return int(file.read_text() or 0) if file.is_file() else 0


async def goes_on(bench: Bench, disk: Disk) -> dict[str, object]:
    """Held for longer than the step's own time, and let go."""
    told = await held(bench, disk, "tuner.1.1.j1")
    before = step(bench)
    await asyncio.sleep(HELD)
    stood, state = step(bench), bench.jobs.state("tuner.1.1.j1")
    disk.clear()
    ended = await bench.ended("tuner.1.1.j1")
    return {
        "steps while held": stood - before,
        "running meanwhile": state.phase,
        "told": str(told),
        "at": str(told.folder),
        **_told(ended),
        "steps in all": step(bench) + 1,
        "log": bench.jobs.log("tuner.1.1.j1"),
    }


async def stopped(bench: Bench, disk: Disk) -> dict[str, object]:
    """Told to stop while it is held: it may save what it has."""
    await held(bench, disk, "tuner.1.1.j2")
    ended = await bench.jobs.stop("tuner.1.1.j2")
    disk.clear()
    return {**_told(ended), "held": ended.held, "saved": (bench.out / "saved").is_file()}


def _told(state: JobState) -> dict[str, object]:
    return {"phase": state.phase, "problem": state.problem, "seconds": state.seconds}


async def main(folder: Path, environment: Path) -> None:
    disk = Disk(folder)
    found = []
    for number, tell in enumerate((goes_on, stopped)):
        root = folder / str(number)
        root.mkdir()
        jobs = LocalJobs(root / "jobs", root / "home", ("cpu:0",), "bubblewrap")
        found.append(await tell(Bench(root, environment, jobs), disk))
        await jobs.stop_all()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
