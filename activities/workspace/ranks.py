"""Ranks that one row has by itself: its place among a member's predictions for `select`.

A rank among the rows that happen to be predicted together would change with them, which no delivered model may do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activities.errors import ToolFailed
from activities.workspace.layout import Layout
from activities.workspace.parts import select_parts
from activities.workspace.predictions import Classes, Predictions, read_predictions
from activities.workspace.verify import input_ids
from schemas.candidate import Member
from schemas.task import Task

RANKS = "ranks.json"  # in a blend's repository: candidate -> prediction column -> (values, shares)
KNOTS = 1_001

Numbers = NDArray[np.float64]
Scale = tuple[Numbers, Numbers]  # probabilities, rising, and the share of predictions that each is above
Scales = Mapping[str, tuple[Scale, ...]]  # by target, one for each column


def scale(values: Numbers) -> Scale:
    """The distribution in few points. It ends at 0 and 1, so that no probability lies outside it."""
    places = np.linspace(0.0, 1.0, min(KNOTS, len(values)))
    inner = np.quantile(values, places)
    shares = (places * (len(values) - 1) + 0.5) / len(values)
    knots, at = np.unique(np.concatenate([[0.0], inner, [1.0]]), return_inverse=True)
    ends = np.concatenate([[0.0], shares, [1.0]])
    return knots, np.bincount(at, ends) / np.bincount(at)


def scales(predictions: Predictions) -> Scales:
    return {name: tuple(scale(column) for column in values.T) for name, values in predictions.by_target.items()}


def ranked(values: Numbers, by: Sequence[Scale]) -> Numbers:
    """Rows x columns of probabilities as rows x columns of ranks from 0 to 1."""
    return np.column_stack([np.interp(column, *one) for column, one in zip(values.T, by, strict=True)])


def select_scales(layout: Layout, task: Task, members: Sequence[Member], classes: Classes) -> list[Scales]:
    """Each member's, from what its trial predicted; no label is looked at. ToolFailed where ranks are of no use."""
    name = task.metric.name
    if name != "roc_auc":
        raise ToolFailed(f"method `rank` keeps the order of rows alone, which {name} does not go by: use mean or vote")
    return [scales(_predicted(layout, task, member, classes)) for member in members]


def written(found: Scales, task: Task) -> dict[str, Scale]:
    """By prediction column, as the blend's own script reads it."""
    columns: dict[str, Scale] = {}
    for target, each in found.items():
        if target in task.prediction_columns:
            columns[target] = each[-1]  # of the second class, which is all that is written
        else:
            columns.update(zip(task.prediction_columns[1:], each, strict=True))
    return columns


def _predicted(layout: Layout, task: Task, member: Member, classes: Classes) -> Predictions:
    each = [_of_part(layout, task, member.job, part.name, part.inputs, classes) for part in select_parts(layout, task)]
    pooled = {name: np.concatenate([part.by_target[name] for part in each]) for name in each[0].by_target}
    return Predictions(tuple(one for part in each for one in part.ids), pooled)


def _of_part(layout: Layout, task: Task, job: str, part: str, inputs: Path | None, classes: Classes) -> Predictions:
    assert inputs is not None, "every part of select has inputs"
    folder = layout.job_predictions(job, part)
    return read_predictions(folder, task, input_ids(inputs, task), classes, sealed=True)
