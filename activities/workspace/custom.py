"""A task's own metric: `grade.py:function`, a function of two frames (truth, predictions) that returns a number.

Both frames have the same rows in the same order: the id, then the targets as in the data (truth), or the prediction
columns (predictions).
"""

import contextlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.workspace.blend import prediction_frame
from activities.workspace.parts import BLOCK
from activities.workspace.predictions import Classes, Predictions
from activities.workspace.values import label_codes
from schemas.task import Task

Grade = Callable[[pd.DataFrame, pd.DataFrame], float]


class GradeFailed(Exception):
    """The task's own grading code did not do its work: the person who wrote it must act."""


def load_grade(folder: Path, name: str) -> Grade:
    """The function of a task folder's script; whatever it prints goes to stderr, off the scorer's answer."""
    script, _, function = name.partition(":")
    spec = importlib.util.spec_from_file_location("task_grade", folder / script)
    if spec is None or spec.loader is None or not (folder / script).is_file():
        raise GradeFailed(f"{script} is not in {folder}")
    module = importlib.util.module_from_spec(spec)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise GradeFailed(f"{script} cannot be loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise GradeFailed(f"{script} has no function {function!r}")

    def grade(truth: pd.DataFrame, predicted: pd.DataFrame) -> float:
        with contextlib.redirect_stdout(sys.stderr):
            try:
                return float(found(truth.copy(), predicted.copy()))
            except Exception as error:
                raise GradeFailed(f"{name} failed: {type(error).__name__}: {error}") from error

    return grade


def main(folder: str, name: str, labels: str, task_json: str, classes_json: str) -> None:
    """Grades labels as predictions of themselves; a failure is one line on stderr."""
    task = Task.model_validate_json(task_json)
    frame = pd.read_parquet(labels).drop(columns=BLOCK)
    classes: Classes = {key: tuple(value) for key, value in json.loads(classes_json).items()}
    try:
        value = load_grade(Path(folder), name)(frame, prediction_frame(_perfect(frame, task, classes), task, classes))
    except GradeFailed as error:
        sys.exit(" ".join(str(error).split()))
    if not math.isfinite(value):
        sys.exit(f"{name} gave {value}, which is no finite number")


def _perfect(frame: pd.DataFrame, task: Task, classes: Classes) -> Predictions:
    by_target: dict[str, NDArray[Any]] = {}
    for target in task.targets:
        codes = label_codes(frame[target].tolist(), classes[target]) if target in classes else frame[target].to_numpy()
        by_target[target] = np.eye(len(classes[target]))[codes] if task.metric.predicts == "probability" else codes
    return Predictions(tuple(frame[task.id]), by_target)


if __name__ == "__main__":
    main(*sys.argv[1:])
