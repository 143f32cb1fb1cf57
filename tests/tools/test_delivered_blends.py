"""What an aggregator reports goes through estimate and final check as it was scored, with real jobs all the way."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.delivery.work import Deliverer
from activities.execution.jobs import LocalJobs
from activities.tools.evaluating import Evaluating
from activities.tools.reporting import Reporting
from activities.tools.training import Training
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.delivery import DeliveryRequest
from schemas.job import Limits
from schemas.role import AggregateReport, Role
from schemas.tool import Evaluated, Trained
from tests.tools.conftest import CODE, Work
from tests.workspace import tasks

pytestmark = pytest.mark.slow
TRAIN = (
    CODE["train.py"].split("factor =")[0]
    + """
table = list(csv.DictReader(open(f"{given.data}/train.csv")))
model = pathlib.Path(given.out, "model")
model.mkdir(exist_ok=True)
(model / "model.json").write_text(json.dumps(open(given.config).read().split(": ")[1].strip()))
"""
)
# each member looks at one column, on a scale of its own
INFERENCE = (
    CODE["inference.py"].split("task =")[0]
    + """
column = json.load(open(f"{given.model}/model.json"))
rows = list(csv.DictReader(open(f"{given.data}/test.csv")))
shares = [(0.5 + float(row[column]) / 100) ** SCALE for row in rows]
labels = "SAYS" == "labels"
with open(given.out, "w") as out:
    print("id,kind", file=out)
    for row, share in zip(rows, shares):
        print(row["id"], ("yes" if share >= 0.5 else "no") if labels else share, sep=",", file=out)
if labels:
    with open(given.out.replace("predictions.csv", "probabilities.csv"), "w") as out:
        print("id,no,yes", file=out)
        for row, share in zip(rows, shares):
            print(row["id"], 1 - share, share, sep=",", file=out)
"""
)


class Blended:
    """Two trained candidates, and an aggregator's invocation over them."""

    def __init__(self, work: Work, folder: Path, metric: str) -> None:
        self.work = work
        self.layout = Layout(folder / "run")
        self.layout.folder.mkdir(parents=True)
        given = tasks.flowers(folder / "given", classes=("no", "yes"), metric=metric)
        self.task = prepare(given, self.layout).task
        self.jobs = LocalJobs(folder=self.layout.jobs, home=self.layout.folder, devices=("cpu:0",), sandbox="none")
        self.labels = "labels" if metric == "f1" else "shares"
        self.members: list[dict[str, Any]] = []
        work.bench.layout, work.bench.task, work.bench.jobs = self.layout, self.task, self.jobs
        work.bench.repository, work.bench.parents = Repository(self.layout.git_dir), ()
        environment = folder / "environment"  # under a name that no mount of a job takes
        environment.symlink_to(sys.prefix)
        work.bench.environment = str(environment)

    async def train(self, number: int, column: str, scale: int) -> None:
        bench = self.work.bench
        bench.invocation, bench.candidate = f"tuner.{number}.{number}", number
        await bench.repository.init()
        inference = INFERENCE.replace("SCALE", str(scale)).replace("SAYS", self.labels)
        self.work.write(**{"train.py": TRAIN, "inference.py": inference, "config.yaml": f"column: {column}\n"})
        trained = (await self.work.use(Training(bench).tools(), "train", minutes=1)).content
        assert isinstance(trained, Trained)
        assert trained.score is not None, trained.problem
        self.members.append({"candidate": number, "job": trained.job, "weight": float(number)})

    async def report(self, **given: Any) -> AggregateReport:
        bench = self.work.bench
        for name in CODE:
            (bench.worktree / name).unlink()
        bench.invocation, bench.candidate = "aggregator.9", 0

        def unable(why: str) -> AggregateReport:
            return AggregateReport(invocation="aggregator.9", problem=why)

        tools = Reporting(bench, 1, unable).tools(Role.AGGREGATOR)
        report = (await self.work.use(tools, "report_aggregate", members=self.members, summary="", **given)).report
        assert isinstance(report, AggregateReport)
        return report.model_copy(update={"revision": await bench.revision("blend")})

    async def deliver(self, report: AggregateReport) -> Deliverer:
        request = DeliveryRequest(
            run=RunRef(id="run", folder=str(self.layout.folder)),
            task=self.task,
            invocation="delivery.9",
            members=report.members,
            method=report.method,
            threshold=report.threshold,
            revision=report.revision,
            environment=self.work.bench.environment,
            deadline=datetime.now(UTC) + timedelta(minutes=5),
        )
        return Deliverer(request, self.jobs, Limits())


async def checked(deliverer: Deliverer) -> None:
    """The estimate is scored, and everything of the final check passes, that of fewer rows too."""
    estimated = await deliverer.estimate()
    assert estimated.score is not None, estimated.problem
    verified = await deliverer.verify()
    assert verified.problem is None
    assert [one.detail for one in verified.findings if not one.passed] == []
    names = {one.name for one in verified.findings}
    assert {"fewer rows", "shuffled", "new ids", "blend as scored", "needs its model"} <= names


async def test_a_blend_by_ranks_passes_the_final_check(work: Work, tmp_path: Path) -> None:
    blended = Blended(work, tmp_path / "ranks", "roc_auc")
    await blended.train(1, "a", 1)
    await blended.train(2, "b", 40)  # tiny numbers, which a mean would not see
    report = await blended.report(method="rank")
    assert report.claim is not None
    await checked(await blended.deliver(report))


async def test_a_blend_with_a_tuned_threshold_passes_the_final_check(work: Work, tmp_path: Path) -> None:
    blended = Blended(work, tmp_path / "cut", "f1")
    await blended.train(1, "a", 1)
    await blended.train(2, "b", 2)
    tools = Evaluating(work.bench).tools()
    found = (await work.use(tools, "evaluate", members=blended.members, method="mean", threshold="tune")).content
    assert isinstance(found, Evaluated)
    assert found.threshold is not None
    report = await blended.report(method="mean", threshold=found.threshold)
    assert report.claim == found.score
    await checked(await blended.deliver(report))


async def test_a_blend_that_predicts_other_than_was_scored_is_not_delivered(work: Work, tmp_path: Path) -> None:
    blended = Blended(work, tmp_path / "other", "f1")
    await blended.train(1, "a", 1)
    await blended.train(2, "b", 2)
    report = await blended.report(method="mean", threshold=0.55)
    deliverer = await blended.deliver(report.model_copy(update={"threshold": 0.2}))
    await deliverer.estimate()
    verified = await deliverer.verify()
    (wrong,) = (one for one in verified.findings if not one.passed)
    assert wrong.name == "blend as scored"
