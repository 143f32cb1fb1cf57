"""Whole runs as a user makes them: the command, an embedded server, both workers, the sandbox, real training."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from activities.workspace.layout import Layout
from ops import stack
from ops.settings import Settings
from tests.ops.conftest import Finished, Shell
from tests.whole import tumours

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))


@dataclass(frozen=True)
class House:
    """A home folder with all that runs in it, and the command that acts on it."""

    settings: Settings
    shell: Shell

    def layout(self, run: str) -> Layout:
        return Layout(self.settings.runs / run)

    async def started(self, task: Path, *flags: object) -> str:
        """A run that goes on by itself."""
        found = await self.shell("run", task, "--detach", "--json", *flags)
        assert found.code == 0, found.err
        return str(found.json["run"])


@dataclass(frozen=True)
class Delivered:
    """A run that was watched from beginning to end."""

    run: str
    shown: Finished
    layout: Layout


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for the whole session, so that the candidates' environment is made once."""
    settings = Settings.load(tmp_path_factory.mktemp("whole") / "home", {})
    yield House(settings, Shell(settings.home, {"ANTHROPIC_API_KEY": "", "OMP_NUM_THREADS": "1"}))
    stack.down(settings)


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tumours.write(tmp_path_factory.mktemp("task") / "tumours")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def delivered(house: House, task: Path) -> AsyncIterator[Delivered]:
    shown = await house.shell("run", task, "--minutes", 3, "--candidates", 2)
    assert shown.code == 0, shown.out + shown.err
    [run] = [line.split()[1] for line in shown.out.splitlines() if line.startswith("Run ")]
    yield Delivered(run, shown, house.layout(run))


def of_home(home: Path) -> Iterator[int]:
    """Processes that were started for a home folder or its runs, by what they were told."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(home).encode() in words:
                yield int(entry.name)
