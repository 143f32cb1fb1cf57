"""A prepared run with real data and a real repository, and a bench of a candidate's invocation on it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.agent.doing import Doing
from activities.agent.limits import Limits
from activities.agent.records import Result
from activities.tools.base import Call, Done, Tool, Toolbox
from activities.tools.bench import Bench
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from activities.workspace.repository import Repository
from schemas.message import ToolUseBlock
from schemas.task import Task
from tests.tools.direct import DirectJobs
from tests.workspace import tasks

# the standard library alone: an interpreter that starts at once keeps these tests quick
TRAIN = """
import argparse, csv, json, pathlib, statistics
options = argparse.ArgumentParser()
for name in ("config", "data", "out"):
    options.add_argument(f"--{name}")
options.add_argument("--quick", action="store_true")
given = options.parse_args()
factor = float(open(given.config).read().split(":")[1])
task = json.load(open(f"{given.data}/task.json"))
table = list(csv.DictReader(open(f"{given.data}/{task['train']}")))
a = [float(row["a"]) for row in table]
rest = [float(row["price"]) - float(row["b"]) for row in table]
slope, start = statistics.linear_regression(a, rest)
out = pathlib.Path(given.out)
(out / "model").mkdir(parents=True, exist_ok=True)
with (out / "metrics.jsonl").open("w") as lines:
    for step in range(3):
        print(json.dumps({"step": step, "time": 0.1 * step, "valid_rmse": 1.0 / (step + 1)}), file=lines)
(out / "model" / "model.json").write_text(json.dumps({"slope": slope * factor, "start": start}))
print(f"trained on {len(table)} rows, quick={given.quick}")
"""
INFERENCE = """
import argparse, csv, json
options = argparse.ArgumentParser()
for name in ("data", "model", "out"):
    options.add_argument(f"--{name}")
given = options.parse_args()
task = json.load(open(f"{given.data}/task.json"))
model = json.load(open(f"{given.model}/model.json"))
rows = list(csv.DictReader(open(f"{given.data}/{task['test']}")))
with open(given.out, "w") as out:
    print("id,price", file=out)
    for place, row in enumerate(rows):
        print(row["id"], model["start"] + model["slope"] * float(row["a"]) + float(row["b"]), sep=",", file=out)
"""
CODE = {"train.py": TRAIN, "inference.py": INFERENCE, "config.yaml": "factor: 1.0\n"}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Task]:
    """Made once: a holdout of 6,000 rows."""
    folder = tmp_path_factory.mktemp("prepared")
    layout = Layout(folder / "run")
    layout.folder.mkdir()
    made = prepare(tasks.houses(folder / "task", rows=6_000), layout)
    return layout, made.task


class Work:
    """A bench, and the conversation that its tools see: each use is remembered, as the journal would."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.results: list[Result] = []
        bench.done = lambda: self.results

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.bench.worktree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    async def use(self, tools: tuple[Tool, ...], name: str, number: int | None = None, /, **given: object) -> Done:
        number = number or len(self.results) + 1
        call = Call(number=number, job=f"{self.bench.invocation}.j{number}")
        done = await Toolbox(tools).use(ToolUseBlock(id=f"use_{number}", name=name, input=given), call)
        tree = await self.bench.tree()
        self.results.append(
            Result(number=number, tool=name, tool_use=f"use_{number}", content=done.text, ends=done.ends, tree=tree)
        )
        return done


@pytest.fixture
async def work(prepared: tuple[Layout, Task], tmp_path: Path) -> Work:
    """The tuner's, coder's or designer's work on candidate 1, in a run's folder of its own with shared data."""
    shared, task = prepared
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    for name in ("view", "withheld", "profile.json", "task.json"):
        (layout.folder / name).symlink_to(shared.folder / name)
    repository = Repository(layout.git_dir)
    await repository.init()
    start = await repository.commit(await repository.empty(), (), "start")
    bench = Bench(
        layout=layout,
        task=task,
        invocation="tuner.1.1",
        candidate=1,
        environment="",
        jobs=DirectJobs(layout.jobs),
        repository=repository,
        worktree=layout.worktree("tuner.1.1", 1),
        parents=(start,),
        limits=Limits(deadline=datetime.now(UTC) + timedelta(minutes=10), max_turns=20),
        doing=Doing(),
        done=list,
    )
    await repository.checkout(start, bench.worktree)
    return Work(bench)


@pytest.fixture
def late(work: Work) -> Callable[[], None]:
    """Lets the invocation's time be over."""

    def pass_deadline() -> None:
        work.bench.limits = replace(work.bench.limits, deadline=datetime.now(UTC) - timedelta(seconds=1))

    return pass_deadline
