"""The command line as people and programs use it: real processes, a home folder of their own."""

import asyncio
import json
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops import stack
from ops.settings import Settings

AIBUILDAI = Path(sysconfig.get_path("scripts")) / "aibuildai"


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `aibuildai` as a process of its own."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    async def start(self, *arguments: object) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(AIBUILDAI),
            *map(str, arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "AIBUILDAI_HOME": str(self.home), "COLUMNS": "200", **self.variables},
        )

    async def __call__(self, *arguments: object) -> Finished:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    """A home folder; whatever was started for it is stopped at the end, also of a test that fails."""
    made = Settings.load(tmp_path / "home", {})
    yield made
    stack.down(made)


@pytest.fixture
def shell(home: Settings) -> Shell:
    return Shell(home.home)


@pytest.fixture
def down(home: Settings) -> Shell:
    """The command where no server runs."""
    home.runs.mkdir(parents=True)
    return Shell(home.home)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A small task folder: description and data, nothing else."""
    folder = tmp_path / "heights"
    (folder / "data").mkdir(parents=True)
    rows = [f"{n},{n % 7},{(n * 5) % 11},{n % 7 * 2.5 + (n * 5) % 11:.2f}" for n in range(120)]
    (folder / "data" / "train.csv").write_text("id,a,b,height\n" + "\n".join(rows) + "\n")
    tests = [f"{n},{n % 7},{(n * 5) % 11}" for n in range(200, 230)]
    (folder / "data" / "test.csv").write_text("id,a,b\n" + "\n".join(tests) + "\n")
    samples = [f"{n},0" for n in range(200, 230)]
    (folder / "data" / "sample_submission.csv").write_text("id,height\n" + "\n".join(samples) + "\n")
    (folder / "description.md").write_text("# Heights\n\nPredict `height`. The metric is RMSE.\n")
    return folder
