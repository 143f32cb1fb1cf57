"""A task's own metric: `grade.py:function`, a function of two frames (truth, predictions) that returns a number.

Both frames have the same rows in the same order: the id, then the targets as in the data (truth), or the prediction
columns (predictions).
"""

import contextlib
import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import BadInput
from activities.handing import handed_on
from activities.workspace.blend import prediction_frame
from activities.workspace.leaving import leave
from activities.workspace.predictions import Classes, Predictions
from activities.workspace.values import label_codes
from schemas.task import Task

_SECONDS = 300.0
ENDINGS = (Exception, SystemExit)  # a script that calls exit() ends no scorer
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
    sys.dont_write_bytecode = True  # the task's folder is the person's: nothing is left in it
    with contextlib.redirect_stdout(sys.stderr):
        try:
            spec.loader.exec_module(module)
        except ENDINGS as error:
            raise GradeFailed(f"{script} cannot be loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise GradeFailed(f"{script} has no function {function!r}")

    def grade(truth: pd.DataFrame, predicted: pd.DataFrame) -> float:
        with contextlib.redirect_stdout(sys.stderr):
            try:
                return float(found(truth.copy(), predicted.copy()))
            except ENDINGS as error:
                raise GradeFailed(f"{name} failed: {type(error).__name__}: {error}") from error

    return grade


def check_grade(folder: Path, task: Task, labels: pd.DataFrame, classes: Classes) -> None:
    """A metric of one's own must work before hours are spent: in a process, it grades labels against themselves."""
    command = [sys.executable, "-P", "-m", "activities.workspace.custom", str(folder.resolve())]
    environment = {**handed_on(), "PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        done = subprocess.run(
            command,
            input=_packed(task, labels, classes),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        slow = f"{task.metric.name} took longer than {_SECONDS:.0f} s on {len(labels)} rows"
        raise BadInput(f"key `metric`: {slow}: make it faster") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BadInput(f"key `metric`: {' '.join(last)} (it was tried on the labels as predictions of themselves)")


def problem(folder: str) -> str:
    """Grades labels as predictions of themselves; what is wrong, in a line, or nothing."""
    task, frame, classes = _unpacked(sys.stdin.buffer.read())
    predicted = prediction_frame(_perfect(frame, task, classes), task, classes)
    try:
        value = load_grade(Path(folder), task.metric.name)(frame, predicted)
    except GradeFailed as error:
        return " ".join(str(error).split())
    return "" if math.isfinite(value) else f"{task.metric.name} gave {value}, which is no finite number"


def _packed(task: Task, labels: pd.DataFrame, classes: Classes) -> bytes:
    """For a pipe: a copy of all labels on disk would stay there if this process were killed."""
    table = BytesIO()
    labels.to_parquet(table, index=False)
    return b"\n".join((task.model_dump_json().encode(), json.dumps(classes).encode(), table.getvalue()))


def _unpacked(packed: bytes) -> tuple[Task, pd.DataFrame, Classes]:
    task, classes, table = packed.split(b"\n", 2)
    recorded: Classes = {key: tuple(value) for key, value in json.loads(classes).items()}
    return Task.model_validate_json(task), pd.read_parquet(BytesIO(table)), recorded


def _perfect(frame: pd.DataFrame, task: Task, classes: Classes) -> Predictions:
    by_target: dict[str, NDArray[Any]] = {}
    for target in task.targets:
        codes = label_codes(frame[target].tolist(), classes[target]) if target in classes else frame[target].to_numpy()
        by_target[target] = np.eye(len(classes[target]))[codes] if task.metric.predicts == "probability" else codes
    return Predictions(tuple(frame[task.id]), by_target)


if __name__ == "__main__":
    words = problem(*sys.argv[1:])
    sys.stderr.write(words)
    leave(1 if words else 0)
