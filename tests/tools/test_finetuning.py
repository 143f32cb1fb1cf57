"""Fine-tuning from end to end: weights from a hub, by the setup agent, into training in the real sandbox."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from activities import setup
from activities.delivery.work import Deliverer
from activities.execution import environments
from activities.execution.jobs import LocalJobs
from activities.models.scripted import ScriptedModel, calls
from activities.tools.checking import Checking
from activities.tools.training import Training
from schemas.base import RunRef
from schemas.candidate import Member
from schemas.delivery import DeliveryRequest
from schemas.job import Limits
from schemas.role import SetupReport, SetupRequest
from schemas.tool import Checked, Fetched, Ran, Trained
from tests.hub.fixtures import hub
from tests.hub.server import LoopbackHub
from tests.tools import conftest
from tests.tools.conftest import Work
from tests.tools.direct import DirectJobs
from tests.tools.test_roles import Stage

__all__ = ["hub"]

NAME = "lab/prices"
TRAIN = """
import argparse, csv, json, os, pathlib
import torch
options = argparse.ArgumentParser()
for name in ("config", "data", "out"):
    options.add_argument(f"--{name}")
options.add_argument("--quick", action="store_true")
given = options.parse_args()
task = json.load(open(f"{given.data}/task.json"))
rows = list(csv.DictReader(open(f"{given.data}/{task['train']}")))
inputs = torch.tensor([[float(row["a"]), float(row["b"])] for row in rows])
prices = torch.tensor([[float(row["price"])] for row in rows])
net = torch.nn.Linear(2, 1)
pretrained = pathlib.Path(os.environ["WEIGHTS"], "lab--prices")
net.load_state_dict(torch.load(pretrained / "model.pt", weights_only=True))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
out = pathlib.Path(given.out)
(out / "model").mkdir(parents=True, exist_ok=True)
with (out / "metrics.jsonl").open("w") as lines:
    for step in range(400):
        loss = torch.nn.functional.mse_loss(net(inputs), prices)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(json.dumps({"step": step, "time": 0.0, "train_loss": loss.item()}), file=lines)
torch.save(net.state_dict(), out / "model" / "model.pt")
"""
INFERENCE = """
import argparse, csv, json, os
import torch
assert not os.path.exists("/weights") and "WEIGHTS" not in os.environ
options = argparse.ArgumentParser()
for name in ("data", "model", "out"):
    options.add_argument(f"--{name}")
given = options.parse_args()
net = torch.nn.Linear(2, 1)
net.load_state_dict(torch.load(f"{given.model}/model.pt", weights_only=True))
task = json.load(open(f"{given.data}/task.json"))
with open(given.out, "w") as out:
    print("id,price", file=out)
    for row in csv.DictReader(open(f"{given.data}/{task['test']}")):
        print(row["id"], net(torch.tensor([float(row["a"]), float(row["b"])])).item(), sep=",", file=out)
