"""Every recipe keeps the repository's contract: it trains, predicts row by row, and writes what the task wants."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.knowledge.synthetic import Bench, Case, case

RECIPES = ("boosted", "linear", "extra_trees", "network", "kernel")
QUICK = [
    *((recipe, "mixed") for recipe in RECIPES),
    ("kernel", "smiles"),
    ("boosted", "many"),
    ("linear", "binary_label"),
]
EVERY = (
    "mixed",
    "text",
    "smiles",
    "dna",
    "several",
    "ordinal",
    "binary_label",
    "binary_probability",
    "many",
    "grouped",
)
WIDE = [(recipe, name) for recipe in RECIPES for name in EVERY if (recipe, name) not in QUICK]


@pytest.mark.parametrize(("recipe", "name"), QUICK)
def test_a_recipe_predicts_as_the_task_wants(tmp_path: Path, recipe: str, name: str) -> None:
    _keeps_the_contract(tmp_path, recipe, case(name))


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "name"), WIDE)
def test_a_recipe_fits_any_table(tmp_path: Path, recipe: str, name: str) -> None:
    _keeps_the_contract(tmp_path, recipe, case(name))


def _keeps_the_contract(folder: Path, recipe: str, given: Case) -> None:
    bench = Bench(folder, given, recipe)
    bench.train()
    assert any(name.startswith("valid_") for line in bench.metrics() for name in line)
    predicted = bench.predict(given.rows)
    assert list(predicted.columns) == list(given.task.prediction_columns)
    assert predicted["id"].tolist() == given.rows["id"].astype(str).tolist()
    _are_sensible(given, predicted)
    if given.task.classes:
        _agree(given, predicted, bench.probabilities())
    _do_not_depend_on_each_other(bench, predicted)


def _are_sensible(given: Case, predicted: pd.DataFrame) -> None:
    if given.task.metric.predicts == "label":
        assert set(predicted[given.task.targets[0]]) <= set(given.task.classes)
        return
    numbers = predicted[list(given.task.prediction_columns[1:])].astype(float).to_numpy()
    assert np.isfinite(numbers).all()
    if given.task.metric.predicts == "probability":
        assert ((numbers >= 0) & (numbers <= 1)).all()
        assert numbers.shape[1] == 1 or np.allclose(numbers.sum(axis=1), 1)
    assert (numbers.std(axis=0) > 0).all()


def _agree(given: Case, predicted: pd.DataFrame, probabilities: pd.DataFrame) -> None:
    """probabilities.csv has each class, sums to one, and its largest is the label."""
    assert list(probabilities.columns[1:]) == list(given.task.classes)
    shares = probabilities.iloc[:, 1:].to_numpy()
    assert np.allclose(shares.sum(axis=1), 1)
    if given.task.metric.predicts == "label":
        largest = np.array(given.task.classes)[shares.argmax(axis=1)]
        assert largest.tolist() == predicted[given.task.targets[0]].tolist()


def _do_not_depend_on_each_other(bench: Bench, predicted: pd.DataFrame) -> None:
    """The same for fewer rows, in another order, with other ids."""
    rows = bench.case.rows.sample(25, random_state=1)
    other = bench.predict(rows.assign(id=rows["id"] + 7_000_000), "other")
    columns = list(bench.case.task.prediction_columns[1:])
    wanted = predicted.iloc[rows.index][columns].reset_index(drop=True)
    if bench.case.task.metric.predicts == "label":
        assert other[columns].equals(wanted)
    else:
        np.testing.assert_allclose(other[columns].astype(float), wanted.astype(float), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("recipe", "name", "least"), [("linear", "text", 0.9), ("network", "text", 0.9)])
def test_labels_of_texts_are_learnt(tmp_path: Path, recipe: str, name: str, least: float) -> None:
    bench = Bench(tmp_path, case(name), recipe)
    bench.train(quick=False)
    predicted = bench.predict(bench.case.rows)
    assert (predicted["intent"] == bench.case.rows["intent"]).mean() >= least


def test_parts_that_add_up_are_learnt_each(tmp_path: Path) -> None:
    bench = Bench(tmp_path, case("mixed"), "boosted")
    assert bench.entry.config["parts"] == ["left", "right"]
    assert bench.entry.config["target_transform"] == "log1p"
    bench.train(quick=False)
    found = bench.predict(bench.case.rows)["total"].astype(float)
    truth = bench.case.rows["total"]
    naive = np.log1p(bench.case.frame["total"][:140]).mean()
    assert np.std(np.log1p(found) - np.log1p(truth)) < 0.6 * np.std(np.log1p(truth) - naive)
    names = {name for line in bench.metrics() for name in line}
    assert any(name.startswith("valid_left") for name in names)


@pytest.mark.parametrize("recipe", ["boosted", pytest.param("network", marks=pytest.mark.slow)])
def test_the_seed_decides_everything(tmp_path: Path, recipe: str) -> None:
    bench = Bench(tmp_path, case("binary_probability"), recipe)
    bench.train("first")
    bench.train("second")
    pd.testing.assert_frame_equal(
        bench.predict(bench.case.rows, "one", "first"), bench.predict(bench.case.rows, "two", "second")
    )


ENDLESS = {
    "boosted": {"rounds": 10_000_000, "early_stopping_rounds": 10_000_000, "learning_rate": 1e-6},
    "network": {"epochs": 10_000_000, "patience": 10_000_000},
    "extra_trees": {"trees": 10_000_000},
    "kernel": {"steps": 10_000_000},
}


STOPPED = ["boosted", *(pytest.param(name, marks=pytest.mark.slow) for name in ENDLESS if name != "boosted")]


@pytest.mark.parametrize("recipe", STOPPED)
def test_a_stop_signal_leaves_a_usable_model(tmp_path: Path, recipe: str) -> None:
    bench = Bench(tmp_path, case("several"), recipe, **ENDLESS[recipe])
    process = bench.training(quick=False)
    _until_it_trains(bench, process)
    process.send_signal(signal.SIGTERM)
    _, problem = process.communicate(timeout=20)
    assert process.returncode == 0, problem
    _are_sensible(bench.case, bench.predict(bench.case.rows))


def test_training_ends_at_its_time_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, case("several"), "boosted", time_limit=3, **ENDLESS["boosted"])
    bench.train(quick=False)
    assert bench.metrics()[-1]["time"] < 10
    both = bench.predict(bench.case.rows)
    assert len(set(both["one"])) > 10
    assert len(set(both["two"])) > 10, "the first target must not take the second one's time"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["network"])
def test_an_interrupted_training_goes_on_from_its_checkpoint(tmp_path: Path, recipe: str) -> None:
    """Members that were finished are taken over: the second training has less to log."""
    bench = Bench(tmp_path, case("several"), recipe, epochs=6)
    bench.train(quick=False)
    first = len(bench.metrics())
    before = bench.predict(bench.case.rows, "before")
    bench.train(quick=False)
    assert len(bench.metrics()) - first < first / 2
    pd.testing.assert_frame_equal(bench.predict(bench.case.rows, "after"), before)


def _until_it_trains(bench: Bench, process: "subprocess.Popen[str]") -> None:
    """Returns once there is a line of metrics; fails if the process ends before."""
    for _ in range(600):
        if bench.metrics():
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"training ended or never began: {process.stderr.read() if process.stderr else ''}")
