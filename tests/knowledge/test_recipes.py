"""Every recipe keeps the repository's contract: it trains, predicts row by row, and writes what the task wants."""

import numpy as np
import pandas as pd
import pytest

from tests.knowledge.synthetic import Bench, Case, Frame, case, run_all

RECIPES = ("boosted", "linear", "extra_trees", "network", "kernel")
CASES = (
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
Benches = dict[str, Bench]


@pytest.fixture(scope="module", params=RECIPES)
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Benches:
    """One recipe, trained on every tiny task and asked for all rows, and for a few of them under other names."""
    folder, made, commands = tmp_path_factory.mktemp(request.param), {}, []
    for name in CASES:
        (folder / name).mkdir()
        made[name] = bench = Bench(folder / name, case(name), request.param)
        commands += [
            bench.training_command(),
            bench.predicting_command(bench.case.rows),
            bench.predicting_command(_few(bench.case), "few"),
        ]
    run_all(made[CASES[0]].code, commands)
    return made


def _few(given: Case) -> Frame:
    rows = given.rows.sample(25, random_state=1)
    return rows.assign(id=rows["id"] + 7_000_000)


@pytest.mark.parametrize("name", CASES)
def test_predictions_are_what_the_task_wants(benches: Benches, name: str) -> None:
    given, predicted = benches[name].case, benches[name].predicted()
    assert list(predicted.columns) == list(given.task.prediction_columns)
    assert predicted["id"].tolist() == given.rows["id"].astype(str).tolist()
    if given.task.metric.predicts == "label":
        assert set(predicted[given.task.targets[0]]) <= set(given.task.classes)
        return
    numbers = predicted[list(given.task.prediction_columns[1:])].astype(float).to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers.std(axis=0) > 0).all()
    if given.task.metric.predicts == "probability":
        assert ((numbers >= 0) & (numbers <= 1)).all()
        assert numbers.shape[1] == 1 or np.allclose(numbers.sum(axis=1), 1)


@pytest.mark.parametrize("name", [name for name in CASES if case(name).task.classes])
def test_probabilities_lie_beside_and_agree(benches: Benches, name: str) -> None:
    task, probabilities = benches[name].case.task, benches[name].probabilities()
    assert list(probabilities.columns[1:]) == list(task.classes)
    shares = probabilities.iloc[:, 1:].to_numpy()
    assert np.allclose(shares.sum(axis=1), 1)
    if task.metric.predicts == "label":
        largest = np.array(task.classes)[shares.argmax(axis=1)]
        assert largest.tolist() == benches[name].predicted()[task.targets[0]].tolist()


@pytest.mark.parametrize("name", CASES)
def test_a_row_depends_on_no_other_and_not_on_its_id(benches: Benches, name: str) -> None:
    bench = benches[name]
    columns = list(bench.case.task.prediction_columns[1:])
    places = bench.case.rows.sample(25, random_state=1).index
    few = bench.predicted("few")[columns]
    wanted = bench.predicted().iloc[places][columns].reset_index(drop=True)
    if bench.case.task.metric.predicts == "label":
        pd.testing.assert_frame_equal(few, wanted)
    else:
        np.testing.assert_allclose(few.astype(float), wanted.astype(float), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_progress_is_logged_by_name(benches: Benches, name: str) -> None:
    lines = benches[name].metrics()
    assert all({"step", "time"} <= set(line) for line in lines)
    names = {key for line in lines for key in line} - {"step", "time"}
    assert any(key.startswith("valid_") for key in names)
    assert all(key.startswith(("valid_", "train_")) for key in names)
