"""The final check, with the real sandbox: what is delivered predicts by a model, and remembers nothing."""

import csv
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from activities.delivery.work import Deliverer
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.candidate import Member
from schemas.delivery import DeliveryRequest, Verified
from schemas.job import Limits
from tests.execution.conftest import Bench
from tests.workspace import tasks

READS = """
import csv, json, os, socket, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if not os.listdir(given["--model"]):
    raise SystemExit(1)
model = json.load(open(given["--model"] + "/model.json"))
rows = list(csv.DictReader(open(given["--data"] + "/test.csv")))
out = open(given["--out"], "w")
print("id,price", file=out)
for row in rows:
    print(row["id"], PREDICTED, sep=",", file=out)
"""
MODEL = "model['slope'] * float(row['a']) + float(row['b']) + 10"
TABLE = "model['table'][row['a'] + ' ' + row['b']]"
CONSTANT = "model['table'].get(row['a'] + ' ' + row['b'], 5.0)"
Verify = Callable[..., Awaitable[Verified]]


@pytest_asyncio.fixture(loop_scope="session")
async def verify(bench: Bench) -> Verify:
    """The final check of a candidate with that inference.py; its model has what each needs."""
    layout = Layout(bench.root / "run")
    layout.folder.mkdir()
    task = prepare(tasks.houses(bench.root / "given"), layout).task
    repository = Repository(layout.git_dir)
    await repository.init()
    rows = list(csv.DictReader((bench.root / "given" / "data" / "test.csv").open()))
    table = {f"{row['a']} {row['b']}": float(row["a"]) * 2 + float(row["b"]) + 10 for row in rows}
    out = layout.job_out("delivery.7.estimate.c1", "estimate") / "model"
    out.mkdir(parents=True)
    (out / "model.json").write_text(json.dumps({"slope": 2.0, "table": table}))

    async def verified(inference: str, *, network: bool = False) -> Verified:
        code = bench.root / "code"
        code.mkdir()
        (code / "inference.py").write_text(inference)
        revision = await repository.commit(await repository.snapshot(code), (), "code")
        request = DeliveryRequest(
            run=RunRef(id="r", folder=str(layout.folder)),
            task=task.model_copy(update={"network": network}),
            invocation="delivery.7",
            members=(Member(candidate=1, job="tuner.1.1.j1", revision=revision),),
            environment=str(bench.environment),
            deadline=datetime.now(UTC) + timedelta(minutes=2),
        )
        return await Deliverer(request, bench.jobs, Limits()).verify()

    return verified


async def test_a_model_passes(verify: Verify) -> None:
    verified = await verify(READS.replace("PREDICTED", MODEL))
    assert verified.passed, verified
    found = {finding.name: finding.detail for finding in verified.findings}
    assert found["new combinations"] == "50 rows that nobody has seen are predicted"
    assert found["needs its model"] == "inference fails without its model, as it must"


async def test_a_table_of_features_in_place_of_a_model_does_not(verify: Verify) -> None:
    verified = await verify(READS.replace("PREDICTED", TABLE))
    assert not verified.passed
    assert "new combinations: exit code 1: KeyError" in str(verified.problem)


async def test_nor_does_one_that_has_one_answer_for_the_rest(verify: Verify) -> None:
    verified = await verify(READS.replace("PREDICTED", CONSTANT))
    (failed,) = (finding for finding in verified.findings if not finding.passed)
    assert failed.name == "new combinations"
    assert "must predict from the features, by the model, and look nothing up" in failed.detail


async def test_nor_does_a_table_in_the_code_that_ends_by_itself_without_a_model(verify: Verify, bench: Bench) -> None:
    model = json.loads(next((bench.root / "run").rglob("model.json")).read_text())
    code = READS.replace("PREDICTED", CONSTANT).replace("rows =", f"model = {model!r}\nrows =")
    verified = await verify(code)
    assert {finding.name for finding in verified.findings if not finding.passed} == {"new combinations"}


async def test_nor_does_one_that_waits_where_its_model_is_gone(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.delivery.work.INFERENCE_SECONDS", 2.0)
    waits = READS.replace("PREDICTED", MODEL).replace("raise SystemExit(1)", "import time; time.sleep(60)")
    verified = await verify(waits)
    (failed,) = (finding for finding in verified.findings if not finding.passed)
    assert failed.name == "needs its model"
    assert "was not seen" in failed.detail


async def test_a_model_that_no_disk_could_take_is_not_packaged(verify: Verify, bench: Bench) -> None:
    model = next((bench.root / "run").rglob("model.json")).parent
    for name in ("first", "second"):
        with (model / name).open("wb") as file:
            file.truncate(15 << 30)  # a hole, which takes no disk until it is copied
    verified = await verify(READS.replace("PREDICTED", MODEL))
    assert not verified.passed
    assert "has 30,720 MB in its files, and 20,480 MB is the limit" in str(verified.problem)


async def test_a_file_in_the_place_of_the_models_folder_is_not_packaged(verify: Verify, bench: Bench) -> None:
    model = next((bench.root / "run").rglob("model.json"))
    model.rename(model.parent.with_name("file"))
    model.parent.rmdir()
    model.parent.with_name("file").rename(model.parent)
    code = (
        READS.replace("PREDICTED", MODEL).replace(' + "/model.json"', "").replace("not os.listdir(", "os.path.isdir(")
    )
    verified = await verify(code)
    assert "the model is no folder" in str(verified.problem)


async def test_predictions_that_are_no_text_are_a_finding_and_no_accident(verify: Verify) -> None:
    verified = await verify(
        READS.replace("PREDICTED", MODEL) + "out.close()\nopen(given['--out'], 'ab').write(b'\\xff')\n"
    )
    assert not verified.passed
    assert {finding.name for finding in verified.findings if not finding.passed} == {"format"}


@pytest.mark.skipif(len(socket.if_nameindex()) < 2, reason="this host has no network to be granted")
async def test_predictions_are_not_fetched_even_where_the_task_grants_a_network(verify: Verify, bench: Bench) -> None:
    asks = "if len(socket.if_nameindex()) < 2:\n    raise SystemExit('nothing can be fetched')\n"
    granted = await bench.run("import socket\n" + asks, network=True)
    assert granted.phase == "done", "in training it is there"
    verified = await verify(READS.replace("PREDICTED", MODEL).replace("rows =", f"{asks}rows ="), network=True)
    assert "nothing can be fetched" in str(verified.problem)
