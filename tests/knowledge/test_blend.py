"""The blend's driver joins members' predictions exactly as the scorer does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from activities.knowledge import catalogue
from activities.workspace.blend import blend, prediction_frame
from activities.workspace.predictions import read_predictions
from schemas.metric import Direction, Metric
from schemas.task import Split, Task

MEMBER = """
import argparse, pathlib, shutil
parser = argparse.ArgumentParser()
for name in ("--data", "--model", "--out"):
    parser.add_argument(name)
given = parser.parse_args()
for path in pathlib.Path(given.model).glob("*.csv"):
    shutil.copy(path, pathlib.Path(given.out).parent / path.name)
"""  # a model that is the predictions themselves
LABELS = Metric(name="accuracy", direction=Direction.HIGHER, predicts="label")
VALUES = Metric(name="rmse", direction=Direction.LOWER, predicts="value")
RANKED = Metric(name="roc_auc", direction=Direction.HIGHER, predicts="probability")
IDS = [f"r{number}" for number in range(40)]


def _task(metric: Metric) -> Task:
    kind = {"value": "regression", "label": "multiclass", "probability": "binary"}[metric.predicts]
    return Task(
        name="t", kind=kind, metric=metric, split=Split(kind="random"), train="train.csv", id="id", targets=("y",),
        prediction_columns=("id", "y"), rows=100,
    )  # fmt: skip


def _member(folder: Path, metric: Metric, random: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"id": IDS, "y": random.random(len(IDS))})
    if metric.predicts == "label":
        shares = random.dirichlet([1, 1, 1], len(IDS))
        pd.DataFrame({"id": IDS, **dict(zip("abc", shares.T, strict=True))}).to_csv(
            folder / "probabilities.csv", index=False
        )
        frame["y"] = np.array(list("abc"))[shares.argmax(axis=1)]
    frame.to_csv(folder / "predictions.csv", index=False)


@pytest.fixture
def blended(tmp_path: Path) -> Path:
    """A repository of a blend of candidates 2 and 5."""
    driver = (catalogue.FOLDER / "recipes" / "blend" / "inference.py").read_text()
    code = tmp_path / "code"
    for number in (2, 5):
        (code / "members" / str(number)).mkdir(parents=True)
        (code / "members" / str(number) / "inference.py").write_text(MEMBER)
    (code / "inference.py").write_text(driver)
    return code


@pytest.mark.parametrize(
    ("metric", "method"), [(LABELS, "mean"), (LABELS, "vote"), (VALUES, "mean"), (RANKED, "mean"), (RANKED, "rank")]
)
def test_it_joins_as_the_scorer_does(tmp_path: Path, blended: Path, metric: Metric, method: str) -> None:
    task, random = _task(metric), np.random.default_rng(3)
    members = [{"candidate": 2, "weight": 0.7}, {"candidate": 5, "weight": 0.5}]
    (blended / "blend.json").write_text(json.dumps({"method": method, "members": members}))
    for number in (2, 5):
        _member(tmp_path / "model" / str(number), metric, random)
    _run(tmp_path, blended, task)
    classes = {"y": ("a", "b", "c")} if metric is LABELS else {"y": ("0", "1")} if metric is RANKED else {}
    each = [read_predictions(tmp_path / "model" / str(number), task, IDS, classes) for number in (2, 5)]
    wanted = prediction_frame(blend(each, [0.7, 0.5], method, metric, classes), task, classes)  # type: ignore[arg-type]
    found = pd.read_csv(tmp_path / "out" / "predictions.csv")
    pd.testing.assert_frame_equal(found, wanted)


def _run(folder: Path, code: Path, task: Task) -> None:
    (folder / "view").mkdir()
    (folder / "view" / "task.json").write_text(task.model_dump_json())
    command = [sys.executable, "inference.py", "--data", str(folder / "view"), "--model", str(folder / "model")]
    done = subprocess.run(
        [*command, "--out", str(folder / "out" / "predictions.csv")], cwd=code, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_member_that_fails_is_named(tmp_path: Path, blended: Path) -> None:
    (blended / "blend.json").write_text(
        json.dumps({"method": "mean", "members": [{"candidate": 2, "weight": 1.0}, {"candidate": 9, "weight": 1.0}]})
    )
    (blended / "members" / "9").mkdir()
    (blended / "members" / "9" / "inference.py").write_text("raise SystemExit('the model is not there')")
    with pytest.raises(AssertionError, match=r"member 9 failed:\s+the model is not there"):
        _run(tmp_path, blended, _task(VALUES))
