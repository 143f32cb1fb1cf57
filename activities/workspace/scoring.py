"""What the scorer's process does: reads predictions and withheld labels, pools the parts, blends, and scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import ToolFailed
from activities.workspace import metrics, thresholds
from activities.workspace.blend import Method, agreement, blend, labels_of, prediction_frame
from activities.workspace.custom import GradeFailed, load_grade
from activities.workspace.interval import Arrays, interval, interval_of, value
from activities.workspace.layout import Layout
from activities.workspace.parts import BLOCK, Part, estimate_part, select_parts
from activities.workspace.predictions import Classes, Predictions, read_classes, read_predictions
from activities.workspace.ranks import select_scales
from activities.workspace.values import label_codes
from schemas.base import Record
from schemas.candidate import Member
from schemas.metric import Score
from schemas.task import Task
from schemas.tool import Evaluated

_CUSTOM_SECONDS = 20.0


class ScorerRequest(Record):
    """What the process is asked, as JSON on its standard input.

    `trials` are the members as they were scored on `select`, by which ranks go; the members themselves if not given.
    """

    folder: str
    task: Task
    members: tuple[Member, ...]
    method: Method
    split: Literal["select", "report"] = "select"
    job_part: str | None = None
    threshold: float | Literal["tune"] | None = None
    trials: tuple[Member, ...] = ()


class ScorerReply(Record):
    """What it answers: a score, or whose problem it is."""

    evaluated: Evaluated | None = None
    problem: str | None = None
    blame: Literal["predictions", "grade"] = "predictions"


@dataclass(frozen=True)
class _Truth:
    ids: list[str]
    by_target: Arrays
    frame: pd.DataFrame
    blocks: NDArray[np.int64]


def answer(request: ScorerRequest) -> ScorerReply:
    """Scores, or says what is wrong with the predictions or with the task's own grading."""
    try:
        return ScorerReply(evaluated=_evaluated(request))
    except ToolFailed as error:
        return ScorerReply(problem=str(error))
    except GradeFailed as error:
        return ScorerReply(problem=str(error), blame="grade")


def _evaluated(request: ScorerRequest) -> Evaluated:
    layout, task = Layout(Path(request.folder)), request.task
    classes = read_classes(layout)
    parts = _parts(layout, request)
    truths = [_truth(part, task, classes) for part in parts]
    members = [_pooled(layout, request, member, parts, truths, classes) for member in request.members]
    truth = _joined(truths)
    together, threshold = _blended(layout, request, members, truth, classes)
    point, low, high = _scored(layout, task, truth, together, classes)
    score = Score(metric=task.metric, value=point, low=low, high=high, rows=len(truth.ids), split=request.split)
    agree = agreement(members, task.metric) if len(members) > 1 else ()
    return Evaluated(score=score, agreement=agree, threshold=threshold)


def _blended(
    layout: Layout, request: ScorerRequest, members: Sequence[Predictions], truth: _Truth, classes: Classes
) -> tuple[Predictions, float | None]:
    """One set of predictions, and the threshold that made labels of it, if one did."""
    task, weights = request.task, [member.weight for member in request.members]
    trials = request.trials or request.members
    scales = select_scales(layout, task, trials, classes) if request.method == "rank" else []
    asked = thresholds.MIDDLE if request.threshold == "tune" else request.threshold
    together = blend(members, weights, request.method, task.metric, classes, scales=scales, threshold=asked)
    if request.threshold != "tune":
        return together, asked
    if metrics.is_custom(task.metric.name):
        raise ToolFailed("a threshold cannot be tuned by the task's own metric: give a number")
    target, codes = next(iter(truth.by_target.items()))
    assert together.probabilities is not None, "a threshold is for probabilities"
    best = thresholds.tuned(metrics.REGISTRY[task.metric.name], target, codes, together.probabilities)
    labels = labels_of(together.probabilities, best)
    return Predictions(together.ids, {target: labels}, together.probabilities), best


