"""Metric values by hand and by scikit-learn, and intervals that cover."""

import time
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from activities.errors import BadInput
from activities.workspace import metrics
from activities.workspace.interval import interval, interval_of, value

ROWS = 500


def data(predicts: str, classes: int = 2, rows: int = ROWS, seed: int = 0) -> tuple[Any, Any]:
    """Truth and predictions of some skill, in the form that such metrics take."""
    random = np.random.default_rng(seed)
    if predicts == "value":
        truth = random.gamma(2.0, 3.0, rows) + 0.1
        return truth, np.maximum(truth + random.normal(0, 1, rows), 0)
    codes = random.integers(classes, size=rows)
    if predicts == "label":
        return codes, np.where(random.random(rows) < 0.7, codes, random.integers(classes, size=rows))
    raw = random.random((rows, classes)).round(2) + 0.01  # rounded: ties must count half
    raw[np.arange(rows), codes] += 0.4
    return codes, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", metrics.REGISTRY)
@pytest.mark.parametrize("classes", [2, 5])
def test_resampled_values_are_scikit_learns_on_the_rows_drawn(name: str, classes: int) -> None:
    metric = metrics.REGISTRY[name]
    if name == "f1" and classes > 2:
        pytest.skip("f1 is of two classes")
    truth, predicted = data(metric.predicts, classes)
    random = np.random.default_rng(1)
    draws = [random.integers(ROWS, size=ROWS) for _ in range(4)]
    weights = np.array([np.bincount(rows, minlength=ROWS) for rows in draws], dtype=float)
    expected = [metric.value(truth[rows], predicted[rows]) for rows in draws]
    assert metric.resampled(truth, predicted, weights) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "expected"),
    [
        ("accuracy", [0, 1, 1, 0], [0, 1, 0, 0], 0.75),
        ("balanced_accuracy", [0, 0, 0, 1], [0, 0, 1, 1], (2 / 3 + 1) / 2),
        ("f1", [0, 1, 1, 0], [0, 1, 0, 0], 2 / 3),
        ("f1_macro", [0, 1, 1, 0], [0, 1, 0, 0], (2 / 3 + 4 / 5) / 2),
        ("quadratic_weighted_kappa", [0, 1, 2], [0, 1, 2], 1.0),
        ("quadratic_weighted_kappa", [0, 2], [2, 0], -1.0),
        ("rmse", [1.0, 2.0], [1.0, 4.0], 2**0.5),
        ("mae", [1.0, 2.0], [1.0, 4.0], 1.0),
        ("rmsle", [0.0, 0.0], [np.e - 1, np.e - 1], 1.0),
        ("r2", [1.0, 3.0], [1.0, 3.0], 1.0),
        ("r2", [1.0, 3.0], [2.0, 2.0], 0.0),
        ("mape", [1.0, 2.0], [1.5, 2.0], 0.25),
        ("smape", [1.0, 0.0], [3.0, 0.0], 0.5),
        ("roc_auc", [0, 1, 1], [[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]], 0.75),
        ("log_loss", [0, 1], [[0.5, 0.5], [0.5, 0.5]], np.log(2)),
    ],
)
def test_values_by_hand(name: str, truth: list[Any], predicted: list[Any], expected: float) -> None:
    assert metrics.REGISTRY[name].value(np.array(truth), np.array(predicted)) == pytest.approx(expected)


def test_a_sure_mistake_costs_much_but_not_everything() -> None:
    loss = metrics.REGISTRY["log_loss"].value(np.array([0]), np.array([[0.0, 1.0]]))
    assert 30 < loss < 40


def test_auc_of_many_classes_is_one_against_the_rest() -> None:
    truth, predicted = data("probability", 4)
    expected = sk.roc_auc_score(truth, predicted, multi_class="ovr", average="macro")
    assert metrics.REGISTRY["roc_auc"].value(truth, predicted) == pytest.approx(expected)


def test_several_targets_count_the_same() -> None:
    truth = {"a": np.array([1.0, 2.0]), "b": np.array([0.0, 0.0])}
    predicted = {"a": np.array([1.0, 2.0]), "b": np.array([4.0, 4.0])}
    assert value(metrics.REGISTRY["mae"], truth, predicted) == 2.0


def test_intervals_cover_the_value_of_the_population_about_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(100):
        truth, predicted = data("label", 2, rows=200, seed=seed)
        low, high = interval(metrics.REGISTRY["accuracy"], {"t": truth}, {"t": predicted}, np.arange(200))
        covered += low <= 0.85 <= high  # right when kept, and half of the time when drawn
    assert 88 <= covered <= 100


def test_rows_that_are_alike_make_the_interval_wider() -> None:
    truth, predicted = data("value")
    error = np.repeat(np.random.default_rng(0).normal(0, 1, ROWS // 10), 10)
    metric, arrays = metrics.REGISTRY["mae"], ({"t": truth}, {"t": truth + error})
    alone, together = interval(metric, *arrays, np.arange(ROWS)), interval(metric, *arrays, np.arange(ROWS) // 10)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
    assert predicted is not None


def test_intervals_are_the_same_each_time_and_hold_the_value() -> None:
    for name, metric in metrics.REGISTRY.items():
        truth, predicted = data(metric.predicts)
        arrays = {"t": truth}, {"t": predicted}
        first, second = (interval(metric, *arrays, np.arange(ROWS)) for _ in range(2))
        assert first == second, name
        assert first[0] <= value(metric, *arrays) <= first[1], name
        assert first[0] < first[1], name


def test_an_own_metric_is_resampled_within_its_time() -> None:
    numbers = np.arange(50, dtype=float)
    started = time.monotonic()
    low, high = interval_of(lambda rows: float(numbers[rows].mean()), np.arange(50), 24.5, seconds=0.5)
    assert low < 24.5 < high
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("said", "name"), [("AUC", "roc_auc"), ("Log Loss", "log_loss"), ("R2", "r2"), ("qwk", None)])
def test_metrics_are_found_as_people_write_them(said: str, name: str | None) -> None:
    assert metrics.find(said).name == (name or "quadratic_weighted_kappa")


def test_an_unknown_metric_gets_the_nearest_names() -> None:
    with pytest.raises(BadInput, match=r"'acuracy' .*`accuracy`"):
        metrics.find("acuracy")
