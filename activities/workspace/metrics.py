"""The registered metrics: names, directions, what a prediction must hold, and their values through scikit-learn.

Truth and predictions are arrays of one target: class codes for `label`, codes against one column of probability per
class for `probability`, numbers for `value`. `resampled` gives a metric's value for many weightings of the rows at
once, which is what makes a bootstrap interval cheap; a test holds both forms equal. MAPE and SMAPE are fractions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import metrics as sk

from activities.errors import BadInput
from activities.workspace.taskfile import nearest
from schemas.metric import Direction, Metric

Numbers = NDArray[np.float64]
Array = NDArray[Any]
Predicts = Literal["label", "probability", "value"]


@dataclass(frozen=True)
class Registered:
    """A metric by its field's name. `resampled` maps (truth, predicted, weights of shape draws x rows) to draws."""

    name: str
    direction: Direction
    predicts: Predicts
    value: Callable[[Array, Array], float]
    resampled: Callable[[Array, Array, Numbers], Numbers]

    @property
    def metric(self) -> Metric:
        return Metric(name=self.name, direction=self.direction, predicts=self.predicts)


def is_custom(name: str) -> bool:
    return ":" in name


def find(name: str) -> Registered:
    """The metric of a name as people write it (`AUC`, `log loss`); BadInput gives the nearest names."""
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    plain = ALIASES.get(plain, plain)
    if plain not in REGISTRY:
        raise BadInput(
            f"task.yaml: key `metric`: {name!r} is not a registered metric; {nearest(plain, REGISTRY)} "
            "(a metric of your own is `grade.py:function`, with `direction`)"
        )
    return REGISTRY[plain]


# --- labels ---


def _f1(truth: Array, predicted: Array) -> float:
    return float(sk.f1_score(truth, predicted, pos_label=1, average="binary", zero_division=0))


def _kappa(truth: Array, predicted: Array) -> float:
    labels = np.arange(int(max(truth.max(), predicted.max())) + 1)
    return _or_perfect(float(sk.cohen_kappa_score(truth, predicted, labels=labels, weights="quadratic")))


def _or_perfect(value: float) -> float:
    """Kappa of a single class predicted right has no spread to speak of, and is perfect agreement."""
    return 1.0 if np.isnan(value) else value


def _share_right(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    return _mean(weights, (truth == predicted).astype(float))


def _per_class(truth: Array, predicted: Array, weights: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Weights of rows right, true, and predicted by class; each of shape draws x classes."""
    classes = int(max(truth.max(), predicted.max())) + 1
    right = np.where(truth == predicted, truth, -1)
    return _by(right, classes, weights), _by(truth, classes, weights), _by(predicted, classes, weights)


def _by(codes: Array, classes: int, weights: Numbers) -> Numbers:
    known = codes >= 0
    rows = np.flatnonzero(known)
    shape = (len(codes), classes)
    belongs = sparse.csr_matrix((np.ones(len(rows)), (rows, codes[known])), shape=shape)
    return np.asarray((belongs.T @ weights.T).T)


def _balanced_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    right, true, _ = _per_class(truth, predicted, weights)
    return _mean_where(right, true)


def _f1_macro_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    right, true, said = _per_class(truth, predicted, weights)
    return _mean_where(2 * right, true + said)


def _f1_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    truth_and_said = weights @ (truth == 1).astype(float) + weights @ (predicted == 1).astype(float)
    both = weights @ ((truth == 1) & (predicted == 1)).astype(float)
    return np.asarray(np.divide(2 * both, truth_and_said, out=np.zeros_like(both), where=truth_and_said > 0))


def _kappa_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    left, right = truth.astype(float), predicted.astype(float)
    observed = weights @ (left - right) ** 2
    expected = weights @ left**2 + weights @ right**2 - 2 * (weights @ left) * (weights @ right) / weights.sum(axis=1)
    return np.asarray(1 - np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0))


# --- probabilities ---


def _auc(truth: Array, predicted: Array) -> float:
    if predicted.shape[1] == 2:
        return float(sk.roc_auc_score(truth, predicted[:, 1]))
    present = np.unique(truth)
    return float(np.mean([sk.roc_auc_score(truth == code, predicted[:, code]) for code in present]))


def _auc_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    codes = [1] if predicted.shape[1] == 2 else list(np.unique(truth))
    return np.asarray(np.mean([_one_auc(truth == code, predicted[:, code], weights) for code in codes], axis=0))


def _one_auc(positive: Array, score: Numbers, weights: Numbers) -> Numbers:
    """Pairs in the right order over all pairs, ties counting half; NaN where a draw has one class only."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    up = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    down = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    ordered = (up * (np.cumsum(down, axis=1) - down / 2)).sum(axis=1)
    pairs = up.sum(axis=1) * down.sum(axis=1)
    return np.asarray(np.divide(ordered, pairs, out=np.full_like(ordered, np.nan), where=pairs > 0))


def _log_loss(truth: Array, predicted: Array) -> float:
    return float(sk.log_loss(truth, _positive(predicted), labels=np.arange(predicted.shape[1])))


def _log_loss_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    return _mean(weights, -np.log(_positive(predicted)[np.arange(len(truth)), truth]))


def _positive(predicted: Array) -> Numbers:
    """Probabilities that sum to 1, none so small that a single row decides the loss."""
    clipped = np.clip(predicted.astype(float), 1e-15, 1.0)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))