def _parts(layout: Layout, request: ScorerRequest) -> list[Part]:
    if request.split == "report":
        part = estimate_part(layout)
        if part.labels is None:
            raise ToolFailed("no rows are withheld for a report")
        return [part]
    parts = select_parts(layout, request.task)
    if request.job_part is None:
        return parts
    chosen = [part for part in parts if part.name == request.job_part]
    if not chosen:
        raise ToolFailed(f"{request.job_part!r} is no part of select: {', '.join(part.name for part in parts)} are")
    return chosen


def _truth(part: Part, task: Task, classes: Classes) -> _Truth:
    assert part.labels is not None
    frame = pd.read_parquet(part.labels)
    by_target: Arrays = {}
    for name in () if task.kind == "custom" else task.targets:
        column = frame[name]
        by_target[name] = (
            label_codes(column.tolist(), classes[name]) if name in classes else column.to_numpy(dtype=float)
        )
    return _Truth(frame[task.id].tolist(), by_target, frame.drop(columns=BLOCK), frame[BLOCK].to_numpy())


def _pooled(
    layout: Layout,
    request: ScorerRequest,
    member: Member,
    parts: Sequence[Part],
    truths: Sequence[_Truth],
    classes: Classes,
) -> Predictions:
    """A member's predictions for all parts, one below the other."""
    each = []
    for part, truth in zip(parts, truths, strict=True):
        name = request.job_part or part.name
        try:
            folder = layout.job_predictions(member.job, name)
            each.append(read_predictions(folder, request.task, truth.ids, classes, sealed=True))
        except ToolFailed as error:
            raise ToolFailed(f"candidate {member.candidate}, job {member.job}, {name}: {error}") from error
    with_probabilities = [one.probabilities for one in each if one.probabilities is not None]
    return Predictions(
        tuple(one for part in each for one in part.ids),
        {target: np.concatenate([part.by_target[target] for part in each]) for target in each[0].by_target},
        np.concatenate(with_probabilities) if len(with_probabilities) == len(each) else None,
    )


def _joined(truths: Sequence[_Truth]) -> _Truth:
    return _Truth(
        [one for truth in truths for one in truth.ids],
        {name: np.concatenate([truth.by_target[name] for truth in truths]) for name in truths[0].by_target},
        pd.concat([truth.frame for truth in truths], ignore_index=True),
        np.concatenate([truth.blocks for truth in truths]),
    )


def _scored(
    layout: Layout, task: Task, truth: _Truth, predicted: Predictions, classes: Classes
) -> tuple[float, float, float]:
    if metrics.is_custom(task.metric.name):
        return _graded(layout, task, truth, predicted, classes)
    metric = metrics.REGISTRY[task.metric.name]
    _check_scorable(metric, truth)
    point = value(metric, truth.by_target, predicted.by_target)
    low, high = interval(metric, truth.by_target, predicted.by_target, truth.blocks)
    return point, low, high


def _check_scorable(metric: metrics.Registered, truth: _Truth) -> None:
    if metric.name == "roc_auc" and any(len(np.unique(codes)) < 2 for codes in truth.by_target.values()):
        raise ToolFailed(
            "the withheld rows are of one class only, of which roc_auc has no value: score all parts together"
        )


def _graded(
    layout: Layout, task: Task, truth: _Truth, predicted: Predictions, classes: Classes
) -> tuple[float, float, float]:
    grade = load_grade(layout.task, task.metric.name)
    frame = prediction_frame(predicted, task, classes)
    point = grade(truth.frame, frame)
    if not np.isfinite(point):
        # it was tried on the labels when the run began, so these predictions are what it has no value for
        raise ToolFailed(f"{task.metric.name} gave {point} for these predictions: are they all the same, or too large?")

    def drawn(rows: NDArray[np.int64]) -> float:
        try:
            return grade(truth.frame.iloc[rows].reset_index(drop=True), frame.iloc[rows].reset_index(drop=True))
        except GradeFailed:  # of rows drawn by chance, some metrics have no value; the interval does without
            return float("nan")

    low, high = interval_of(drawn, truth.blocks, point, _CUSTOM_SECONDS)
    return point, low, high
