"""Generated code that looks everywhere, with the very mounts of a real run's training, finds no label and no key."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.delivery.bundle import DATA, OUT, REPOSITORY
from activities.execution.folder import JobFolder
from activities.execution.jobs import LocalJobs
from activities.workspace.layout import Layout
from ops.connection import read_server
from schemas.job import JobSpec, Mount, Step
from tests.whole import snoop
from tests.whole.conftest import Delivered, House

KEY = "sk-ant-a-key-that-nobody-may-see"


@dataclass(frozen=True)
class Seen:
    """What the code saw, and what it was given."""

    layout: Layout
    spec: JobSpec
    files: set[tuple[int, int]]
    paths: dict[str, Any]
    environ: dict[str, str]
    processes: dict[str, list[str]]
    reached: list[Any]

    def sees(self, path: Path) -> bool:
        found = path.stat()
        return (found.st_dev, found.st_ino) in self.files


def training(layout: Layout) -> JobSpec:
    """What the run's first full training by a tuner was."""
    found = [JobFolder(path.parent) for path in sorted(layout.jobs.glob("tuner.*/spec.json"))]
    return next(folder.order().spec for folder in found if folder.state().phase == "done")


def snooping(spec: JobSpec, tree: Path, out: Path) -> JobSpec:
    """The same first step with other code in its tree, and an output folder of its own."""
    step: Step = spec.steps[0]
    given = {REPOSITORY: str(tree), OUT: str(out)}
    mounts = [m.model_copy(update={"source": given.get(m.target, m.source)}) for m in step.mounts]
    assert {REPOSITORY, OUT, DATA} <= {mount.target for mount in mounts}
    step = step.model_copy(update={"mounts": tuple(mounts), "seconds": 120.0, "expect": (f"{out}/seen.json",)})
    return spec.model_copy(update={"steps": (step,), "deadline": None})


def files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(house: House, delivered: Delivered, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """With a key in the environment of whoever starts the job, as a worker has it, and the server within reach."""
    assert (await house.shell("up", "--json")).code == 0
    server = read_server(house.settings)
    assert server is not None
    layout, root = delivered.layout, tmp_path_factory.mktemp("snoop")
    tree, out = root / "tree", root / "out"
    shutil.copytree(layout.repository(1), tree)
    out.mkdir()
    shutil.copyfile(snoop.__file__, tree / "train.py")
    paths = [Path.home(), house.settings.home, layout.withheld, layout.task, layout.folder, layout.git_dir]
    addresses = [["127.0.0.1", server.port], ["127.0.0.1", server.ui_port], ["localhost", server.port]]
    asked = {"paths": [*map(str, paths), "/proc/1/environ", "/etc/shadow"], "addresses": addresses}
    (tree / "asked.json").write_text(json.dumps(asked))
    spec = snooping(training(layout), tree, out)
    jobs = LocalJobs(root / "jobs", house.settings.home, ("cpu:0",), "bubblewrap")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_API_KEY", KEY)
        await jobs.start(spec, id="snoop.1")
        state = await jobs.wait("snoop.1", until=datetime.now(UTC) + timedelta(seconds=180))
    assert state.phase == "done", (state.problem, jobs.log("snoop.1"))
    found = json.loads((out / "seen.json").read_text())
    numbers = {(device, number) for device, number in found.pop("files")}
    return Seen(layout=layout, spec=spec, files=numbers, **found)


def test_it_sees_the_view_that_it_trains_on(seen: Seen) -> None:
    """So that what follows is not true of code that sees nothing at all."""
    [data] = [Path(mount.source) for mount in mounts(seen) if mount.target == DATA]
    assert seen.sees(data / "train.csv")


def test_it_sees_no_withheld_label_and_not_the_data_as_it_was_given(seen: Seen) -> None:
    labels = list(seen.layout.withheld.rglob("labels.parquet"))
    assert len(labels) == 6, "five folds, and the estimate"
    given = list(files(seen.layout.task))
    assert given
    assert [path for path in [*labels, *given] if seen.sees(path)] == []


def test_of_what_is_withheld_it_sees_the_rows_to_fit_on_and_no_other_part(seen: Seen) -> None:
    [data] = [Path(mount.source) for mount in mounts(seen) if mount.target == DATA]
    public = {path.stat().st_ino for path in files(seen.layout.view)}  # test inputs, linked into every part
    others = [
        path for path in files(seen.layout.withheld) if data not in path.parents and path.stat().st_ino not in public
    ]
    assert {path.name for path in others} >= {"labels.parquet", "train.csv", "test.csv"}
    assert [path for path in others if seen.sees(path)] == []


def test_it_sees_no_other_candidate_no_record_and_no_result(seen: Seen) -> None:
    layout = seen.layout
    folders = [layout.folder / name for name in ("repositories", "journals", "jobs", "history", "output", "worktrees")]
    records = [layout.ledger, layout.settled, layout.spec]
    others = [*files(*folders), *(path for path in records if path.is_file())]
    assert len(others) > 50
    assert [path for path in others if seen.sees(path)] == []


def test_it_sees_nothing_of_the_home_folders(house: House, seen: Seen) -> None:
    home = house.settings.home
    kept = [path for path in home.iterdir() if path.name not in ("environments", "runs")]
    assert [path for path in [*files(*kept), *filter(Path.is_file, kept)] if seen.sees(path)] == []
    secret = ("/proc/1/environ", "/etc/shadow", str(seen.layout.withheld), str(seen.layout.task))
    assert {path: seen.paths[path][1] for path in secret} == {path: [] for path in secret}
    assert all(name in ("environments", "runs") for name in seen.paths[str(home)][1])
    assert seen.paths["/etc/shadow"][0] == "!FileNotFoundError"


def test_it_sees_no_key_and_no_process_but_its_own(seen: Seen) -> None:
    assert KEY not in json.dumps([seen.environ, seen.processes, seen.paths])
    assert not [name for name in seen.environ if name.startswith(("AIBUILDAI", "TEMPORAL", "ANTHROPIC", "OTEL"))]
    commands = [words.split("\0")[0] for _, words in seen.processes.values()]
    assert {Path(command).name for command in commands} <= {"bwrap", "python"}
    assert not [words for _, words in seen.processes.values() if "worker.py" in words]
    assert max(map(int, seen.processes)) < 20


def test_it_reaches_nobody(seen: Seen) -> None:
    assert seen.reached == []


def mounts(seen: Seen) -> tuple[Mount, ...]:
    return seen.spec.steps[0].mounts
