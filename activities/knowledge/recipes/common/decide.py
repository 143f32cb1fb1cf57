"""From outputs to predictions: calibrated probabilities, labels that suit the metric, and the files of the contract."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr

import metrics
from targets import Head, Targets

Outputs = dict[str, np.ndarray]


def calibrate(targets: Targets, truth: Outputs, outputs: Outputs) -> None:
    """Learns a temperature, class weights and cut points from rows that the models were not trained on."""
    targets.temperature = {}
    for head in targets.heads:
        if head.classes:
            targets.temperature[head.name] = _temperature(truth[head.name], outputs[head.name])
            if targets.predicts == "label":
                probabilities = soften(outputs[head.name], targets.temperature[head.name])
                targets.weights[head.name] = _class_weights(targets.metric, truth[head.name], probabilities)
        elif targets.ordinal:
            _learn_cuts(targets, head, truth[head.name], outputs[head.name])


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    logits = np.log(np.clip(probabilities, 1e-9, 1)) / temperature
    powered = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powered / powered.sum(axis=1, keepdims=True)


def _temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The one that makes the truth most likely, so that probabilities of different models can be averaged."""
    if len(truth) < 20:
        return 1.0

    def loss(log_temperature: float) -> float:
        return metrics.of_probabilities("log_loss", truth, soften(probabilities, np.exp(log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded").x))


def _class_weights(metric: str, truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """What to multiply probabilities by before the largest is taken; ones where that is already best."""
    count = probabilities.shape[1]
    if metric == "accuracy" or len(truth) < 50:
        return np.ones(count)
    shares = np.bincount(truth, minlength=count) / len(truth)
    candidates = [np.maximum(shares, 1e-3) ** -power for power in (0.0, 0.25, 0.5, 0.75, 1.0)]
    if count == 2:
        candidates += [np.array([1.0, odds]) for odds in np.geomspace(0.1, 30, 60)]
    scores = [metrics.of_labels(metric, truth, (probabilities * weight).argmax(axis=1)) for weight in candidates]
    best = max(scores)
    near = [number for number, score in enumerate(scores) if score >= best - 0.002]  # the middle of a plateau is safer
    return candidates[near[len(near) // 2]] if count == 2 else candidates[int(np.argmax(scores))]


def _learn_cuts(targets: Targets, head: Head, truth: np.ndarray, outputs: np.ndarray) -> None:
    """Where to cut a number into ordered classes so that the kappa is highest."""
    levels, values = np.round(head.back(truth)).astype(int), head.back(outputs)
    cuts = np.arange(int(head.low), int(head.high)) + 0.5

    def loss(found: np.ndarray) -> float:
        return -metrics.of_labels(targets.metric, levels, np.searchsorted(np.sort(found), values))

    best = minimize(loss, cuts, method="Nelder-Mead", options={"maxiter": 200, "initial_simplex": None})
    targets.cuts[head.name] = np.sort(best.x) if best.fun < loss(cuts) else cuts
    targets.spread[head.name] = float(np.std(values - levels)) or 1.0


def probabilities(targets: Targets, head: Head, outputs: np.ndarray) -> np.ndarray:
    """Rows x classes; for label metrics weighted such that the largest is the label."""
    if head.classes:
        temperature = targets.temperature.get(head.name, 1.0) if isinstance(targets.temperature, dict) else 1.0
        weighted = soften(outputs, temperature) * targets.weights[head.name]
        return weighted / weighted.sum(axis=1, keepdims=True)
    cuts = targets.cuts.get(head.name, np.arange(int(head.low), int(head.high)) + 0.5)
    spread = max(targets.spread.get(head.name, 0.5), 1e-6)
    below = ndtr((cuts[None, :] - head.back(outputs)[:, None]) / spread)
    edges = np.hstack([np.zeros((len(outputs), 1)), below, np.ones((len(outputs), 1))])
    found = np.diff(edges, axis=1)
    label = np.searchsorted(cuts, head.back(outputs))
    found[np.arange(len(found)), label] += 1  # the label that the cuts give stays the largest
    return found / found.sum(axis=1, keepdims=True)


def score(targets: Targets, truth: Outputs, outputs: Outputs) -> float:
    """The metric on rows with known truth, a mean over several targets."""
    if targets.predicts == "value":
        real = targets.values(truth)
        found = targets.values(outputs)
        return float(np.mean([metrics.of_values(targets.metric, real[name], found[name]) for name in real]))
    scores = []
    for head in targets.heads:
        levels = truth[head.name] if head.classes else np.round(head.back(truth[head.name])).astype(int)
        found = probabilities(targets, head, outputs[head.name])
        if targets.predicts == "label":
            scores.append(metrics.of_labels(targets.metric, levels, found.argmax(axis=1)))
        else:
            scores.append(metrics.of_probabilities(targets.metric, levels, found))
    return float(np.mean(scores))


def write(targets: Targets, ids: pd.Series, outputs: Outputs, path: Path) -> None:
    """predictions.csv with the task's columns, and probabilities.csv beside it for classes."""
    task = targets.task
    names = list(task["prediction_columns"])
    frame = pd.DataFrame({names[0]: ids.to_numpy()})
    if targets.predicts == "value":
        for name, values in targets.values(outputs).items():
            frame[name] = values
    else:
        _write_classes(targets, frame, outputs, path)
    frame[names].to_csv(path, index=False)


def _write_classes(targets: Targets, frame: pd.DataFrame, outputs: Outputs, path: Path) -> None:
    names = list(targets.task["prediction_columns"])[1:]
    every = pd.DataFrame({frame.columns[0]: frame.iloc[:, 0]})
    single = len(targets.heads) == 1
    for head in targets.heads:
        classes = head.classes or targets.task["classes"]
        found = probabilities(targets, head, outputs[head.name])
        for number, label in enumerate(classes):
            every[str(label) if single else f"{head.name}:{label}"] = found[:, number]
        if targets.predicts == "label":
            frame[head.name] = np.array(classes, object)[found.argmax(axis=1)]
        elif single and len(names) == len(classes) and len(names) > 1:
            columns = classes if set(classes) == set(names) else names
            for number, column in enumerate(columns):
                frame[column] = found[:, number]
        else:
            frame[names[0] if single else head.name] = found[:, -1]
    every.to_csv(path.parent / "probabilities.csv", index=False)
