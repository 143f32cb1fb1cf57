"""Real jobs: a bare environment, a folder for one run's jobs, and code to run."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.delivery.bundle import OUT, REPOSITORY
from activities.execution.jobs import LocalJobs
from schemas.job import JobSpec, JobState, Limits, Mount, Step


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with an interpreter and nothing else, so that tests are quick."""
    folder = tmp_path_factory.mktemp("environment") / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


@dataclass
class Bench:
    """One run's jobs, with what a test needs to write one down."""

    root: Path
    environment: Path
    jobs: LocalJobs

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def another(self, sandbox: str = "bubblewrap", devices: tuple[str, ...] = ("cpu:0",)) -> LocalJobs:
        """As another worker has them."""
        return LocalJobs(self.root / "jobs", self.home, devices, sandbox)

    def step(self, code: str, *, name: str = "train", seconds: float = 30.0, **more: Any) -> Step:
        """`code` as train.py, with a helper module beside it; /out is writable."""
        tree = self.root / "trees" / name
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "train.py").write_text(code)
        (tree / "helper.py").write_text("VALUE = 42\n")
        self.out.mkdir(exist_ok=True)
        mounts = (
            Mount(source=str(tree), target=REPOSITORY),
            Mount(source=str(self.out), target=OUT, writable=True),
        )
        given = {"argv": ("python", "train.py", "--out", OUT), "mounts": mounts, **more}
        return Step(name=name, workdir=REPOSITORY, seconds=seconds, **given)

    def spec(self, *steps: Step | str, **more: Any) -> JobSpec:
        made = tuple(self.step(step) if isinstance(step, str) else step for step in steps)
        given = {"limits": Limits(grace_seconds=2.0, memory_mb=1_000), **more}
        return JobSpec(purpose="train", steps=made, environment=str(self.environment), **given)

    async def run(self, *steps: Step | str, id: str = "tuner.1.1.j1", **more: Any) -> JobState:
        await self.jobs.start(self.spec(*steps, **more), id=id)
        return await self.ended(id)

    async def ended(self, id: str = "tuner.1.1.j1", *, jobs: LocalJobs | None = None) -> JobState:
        state = await (jobs or self.jobs).wait(id, until=datetime.now(UTC) + timedelta(seconds=30))
        assert state.ended, f"still {state.phase}: {self.jobs.log(id)}"
        return state

    async def until(self, condition: Callable[[], bool], id: str = "tuner.1.1.j1") -> None:
        """Waits for something that the running job does."""
        while not condition():
            state = await self.jobs.wait(id, until=datetime.now(UTC) + timedelta(seconds=0.05))
            assert not state.ended, f"ended before that: {state.problem} {self.jobs.log(id)}"


@pytest_asyncio.fixture(loop_scope="session")
async def bench(tmp_path: Path, environment: Path) -> AsyncIterator[Bench]:
    jobs = LocalJobs(tmp_path / "jobs", tmp_path / "home", ("cpu:0",), "bubblewrap")
    yield Bench(tmp_path, environment, jobs)
    await jobs.stop_all()


async def told(bench: Bench, code: str, *, network: bool = False, argument: str = "", **more: object) -> str:
    """What the code printed."""
    step = bench.step(code, argv=("python", "train.py", argument), **more)
    state = await bench.run(step, network=network)
    assert state.phase == "done", (state.problem, bench.jobs.log(state.id))
    return bench.jobs.log(state.id)


def with_mount(step: Step, source: Path, target: str) -> Step:
    return step.model_copy(update={"mounts": (*step.mounts, Mount(source=str(source), target=target))})
