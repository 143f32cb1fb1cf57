"""A task's own metric: `grade.py:function`, a function of two frames (truth, predictions) that returns a number.

Both frames have the same rows in the same order: the id, then the targets as in the data (truth), or the prediction
columns (predictions).
"""

import contextlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

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
