"""Predictions come from inference on the trained model: none forged in training, remembered, or held in code."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.delivery.bundle import Bundle
from activities.delivery.work import Deliverer
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.delivery import DeliveryRequest
from schemas.job import JobState, Limits, Mount
from tests.execution.conftest import Bench, with_mount
from tests.report import made


async def test_what_training_forges_is_not_what_prediction_leaves(bench: Bench) -> None:
    """Files named as predictions, scores and states, in the folder that training may write; then inference that does
    nothing: its own folder is where predictions count, and that has none."""
    forging = (
        "import os, pathlib\nout = pathlib.Path('/out')\n(out / 'model').mkdir()\n"
        "(out / 'model' / 'm').write_text('m')\n"
        "for name in ('predictions.csv', 'predictions/predictions.csv', 'trial.json', 'state.json', 'score.json',\n"
        "             '../predictions/predictions.csv', '../state.json', '../trial.json'):\n"
        "    path = out / name\n    try:\n        path.parent.mkdir(parents=True, exist_ok=True)\n"
        "        path.write_text('id,y\\n1,1\\n')\n    except OSError:\n        pass\n"
    )
    predictions = bench.root / "predictions"
    predictions.mkdir()
    train = bench.step(forging, expect=(str(bench.out / "model"),))
    tree = bench.step("raise SystemExit(0)", name="predict").mounts[0]
    mounts = (
        tree,
        Mount(source=str(bench.out / "model"), target="/model"),
        Mount(source=str(predictions), target="/predictions", writable=True),
    )
    expect = (str(predictions / "predictions.csv"),)
    predict = bench.step("raise SystemExit(0)", name="predict", mounts=mounts, expect=expect, sealed=True)
    state: JobState = await bench.run(train, predict)
    assert state.problem == "predict: it ended without an error, but did not write /predictions/predictions.csv"
    assert not (bench.root / "state.json").exists()
    assert state.id == "tuner.1.1.j1"


async def test_inference_cannot_change_the_model_or_leave_word_for_the_next_time(bench: Bench) -> None:
    """Else the first of several final predictions could tell the later ones what to say."""
    model = bench.root / "model"
    model.mkdir()
    (model / "weights").write_text("w")
    places = ("/model/seen", "/repository/seen", "/tmp/seen", "/dev/shm/seen")
    code = (
        f"import os, pathlib\nfor path in ('/model/weights', *{places!r}):\n"
        "    print(path, os.path.exists(path))\n    try:\n        pathlib.Path(path).write_text('seen')\n"
        "    except OSError:\n        pass\n"
    )
    step = with_mount(bench.step(code), model, "/model")
    again = step.model_copy(update={"name": "again"})
    assert (await bench.run(step, again, limits=Limits(memory_mb=500))).phase == "done"
    said = bench.jobs.log("tuner.1.1.j1").splitlines()
    assert said == 2 * ["/model/weights True", *(f"{path} False" for path in places)]
    assert (model / "weights").read_text() == "w"


HOLDS = "import json, pathlib\npathlib.Path('/predictions/predictions.csv').write_text('id,y\\n1,4\\n')\n"
READS = "import json\ny = json.load(open('/model/weights.json'))\n"
READS += "open('/predictions/predictions.csv', 'w').write(f'id,y\\n1,{y}\\n')\n"


@pytest.mark.parametrize(("code", "passed"), [(HOLDS, False), (READS, True)])
async def test_a_package_that_holds_predictions_instead_of_a_model_is_found_out(
    bench: Bench, code: str, passed: bool
) -> None:
    layout, folder = Layout(bench.root / "run"), bench.root / "delivery"
    inputs, model = bench.root / "inputs", bench.root / "model"
    for path in (inputs, model, bench.root / "code"):
        path.mkdir()
    (inputs / "test.csv").write_text("id\n1\n")
    (model / "weights.json").write_text("4")
    (bench.root / "code" / "inference.py").write_text(code)
    request = DeliveryRequest(
        run=RunRef(id="r", folder=str(layout.folder)),
        task=made.task(),
        invocation="delivery.7",
        members=(),
        environment=str(bench.environment),
        deadline=datetime.now(UTC) + timedelta(minutes=1),
    )
    parts = Bundle(bench.root / "code", {}, {"": model})
    finding = await Deliverer(request, bench.jobs, Limits())._emptied(parts, inputs, folder, "delivery.7.verify")
    assert (finding.name, finding.passed) == ("needs its model", passed)
