"""The blend's driver joins members' predictions exactly as the scorer does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from activities.knowledge import catalogue
from activities.workspace.blend import blend, prediction_frame
from activities.workspace.predictions import read_predictions
from activities.workspace.ranks import scales, written
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
POSITIVE = Metric(name="f1", direction=Direction.HIGHER, predicts="label")
VALUES = Metric(name="rmse", direction=Direction.LOWER, predicts="value")
RANKED = Metric(name="roc_auc", direction=Direction.HIGHER, predicts="probability")
MEMBERS = [{"candidate": 2, "weight": 0.7}, {"candidate": 5, "weight": 0.5}]
IDS = [f"r{number}" for number in range(40)]


def _classes(metric: Metric) -> dict[str, tuple[str, ...]]:
    names = {"accuracy": ("a", "b", "c"), "f1": ("a", "b"), "roc_auc": ("0", "1")}
    return {"y": names[metric.name]} if metric.name in names else {}


def _task(metric: Metric, columns: tuple[str, ...] = ("y",)) -> Task:
    kind = {"value": "regression", "label": "multiclass", "probability": "binary"}[metric.predicts]
    return Task(
        name="t", kind=kind, metric=metric, split=Split(kind="random"), train="train.csv", id="id", targets=("y",),
        classes=_classes(metric).get("y", ()), prediction_columns=("id", *columns), rows=100,
    )  # fmt: skip


def _member(folder: Path, task: Task, random: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    names = task.prediction_columns[1:]
    shares = random.dirichlet([1] * len(names), len(IDS)) if len(names) > 1 else random.random((len(IDS), 1))
    frame = pd.DataFrame({"id": IDS, **dict(zip(names, shares.T, strict=True))})
    if task.metric.predicts == "label":
        shares = random.dirichlet([1] * len(task.classes), len(IDS))
        pd.DataFrame({"id": IDS, **dict(zip(task.classes, shares.T, strict=True))}).to_csv(
            folder / "probabilities.csv", index=False
        )
        frame["y"] = np.array(task.classes)[shares.argmax(axis=1)]
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
    ("metric", "method", "threshold"),
    [
        (LABELS, "mean", None),
        (LABELS, "vote", None),
        (POSITIVE, "mean", 0.3),
        (VALUES, "mean", None),
        (RANKED, "mean", None),
    ],
)
def test_it_joins_as_the_scorer_does(
    tmp_path: Path, blended: Path, metric: Metric, method: Any, threshold: float | None
) -> None:
    task, random = _task(metric), np.random.default_rng(3)
    blend_file = {"method": method, "members": MEMBERS} | ({"threshold": threshold} if threshold else {})
    (blended / "blend.json").write_text(json.dumps(blend_file))
    for number in (2, 5):
        _member(tmp_path / "model" / str(number), task, random)
    _run(tmp_path, blended, task)
    classes = _classes(metric)
    each = [read_predictions(tmp_path / "model" / str(number), task, IDS, classes) for number in (2, 5)]
    together = blend(each, [0.7, 0.5], method, metric, classes, threshold=threshold)
    found = pd.read_csv(tmp_path / "out" / "predictions.csv")
    pd.testing.assert_frame_equal(found, prediction_frame(together, task, classes))
    if threshold:
        plain = blend(each, [0.7, 0.5], method, metric, classes)
        assert (plain.by_target["y"] != together.by_target["y"]).any()


@pytest.mark.parametrize(
    ("columns", "classes"), [(("y",), ("0", "1")), (("0", "1"), ("0", "1")), (("a", "b", "c"), ("a", "b", "c"))]
)
def test_ranks_go_by_the_scale_of_each_member_and_not_by_the_rows_at_hand(
    tmp_path: Path, blended: Path, columns: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    """The scales come from what members predicted for `select`: here, from rows that are not predicted again."""
    task, random = _task(RANKED, columns), np.random.default_rng(4)
    (blended / "blend.json").write_text(json.dumps({"method": "rank", "members": MEMBERS}))
    by = []
    for number in (2, 5):
        _member(tmp_path / "select" / str(number), task, random)
        by.append(scales(read_predictions(tmp_path / "select" / str(number), task, IDS, {"y": classes})))
        _member(tmp_path / "model" / str(number), task, random)
    found = {str(number): written(one, task) for number, one in zip((2, 5), by, strict=True)}
    (blended / "ranks.json").write_text(json.dumps(found, default=np.ndarray.tolist))
    _run(tmp_path, blended, task)
    each = [read_predictions(tmp_path / "model" / str(number), task, IDS, {"y": classes}) for number in (2, 5)]
    together = blend(each, [0.7, 0.5], "rank", RANKED, {"y": classes}, scales=by)
    wanted = prediction_frame(together, task, {"y": classes})
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "predictions.csv"), wanted)


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
