"""Trainings learn what is there, follow their seed, stop when told to, and go on where they were cut off."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.knowledge.synthetic import Bench, case, run_all

ENDLESS = {
    "boosted": {"rounds": 10_000_000, "early_stopping_rounds": 10_000_000, "learning_rate": 1e-6},
    "network": {"epochs": 10_000_000, "patience": 10_000_000},
    "extra_trees": {"trees": 10_000_000},
    "kernel": {"steps": 10_000_000},
}


@pytest.mark.parametrize("recipe", ["linear", "network"])
def test_labels_of_texts_are_learnt(tmp_path: Path, recipe: str) -> None:
    bench = Bench(tmp_path, case("text"), recipe)
    run_all(bench.code, [bench.training_command(quick=False), bench.predicting_command(bench.case.rows)])
    assert (bench.predicted()["intent"] == bench.case.rows["intent"]).mean() >= 0.9


def test_parts_that_add_up_are_learnt_each(tmp_path: Path) -> None:
    bench = Bench(tmp_path, case("mixed"), "boosted")
    assert bench.entry.config["parts"] == ["left", "right"]
    assert bench.entry.config["target_transform"] == "log1p"
    run_all(bench.code, [bench.training_command(quick=False), bench.predicting_command(bench.case.rows)])
    found, truth = np.log1p(bench.predicted()["total"].astype(float)), np.log1p(bench.case.rows["total"])
    assert np.std(found - truth) < 0.6 * np.std(truth)
    assert any(name.startswith("valid_left") for line in bench.metrics() for name in line)


@pytest.mark.parametrize("recipe", ["boosted", "network"])
def test_the_seed_decides_everything(tmp_path: Path, recipe: str) -> None:
    bench = Bench(tmp_path, case("binary_probability"), recipe)
    rows = bench.case.rows
    commands = [bench.training_command("one"), bench.training_command("two")]
    commands += [bench.predicting_command(rows, name, name) for name in ("one", "two")]
    run_all(bench.code, commands)
    pd.testing.assert_frame_equal(bench.predicted("one"), bench.predicted("two"))


@pytest.mark.parametrize(
    "recipe", ["boosted", *(pytest.param(name, marks=pytest.mark.slow) for name in ENDLESS if name != "boosted")]
)
def test_a_stop_signal_leaves_a_usable_model(tmp_path: Path, recipe: str) -> None:
    bench = Bench(tmp_path, case("several"), recipe, **ENDLESS[recipe])
    process = bench.training(quick=False)
    _until_it_trains(bench, process)
    process.send_signal(signal.SIGTERM)
    _, problem = process.communicate(timeout=60)
    assert process.returncode == 0, problem
    predicted = bench.predict(bench.case.rows)
    assert predicted[["one", "two"]].astype(float).notna().all(axis=None)


def test_training_ends_at_its_time_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, case("several"), "boosted", time_limit=2, **(ENDLESS["boosted"] | {"learning_rate": 0.05}))
    run_all(bench.code, [bench.training_command(quick=False), bench.predicting_command(bench.case.rows)])
    assert "valid_all_rmse" in bench.metrics()[-1]
    for target in ("one", "two"):
        found = bench.predicted()[target].astype(float)
        assert np.corrcoef(found, bench.case.rows[target])[0, 1] > 0.5, "each target gets its part of the time"


def test_a_training_that_was_cut_off_takes_over_what_was_finished(tmp_path: Path) -> None:
    bench = Bench(tmp_path, case("several"), "network", epochs=6)
    rows = bench.case.rows
    run_all(bench.code, [bench.training_command(quick=False), bench.predicting_command(rows, "before")])
    first = len(bench.metrics())
    run_all(bench.code, [bench.training_command(quick=False), bench.predicting_command(rows, "after")])
    assert len(bench.metrics()) - first < first / 2, "members from the checkpoint are not trained again"
    pd.testing.assert_frame_equal(bench.predicted("after"), bench.predicted("before"))


def _until_it_trains(bench: Bench, process: "subprocess.Popen[str]") -> None:
    """Returns once there is a line of metrics; fails if the process ends before."""
    for _ in range(1200):
        if bench.metrics():
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"training ended or never began: {process.stderr.read() if process.stderr else ''}")