# --- numbers ---


def _smape(truth: Array, predicted: Array) -> float:
    return float(_smape_rows(truth, predicted).mean())


def _smape_rows(truth: Array, predicted: Array) -> Numbers:
    size = np.abs(truth) + np.abs(predicted)
    return np.asarray(np.divide(2 * np.abs(truth - predicted), size, out=np.zeros_like(size), where=size > 0))


def _mape_rows(truth: Array, predicted: Array) -> Numbers:
    return np.asarray(np.abs(truth - predicted) / np.maximum(np.abs(truth), np.finfo(np.float64).eps))


def _r2_resampled(truth: Array, predicted: Array, weights: Numbers) -> Numbers:
    centred = truth - truth.mean()  # keeps the difference of squares below exact enough
    spread = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum(axis=1)
    left = weights @ (truth - predicted) ** 2
    return np.asarray(1 - np.divide(left, spread, out=np.full_like(left, np.nan), where=spread > 0))


def _mean(weights: Numbers, rows: Numbers) -> Numbers:
    return np.asarray(weights @ rows / weights.sum(axis=1))


def _mean_where(part: Numbers, whole: Numbers) -> Numbers:
    """Mean over classes of part / whole, leaving out the classes that a draw does not have."""
    present = whole > 0
    shares = np.divide(part, whole, out=np.zeros_like(part), where=present)
    return np.asarray(shares.sum(axis=1) / present.sum(axis=1))


_HIGHER, _LOWER = Direction.HIGHER, Direction.LOWER
_ALL = (
    Registered("accuracy", _HIGHER, "label", lambda t, p: float(sk.accuracy_score(t, p)), _share_right),
    Registered(
        "balanced_accuracy",
        _HIGHER,
        "label",
        lambda t, p: float(sk.recall_score(t, p, labels=np.unique(t), average="macro", zero_division=0)),
        _balanced_resampled,
    ),
    Registered("f1", _HIGHER, "label", _f1, _f1_resampled),
    Registered(
        "f1_macro",
        _HIGHER,
        "label",
        lambda t, p: float(sk.f1_score(t, p, average="macro", zero_division=0)),
        _f1_macro_resampled,
    ),
    Registered("quadratic_weighted_kappa", _HIGHER, "label", _kappa, _kappa_resampled),
    Registered("roc_auc", _HIGHER, "probability", _auc, _auc_resampled),
    Registered("log_loss", _LOWER, "probability", _log_loss, _log_loss_resampled),
    Registered(
        "rmse",
        _LOWER,
        "value",
        lambda t, p: float(sk.root_mean_squared_error(t, p)),
        lambda t, p, w: np.sqrt(_mean(w, (t - p) ** 2)),
    ),
    Registered(
        "mae",
        _LOWER,
        "value",
        lambda t, p: float(sk.mean_absolute_error(t, p)),
        lambda t, p, w: _mean(w, np.abs(t - p)),
    ),
    Registered(
        "rmsle",
        _LOWER,
        "value",
        lambda t, p: float(sk.root_mean_squared_log_error(t, p)),
        lambda t, p, w: np.sqrt(_mean(w, (np.log1p(t) - np.log1p(p)) ** 2)),
    ),
    Registered("r2", _HIGHER, "value", lambda t, p: float(sk.r2_score(t, p)), _r2_resampled),
    Registered(
        "mape",
        _LOWER,
        "value",
        lambda t, p: float(sk.mean_absolute_percentage_error(t, p)),
        lambda t, p, w: _mean(w, _mape_rows(t, p)),
    ),
    Registered("smape", _LOWER, "value", _smape, lambda t, p, w: _mean(w, _smape_rows(t, p))),
)
REGISTRY = {one.name: one for one in _ALL}
ALIASES = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "rocauc": "roc_auc",
    "auroc": "roc_auc",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "f1_score": "f1",
    "f1_binary": "f1",
    "macro_f1": "f1_macro",
    "qwk": "quadratic_weighted_kappa",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "root_mean_squared_logarithmic_error": "rmsle",
    "root_mean_squared_log_error": "rmsle",
    "r_squared": "r2",
    "r2_score": "r2",
    "mean_absolute_percentage_error": "mape",
    "symmetric_mean_absolute_percentage_error": "smape",
}
