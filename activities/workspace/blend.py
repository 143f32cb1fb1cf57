"""Blending members' predictions: weighted means of values or probabilities, of ranks, or votes of labels.

Whatever the method, a row's result rests on that row alone, so that what was scored can be delivered.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import ToolFailed
from activities.workspace.predictions import PREDICTIONS, PROBABILITIES, Classes, Predictions, read_predictions
from activities.workspace.ranks import Scales, ranked
from schemas.metric import Metric
from schemas.task import Task

Method = Literal["single", "mean", "rank", "vote"]


def blend(
    members: Sequence[Predictions],
    weights: Sequence[float],
    method: Method,
    metric: Metric,
    classes: Classes,
    *,
    scales: Sequence[Scales] = (),
    threshold: float | None = None,
) -> Predictions:
    """One set of predictions from many, all of the same rows. ToolFailed where the method does not fit the metric.

    `scales` are the members' for method rank. `threshold` is the mean probability of the second of two classes from
    which on it is the label; without one, the likelier class is.
    """
    shares = _shares(members, weights)
    if threshold is not None:
        _check_threshold(members, method, metric, classes)
    if method == "single":
        if len(members) != 1:
            raise ToolFailed(f"method `single` takes one member, not {len(members)}: use mean, rank or vote")
        return members[0]
    _check(members, method, metric)
    first = members[0]
    if method == "mean" and metric.predicts == "label":
        together = _mean([_probabilities(member) for member in members], shares)
        target = next(iter(first.by_target))
        return Predictions(first.ids, {target: labels_of(together, threshold)}, together)
    if method == "rank":
        return Predictions(first.ids, {name: _rank_mean(members, scales, shares, name) for name in first.by_target})
    combined = {
        target: _combined(
            [member.by_target[target] for member in members], shares, method, len(classes.get(target, ()))
        )
        for target in first.by_target
    }
    return Predictions(first.ids, combined)


def labels_of(probabilities: NDArray[np.float64], threshold: float | None) -> NDArray[np.int64]:
    """The class of each row: the likeliest, or by the threshold on the second of two."""
    return probabilities.argmax(axis=1) if threshold is None else (probabilities[:, 1] >= threshold).astype(int)


def blend_files(
    task: Task,
    folders: Sequence[Path],
    weights: Sequence[float],
    method: Method,
    ids: Sequence[str],
    classes: Classes,
    out: Path,
    *,
    scales: Sequence[Scales] = (),
    threshold: float | None = None,
) -> None:
    """Blends prediction folders of the same input rows, and writes the result as a candidate would."""
    members = [read_predictions(folder, task, ids, classes) for folder in folders]
    together = blend(members, weights, method, task.metric, classes, scales=scales, threshold=threshold)
    write_predictions(together, task, classes, out)


def write_predictions(predictions: Predictions, task: Task, classes: Classes, out: Path) -> None:
    """Writes `predictions.csv`, and `probabilities.csv` where labels have them."""
    out.mkdir(parents=True, exist_ok=True)
    prediction_frame(predictions, task, classes).to_csv(out / PREDICTIONS, index=False)
    if predictions.probabilities is not None:
        labels = classes[task.targets[0]]
        frame = pd.DataFrame({task.id: predictions.ids, **dict(zip(labels, predictions.probabilities.T, strict=True))})
        frame.to_csv(out / PROBABILITIES, index=False)


def prediction_frame(predictions: Predictions, task: Task, classes: Classes) -> pd.DataFrame:
    """The prediction columns as a candidate would write them."""
    columns: dict[str, Any] = {task.id: predictions.ids}
    for target, values in predictions.by_target.items():
        if task.metric.predicts == "label":
            columns[target] = [classes[target][code] for code in values]
        elif values.ndim == 1:
            columns[target] = values
        elif target in task.prediction_columns:
            columns[target] = values[:, 1]
        else:
            columns.update(zip(task.prediction_columns[1:], values.T, strict=True))
    return pd.DataFrame(columns)[list(task.prediction_columns)]


def agreement(members: Sequence[Predictions], metric: Metric) -> tuple[tuple[float, ...], ...]:
    """Between each two members: the share of equal labels, or the correlation of their numbers."""
    flat = [np.concatenate([values.reshape(-1) for values in member.by_target.values()]) for member in members]
    words = metric.predicts == "label" or any(values.dtype == object for values in flat)
    measure = _equal if words else _correlation
    return tuple(
        tuple(1.0 if i == j else measure(left, right) for j, right in enumerate(flat)) for i, left in enumerate(flat)
    )


def _shares(members: Sequence[Predictions], weights: Sequence[float]) -> NDArray[np.float64]:
    total = sum(weights)
    if len(weights) != len(members) or not members or total <= 0 or min(weights) < 0:
        raise ToolFailed("weights must be at least 0, one for each member, and not all 0")
    return np.asarray(weights, dtype=float) / total


def _check(members: Sequence[Predictions], method: Method, metric: Metric) -> None:
    labels = metric.predicts == "label"
    if any(values.dtype == object for member in members for values in member.by_target.values()):
        raise ToolFailed("these predictions are no numbers, which could be blended: choose one member, with `single`")
    if method == "vote" and not labels:
        raise ToolFailed(f"method `vote` is for labels, and {metric.name} takes numbers: use mean")
    if method == "mean" and labels and any(member.probabilities is None for member in members):
        which = next(number for number, member in enumerate(members, 1) if member.probabilities is None)
        raise ToolFailed(
            f"method `mean` of labels needs {PROBABILITIES} of every member, and member {which} has none: use vote, or "
            "have its inference.py write them"
        )


def _check_threshold(members: Sequence[Predictions], method: Method, metric: Metric, classes: Classes) -> None:
    target = next(iter(members[0].by_target))
    if method != "mean" or metric.predicts != "label" or len(classes.get(target, ())) != 2:
        raise ToolFailed("a threshold is for labels of two classes, by the mean of probabilities: leave it out")


def _probabilities(member: Predictions) -> NDArray[np.float64]:
    assert member.probabilities is not None
    return member.probabilities


def _combined(values: list[NDArray[Any]], shares: NDArray[np.float64], method: Method, classes: int) -> NDArray[Any]:
    match method:
        case "vote":
            votes = np.zeros((len(values[0]), classes))
            for place, (codes, share) in enumerate(zip(values, shares, strict=True)):
                votes[np.arange(len(codes)), codes] += share - place * 1e-9  # a tie goes to the member named first
            return np.asarray(votes.argmax(axis=1))
        case _:
            return _mean(values, shares)


def _rank_mean(
    members: Sequence[Predictions], scales: Sequence[Scales], shares: NDArray[np.float64], target: str
) -> NDArray[np.float64]:
    pairs = zip(members, scales, strict=True)
    mean = _mean([ranked(member.by_target[target], by[target]) for member, by in pairs], shares)
    if mean.shape[1] == 2:
        return np.column_stack([1 - mean[:, 1], mean[:, 1]])
    return np.asarray(mean / mean.sum(axis=1, keepdims=True))


def _mean(values: Sequence[NDArray[Any]], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sum(share * one for share, one in zip(shares, values, strict=True)))


def _equal(left: NDArray[Any], right: NDArray[Any]) -> float:
    return float((left == right).mean())


def _correlation(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Of constant predictions no correlation is defined; equal ones agree, others do not."""
    if left.std() == 0 or right.std() == 0:
        return float(np.allclose(left, right))
    return float(np.corrcoef(left, right)[0, 1])
