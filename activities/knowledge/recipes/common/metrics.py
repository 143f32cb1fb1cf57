"""Metrics for our own validation. The system's scorer has the last word; this is to stop, calibrate and log by."""

import numpy as np
from sklearn import metrics as sk


def canonical(name: str) -> str:
    """One name for each metric however it is spelt, `rmse` for an unknown one of numbers."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    for prefix in ("mean_columnwise_", "columnwise_", "column_mean_", "mean_column_", "mc"):
        plain = plain.removeprefix(prefix)
    if "kappa" in plain or plain == "qwk":
        return "quadratic_weighted_kappa"
    if "auc" in plain:
        return "roc_auc"
    if "f1" in plain:
        return "f1_macro" if "macro" in plain else "f1"
    if plain in ("log_loss", "logloss", "cross_entropy"):
        return "log_loss"
    return plain


def of_values(name: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """A metric of numbers."""
    name = canonical(name)
    if name == "rmsle":
        return float(np.sqrt(np.mean((np.log1p(np.maximum(truth, 0)) - np.log1p(np.maximum(predicted, 0))) ** 2)))
    if name == "mae":
        return float(np.mean(np.abs(truth - predicted)))
    if name == "mape":
        return float(sk.mean_absolute_percentage_error(truth, predicted))
    if name == "smape":
        scale = np.abs(truth) + np.abs(predicted)
        return float(np.mean(2 * np.abs(truth - predicted) / np.where(scale == 0, 1, scale)))
    if name == "r2":
        return float(sk.r2_score(truth, predicted))
    if name == "mse":
        return float(np.mean((truth - predicted) ** 2))
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def of_labels(name: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """A metric of class numbers; class 1 is the positive one of two."""
    name = canonical(name)
    if name == "balanced_accuracy":
        recalls = [np.mean(predicted[truth == label] == label) for label in np.unique(truth)]
        return float(np.mean(recalls))
    if name == "f1":
        return float(sk.f1_score(truth == 1, predicted == 1, zero_division=0))
    if name == "f1_macro":
        return float(sk.f1_score(truth, predicted, average="macro", zero_division=0))
    if name == "quadratic_weighted_kappa":
        return float(sk.cohen_kappa_score(truth, predicted, weights="quadratic"))
    return float(np.mean(truth == predicted))


def of_probabilities(name: str, truth: np.ndarray, probabilities: np.ndarray) -> float:
    """A metric of class probabilities, rows x classes."""
    if canonical(name) == "roc_auc" and len(np.unique(truth)) > 1:
        return _area(truth, probabilities)
    chosen = probabilities[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.clip(chosen, 1e-12, 1))))


def _area(truth: np.ndarray, probabilities: np.ndarray) -> float:
    if probabilities.shape[1] == 2:
        return float(sk.roc_auc_score(truth == 1, probabilities[:, 1]))
    here = [label for label in range(probabilities.shape[1]) if 0 < np.sum(truth == label) < len(truth)]
    return float(np.mean([sk.roc_auc_score(truth == label, probabilities[:, label]) for label in here]))