"""
CODE = {"train.py": TRAIN, "inference.py": INFERENCE, "config.yaml": "seed: 0\n"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environments.base(tmp_path_factory.mktemp("home"), ("torch>=2.13,<2.14", "numpy"))


@pytest_asyncio.fixture(loop_scope="session")
async def sandboxed(work: Work, environment: Path, tmp_path: Path) -> AsyncIterator[Work]:
    """The same bench with real jobs, in the sandbox."""
    jobs = LocalJobs(work.bench.layout.jobs, tmp_path / "home", ("cpu:0",), "bubblewrap")
    bench = replace(work.bench, jobs=jobs, environment=str(environment), sandbox="bubblewrap", home=tmp_path / "home")
    yield Work(bench)
    await jobs.stop_all()


def pretrained() -> bytes:
    """What a net learnt of other prices: all but where they start."""
    buffer = io.BytesIO()
    torch.save({"weight": torch.tensor([[2.0, 1.0]]), "bias": torch.tensor([0.0])}, buffer)
    return buffer.getvalue()


async def set_up(work: Work) -> SetupReport:
    """What a design asked for, by a scripted agent."""
    stage = Stage(work.bench.layout, work.bench.task)
    model = ScriptedModel(
        (calls(("fetch_weights", {"name": NAME})), calls(("report_setup", {"summary": "The weights are there."})))
    )
    given = {"invocation": "setup.1.2", "candidate": 1, "weights": (NAME,), "environment": work.bench.environment}
    return await stage.carry_out(setup.assignment(SetupRequest(**given, **stage.common)), model, home=work.bench.home)


async def test_jobs_that_train_see_the_weights_and_no_other_step_does(work: Work, hub: LoopbackHub) -> None:
    hub.share(NAME, {"model.pt": b"x"})
    bench, jobs = work.bench, work.bench.jobs
    assert isinstance(jobs, DirectJobs)
    bench.home = bench.layout.folder.parent / "home"
    await set_up(work)
    work.write(**conftest.CODE)
    tools = (*Checking(bench).tools(), *Training(bench).tools())
    await work.use(tools, "run", argv=["python", "-c", "pass"])
    await work.use(tools, "check")
    trained = (await work.use(tools, "train", minutes=1)).content
    assert isinstance(trained, Trained)
    request = DeliveryRequest(
        run=RunRef(id="run", folder=str(bench.layout.folder)),
        task=bench.task,
        invocation="deliver.1",
        members=(Member(candidate=1, job=trained.job, revision=trained.revision),),
        environment="",
        deadline=bench.limits.deadline,
    )
    deliverer = Deliverer(request, jobs, Limits())
    assert (await deliverer.estimate()).problem is None
    assert (await deliverer.refit()).done
    steps = [step for spec in jobs.specs.values() for step in spec.steps]
    seeing = [step.name for step in steps if "/weights" in {mount.target for mount in step.mounts}]
    assert seeing == ["run", "train", "train select", "train"]
    assert [step.name for step in steps if "WEIGHTS" in step.environment] == seeing
    assert len(steps) > 8


@pytest.mark.slow
async def test_a_candidate_fine_tunes_what_setup_fetched(sandboxed: Work, hub: LoopbackHub) -> None:
    commit = hub.share(NAME, {"model.pt": pretrained(), "README.md": b"# Prices\n"})
    report = await set_up(sandboxed)
    [weights] = report.weights
    assert (weights.name, weights.revision, weights.files) == (NAME, commit, 2)
    assert report.environment == sandboxed.bench.environment

    layout = sandboxed.bench.layout
    notes = layout.setup_notes.read_text()
    assert "## Added for candidate 1 (setup.1.2)" in notes
    row = f"| lab/prices | `/weights/lab--prices` | 0.0 MB | README.md, model.pt | {commit[:12]} | apache-2.0 |"
    assert row in notes

    sandboxed.write(**CODE)
    tools = Checking(sandboxed.bench).tools()
    checked = (await sandboxed.use(tools, "check")).content
    assert isinstance(checked, Checked)
    assert checked.passed, f"{checked.problem} {checked.log}"
    [metrics] = layout.job(checked.job).glob("parts/check/out/metrics.jsonl")
    losses = [json.loads(line)["train_loss"] for line in metrics.read_text().splitlines()]
    assert losses[0] == pytest.approx(100, abs=0.1)  # off by the start alone, so the pretrained slopes were there
    assert losses[-1] < 0.01


@pytest.mark.slow
async def test_code_cannot_change_the_weights(sandboxed: Work, hub: LoopbackHub) -> None:
    hub.share(NAME, {"model.pt": pretrained()})
    await set_up(sandboxed)
    look = "import os; print(sorted(os.listdir('/weights'))); os.mkdir('/weights/more')"
    ran = (await sandboxed.use(Checking(sandboxed.bench).tools(), "run", argv=["python", "-c", look])).content
    assert isinstance(ran, Ran)
    assert ran.phase == "failed"
    assert "Read-only file system" in ran.log
    assert "['lab--prices', 'lab--prices.json']" in ran.log
    index = sandboxed.bench.layout.weights / "lab--prices.json"
    assert Fetched.model_validate_json(index.read_bytes()).path == "/weights/lab--prices"
